#include "tests/sim/coordination.h"

#include "base/check.h"
#include "tests/sim/memory.h"

namespace fulmar::sim {

using coord::StoreError;

struct ModelStore::UnderWay {
    explicit UnderWay(ModelStore& s) : store(s) { ++store.under_way_; }
    UnderWay(const UnderWay&) = delete;
    ~UnderWay() { --store.under_way_; }
    ModelStore& store;
};

ModelStore::ModelStore(Loop& loop, State& state, World world)
    : loop_(loop), state_(state), world_(std::move(world)), session_(++state.last_session_) {
    AtWork here(the_world);
    state_.live_.insert(session_);
}
ModelStore::~ModelStore() {
    CHECK(under_way_ == 0);
    if (!abandoned_) state_.expire(session_);
}

// Timers of the same instant ring in the order in which they were set.
Task<> ModelStore::travel(Instant& last_arrival) {
    auto latency = Millis(world_.random() % (std::uint64_t(world_.latency_max.count()) + 1));
    last_arrival = std::max(last_arrival, loop_.now() + latency);
    Timer timer(loop_);
    timer.set(last_arrival);
    co_await timer;
}

Task<std::expected<coord::Entry, StoreError>> ModelStore::get(std::string path) {
    UnderWay here(*this);
    co_await travel(last_there_);
    auto entry = state_.tree_.get(path);
    co_await travel(last_back_);
    if (!live()) co_return std::unexpected(StoreError::expired);
    co_return entry;
}

Task<std::expected<std::vector<coord::Entry>, StoreError>> ModelStore::list(std::string path) {
    UnderWay here(*this);
    co_await travel(last_there_);
    auto children = state_.tree_.list(path);
    co_await travel(last_back_);
    if (!live()) co_return std::unexpected(StoreError::expired);
    co_return children;
}

Task<std::expected<std::vector<std::int64_t>, coord::Refusal>> ModelStore::commit(
    std::vector<coord::Change> changes) {
    using Answer = std::expected<std::vector<std::int64_t>, coord::Refusal>;
    UnderWay here(*this);
    co_await travel(last_there_);
    Answer answer = std::unexpected(coord::Refusal{StoreError::expired});
    if (live()) {
        auto fault = world_.fault ? world_.fault(changes) : CommitFault::none;
        if (fault != CommitFault::before) {
            AtWork meanwhile(the_world);
            answer = state_.tree_.commit(changes, session_, state_.last_create_id_);
            if (answer && world_.applied) world_.applied();
        }
        if (fault != CommitFault::none) answer = std::unexpected(coord::Refusal{StoreError::unknown_outcome});
    }
    co_await travel(last_back_);
    if (!live()) answer = std::unexpected(coord::Refusal{StoreError::expired});
    co_return answer;
}

}  // namespace fulmar::sim
