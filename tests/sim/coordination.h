// The simulator's Store: an ensemble that outlives the nodes that use it, and a handle of one node.
//
// All of it happens in turns of the node's Loop, with latencies from a given source of chance: one seed,
// one history. It passes the contract test of tests/coord/contract.h. Not modelled: reads that are older than
// another node's commit.
#pragma once

#include <functional>
#include <set>

#include "coord/tree.h"
#include "io/seam.h"

namespace fulmar::sim {

// What becomes of a commit whose connection breaks.
enum class CommitFault : std::uint8_t {
    none,
    before,  // `unknown_outcome`, and it was not applied.
    after,   // `unknown_outcome`, and it was.
};

class ModelStore final : public coord::Store {
public:
    // The ensemble. It lives longer than every ModelStore over it, and survives what kills them.
    class State {
    public:
        const coord::Tree& tree() const { return tree_; }
        // The session is over for the ensemble, whether its node lives or not: its ephemerals vanish, and
        // its node, if it asks once more, hears `expired`.
        void expire(coord::Tree::Session session) {
            if (live_.erase(session)) tree_.end(session);
        }
        // All of them, in order of opening.
        const std::set<coord::Tree::Session>& live() const { return live_; }

    private:
        friend ModelStore;
        coord::Tree tree_;
        coord::Tree::Session last_session_ = 0;
        std::int64_t last_create_id_ = 0;
        std::set<coord::Tree::Session> live_;
    };
    struct World {
        std::function<std::uint64_t()> random;
        Millis latency_max{3};  // Each way.
        // May be empty. Asked once a commit, in the order in which they apply.
        std::function<CommitFault(std::span<const coord::Change>)> fault = {};
        // May be empty. Called when a commit has been applied and its answer has not left: a node that is
        // killed here does not know. It kills in a later turn, since it is called in one of the node's.
        std::function<void()> applied = {};
    };

    ModelStore(Loop& loop, State& state, World world);
    // A clean end, unless `abandon` was called: then the session lives on until it is expired.
    ~ModelStore() override;
    // The node dies without a word. Frames that wait here may be destroyed, but before the store.
    void abandon() { abandoned_ = true; }
    coord::Tree::Session session() const { return session_; }

    Task<std::expected<coord::Entry, coord::StoreError>> get(std::string path) override;
    Task<std::expected<std::vector<coord::Entry>, coord::StoreError>> list(std::string path) override;
    Task<std::expected<std::vector<std::int64_t>, coord::Refusal>> commit(
        std::vector<coord::Change> changes) override;

private:
    struct UnderWay;  // Counts the calls whose frames live.
    bool live() const { return state_.live_.contains(session_); }
    // A way there or back. What left first arrives first.
    Task<> travel(Instant& last_arrival);

    Loop& loop_;
    State& state_;
    World world_;
    coord::Tree::Session session_;
    Instant last_there_{}, last_back_{};
    int under_way_ = 0;
    bool abandoned_ = false;
};

}  // namespace fulmar::sim
