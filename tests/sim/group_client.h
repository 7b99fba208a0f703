// What the members of a group have in common, whichever protocol they speak: a connection to its coordinator,
// whose answers are waited for and looked at, and offsets that are committed and fetched.
#pragma once

#include <fmt/format.h>

#include "tests/sim/groups.h"

namespace fulmar::sim {

// What a disk and a network take, at their slowest.
inline constexpr Millis slack{5'000};

class GroupClient {
public:
    GroupClient(Seam& seam, Workload& work, ConsumerGroup& group, MemberPlan& plan, Chance& chance);
    GroupClient(const GroupClient&) = delete;

protected:
    using Generation = GroupLedger::Generation;
    using Asked = GroupLedger::Asked;
    using Outcome = GroupLedger::Outcome;

    Chance& chance() { return chance_; }
    Asked asked() const { return {work_.world.now, work_.broker.lives}; }
    Task<> pause(std::int64_t most_ms) {
        co_await Timer(seam_.loop, Millis(1 + chance().below(std::uint64_t(most_ms))));
    }
    std::int64_t session_ms() const { return group_.session_timeout.count(); }
    std::int64_t rebalance_ms() const { return group_.rebalance_timeout.count(); }
    bool misbehaves(std::uint64_t n) { return !settling_ && chance().one_in(n); }
    // Once no fault comes any more it does its share, and then behaves.
    void settle();
    // It goes over to the other protocol, if its group is in the middle of that.
    bool migrates(std::uint64_t n) { return group_.kind == GroupKind::mixed && misbehaves(n); }
    std::optional<std::string_view> instance() const {
        return instance_.empty() ? std::nullopt : std::optional<std::string_view>(instance_);
    }
    void complain(std::string_view what, std::string_view who, std::string_view of) const {
        group_.ledger.complain(fmt::format("{}: {} {}", what, who, of));
    }

    template <class Q, class A>
    Task<Result<A>> call(std::string_view what, const Q& request, int version, Arena& arena, Frame& frame,
                         Millis most = slack) {
        auto [at, life] = asked();
        group_.waits[plan_.number] = {what, at, life, most};
        auto told = co_await ask<Q, A>(client_, request, version, arena, frame);
        group_.waits.erase(plan_.number);
        co_return told;
    }
    // Connected, and where its coordinator and its topics are known.
    Task<Result<>> be_connected();

    // As whom a member commits; `by`: as what the ledger is to know it.
    struct As {
        Generation by{};
        std::int32_t epoch = -1;
        std::string id{};
    };
    Task<Result<kafka::ErrorCode>> commit(const As& as, const std::vector<Place>& places, int version,
                                          bool counts);
    Task<Result<CommittedOffsets>> fetch(const As& as, const std::set<Place>& places, int version);
    // What is committed, as it was asked for then. Those of which nothing is.
    std::vector<Place> note(const CommittedOffsets& told, Asked since);

    Seam& seam_;
    Workload& work_;
    ConsumerGroup& group_;
    MemberPlan& plan_;
    Chance& chance_;
    Client client_;
    std::string instance_;  // Of a static member.
    bool ready_ = false, settling_ = false;

private:
    std::map<Place, Offset> next_;
};

}  // namespace fulmar::sim
