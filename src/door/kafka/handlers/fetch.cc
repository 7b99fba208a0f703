#include "wire/kafka/fetch.h"

#include <algorithm>
#include <deque>
#include <map>

#include "door/kafka/handlers/handlers.h"
#include "log/cold_read.h"

namespace fulmar::kafka {

namespace {

// No fetch waits longer, whatever a client asks for: an empty answer is always right.
constexpr Millis wait_max{300'000};
constexpr int ids_since = 13;  // KIP-516: topics go by their ids.

// One partition of the request, and what there is of it.
struct Part {
    std::size_t topic = 0;  // Its place in the request.
    const FetchRequest::Partition* asked = nullptr;
    PartitionId id;
    int core = -1;  // Where it lives; -1: refused before anybody was asked.
    ErrorCode error{};
    Offset high_watermark{-1}, log_start{-1};
    Slice slice;
    // What was read when the watermark was there, whatever became of `slice` since.
    Slice found{};
    Offset found_until{-1};
    bool failed() const { return error != ErrorCode::none; }
};

class Fetch {
public:
    Fetch(Call& call, const FetchRequest& request) : call_(call), request_(request) {}
    Task<Answer> run();

private:
    void resolve();
    Task<> read_on(Shard& there);
    void limit();
    Task<> read_all();
    Task<> read_cold();
    Task<> wait(Instant deadline);
    Task<> watch(int core, Timer& home, Timer*& waiting, Instant deadline);
    Answer finish();

    std::size_t bytes_max() const {
        return std::min(std::size_t(request_.max_bytes),
                        std::size_t(call_.broker.settings().fetch_bytes_max));
    }
    Call& call_;
    const FetchRequest& request_;
    std::vector<Part> parts_;
    std::vector<bool> involved_;
    std::uint64_t bytes_ = 0;
    int watching_ = 0;
    Signal watched_;
};

void Fetch::resolve() {
    involved_.resize(std::size_t(call_.broker.cores()));
    bool by_id = call_.version() >= ids_since;
    auto replica = call_.version() >= 15 ? request_.replica_state.replica_id : request_.replica_id;
    std::map<std::pair<std::size_t, std::int32_t>, std::size_t> known;
    std::map<std::string_view, std::size_t> topics;
    for (std::size_t t = 0; t < request_.topics.size(); ++t) {
        auto& asked_topic = request_.topics[t];
        auto* topic = by_id ? call_.here.image().find(asked_topic.topic_id)
                            : call_.here.image().find(asked_topic.topic);
        // The same topic may stand there twice too.
        auto name = by_id ? text_of(asked_topic.topic_id) : asked_topic.topic;
        auto same = topics.emplace(name, t).first->second;
        for (auto& asked : asked_topic.partitions) {
            Part part;
            part.topic = t;
            part.asked = &asked;
            if (!topic) {
                part.error = by_id ? ErrorCode::unknown_topic_id : ErrorCode::unknown_topic_or_partition;
            } else if (asked.partition < 0 || std::size_t(asked.partition) >= topic->partitions.size()) {
                part.error = ErrorCode::unknown_topic_or_partition;
            } else if (replica >= BrokerId{0}) {
                part.error =
                    ErrorCode::not_leader_or_follower;  // No broker follows us, whoever says he does.
            } else if (request_.isolation_level != 0 && request_.isolation_level != 1) {
                part.error = ErrorCode::unknown_server_error;  // As Kafka's (tests/reference/recorded).
            } else if (request_.max_bytes < 0) {
                part.error = ErrorCode::unknown_server_error;
            } else {
                part.id = {topic->id, asked.partition};
                part.core = core_of(part.id, call_.broker.cores());
                involved_[std::size_t(part.core)] = true;
            }
            auto [at, fresh] = known.emplace(std::pair(same, asked.partition), parts_.size());
            if (fresh) parts_.push_back(part);
            else parts_[at->second] = part;  // The last entry counts.
        }
    }
}

// On that core: what there is of each of its partitions, as if it were the only one.
Task<> Fetch::read_on(Shard& there) {
    for (auto& part : parts_) {
        if (part.core != there.core) continue;
        part.slice = {};
        part.error = ErrorCode::none;
        auto partition = there.find(part.id);
        part.error =
            partition ? partition->check_epoch(part.asked->current_leader_epoch) : there.absence(part.id);
        bool by_id = call_.version() >= ids_since;
        if (part.error == ErrorCode::unknown_topic_or_partition && by_id)
            part.error = ErrorCode::unknown_topic_id;
        if (part.failed()) continue;
        auto from = part.asked->fetch_offset;
        bool diverged = part.asked->last_fetched_epoch > partition->leader_epoch();
        auto end = partition->log_end().offset;
        if (partition->damaged() && from >= end) {
            part.error = ErrorCode::kafka_storage_error;
            continue;
        }
        if (from < partition->log_start() || from > end || diverged) {
            part.error = ErrorCode::offset_out_of_range;
            continue;
        }
        auto limit = partition->visible_end();
        part.high_watermark = limit.offset;
        part.log_start = partition->log_start();
        if (from >= limit.offset) continue;      // Not durable yet: as if it were not there.
        if (part.found_until != limit.offset) {  // Else it is here because another partition has moved.
            auto bytes_max = std::size_t(std::max(0, part.asked->partition_max_bytes));
            auto slice = partition->read(from, limit, bytes_max);
            if (!slice) slice = co_await partition->read_cold(from, limit, bytes_max);
            if (!*slice) {
                part.error = ErrorCode::kafka_storage_error;
                continue;
            }
            bool deleted = from < partition->log_start();  // Meanwhile.
            if ((*slice)->range.length == 0 && deleted) {
                part.error = ErrorCode::offset_out_of_range;
                continue;
            }
            part.found = **slice;
            part.found_until = limit.offset;
        }
        part.slice = part.found;
    }
}

// KIP-74: partitions in the order of the request until the bytes are used up; the first that has any gives
// one batch at least, even a larger one.
void Fetch::limit() {
    auto left = std::uint64_t(request_.max_bytes < 0 ? 0 : bytes_max());
    bytes_ = 0;
    for (auto& part : parts_) {
        if (part.failed() || part.slice.range.length == 0) continue;
        auto& slice = part.slice;
        auto within = std::min(left, std::uint64_t(std::max(0, part.asked->partition_max_bytes)));
        bool fits = slice.first_bytes <= within;
        if (!fits && bytes_ > 0) slice = {};
        else slice.range.length = fits ? std::min(slice.range.length, within) : slice.first_bytes;
        bytes_ += slice.range.length;
        left -= std::min(left, slice.range.length);
    }
}

Task<> Fetch::read_all() {
    for (int core = 0; core < call_.broker.cores(); ++core) {
        if (!involved_[std::size_t(core)]) continue;
        auto& there = call_.broker.shard(core);
        bool elsewhere = &there != &call_.here;
        if (elsewhere) co_await Hop(there.seam.loop);
        co_await read_on(there);
        if (elsewhere) co_await Hop(call_.loop());
    }
    limit();
}

Task<> Fetch::read_cold() {
    for (auto& part : parts_) {
        if (part.failed() || is_cached(part.slice.range)) continue;
        auto& range = part.slice.range;
        auto read = co_await call_.seam().disk.run([&] { return read_ahead(range, part.slice.base); });
        if (read) continue;
        part.slice = {};
        part.error = ErrorCode::kafka_storage_error;
    }
}

// Until some partition's high watermark moves, the time is up, or nobody waits any more.
Task<> Fetch::wait(Instant deadline) {
    Timer timer(call_.loop());
    timer.set(deadline);
    call_.hangup.waiting = &timer;
    call_.hangup.deadline = deadline;
    if (call_.hangup.happened) timer.wake();
    std::vector<Timer*> elsewhere(involved_.size());
    std::deque<Waiters::Place> places;
    for (int core = 0; core < int(involved_.size()); ++core) {
        if (!involved_[std::size_t(core)]) continue;
        if (core != call_.here.core) {
            call_.loop().spawn(watch(core, timer, elsewhere[std::size_t(core)], deadline));
            continue;
        }
        for (auto& part : parts_) {
            if (part.core != core || part.failed()) continue;
            if (auto partition = call_.here.find(part.id))
                places.emplace_back(partition->waiters(), part.high_watermark + 1, timer);
            else timer.wake();
        }
    }
    co_await timer;
    call_.hangup.waiting = nullptr;
    places.clear();
    for (int core = 0; core < int(elsewhere.size()); ++core) {
        if (!involved_[std::size_t(core)] || core == call_.here.core) continue;
        auto end = [&] {
            if (auto* waiting = elsewhere[std::size_t(core)]) waiting->wake();
        };
        co_await call_on(call_.broker.shard(core).seam.loop, call_.loop(), end);
    }
    while (watching_ > 0) co_await watched_.wait();
}
Task<> Fetch::watch(int core, Timer& home, Timer*& waiting, Instant deadline) {
    ++watching_;
    auto& there = call_.broker.shard(core);
    auto patience = deadline - call_.loop().now();
    co_await Hop(there.seam.loop);
    {
        Timer timer(there.seam.loop, patience);
        std::deque<Waiters::Place> places;
        for (auto& part : parts_) {
            if (part.core != core || part.failed()) continue;
            auto partition = there.find(part.id);
            // It may have moved between the look and this, or gone.
            if (!partition || partition->visible_end().offset > part.high_watermark) timer.wake();
            if (partition) places.emplace_back(partition->waiters(), part.high_watermark + 1, timer);
        }
        waiting = &timer;
        co_await timer;
        waiting = nullptr;
    }
    co_await Hop(call_.loop());
    home.wake();
    --watching_;
    watched_.notify(call_.loop());
}

Answer Fetch::finish() {
    using Told = FetchResponse::Partition;
    bool by_id = call_.version() >= ids_since, committed_only = request_.isolation_level == 1;
    std::vector<FetchResponse::Topic> topics;
    std::vector<Told> partitions;
    partitions.reserve(parts_.size());
    for (std::size_t next = 0; next < parts_.size();) {
        auto& topic = topics.emplace_back();
        auto& asked = request_.topics[parts_[next].topic];
        if (by_id) topic.topic_id = asked.topic_id;
        else topic.topic = asked.topic;
        auto first = next;
        for (; next < parts_.size() && parts_[next].topic == parts_[first].topic; ++next) {
            auto& part = parts_[next];
            auto& told = partitions.emplace_back();
            told.partition_index = part.asked->partition;
            told.error_code = part.error;
            bool unknown = part.core < 0 && request_.max_bytes >= 0;
            // Without transactions nothing is ever aborted, and the last stable offset is the high watermark.
            if (committed_only || unknown) told.aborted_transactions.emplace();
            told.high_watermark = part.failed() ? Offset{-1} : part.high_watermark;
            told.last_stable_offset = told.high_watermark;
            told.log_start_offset = part.failed() ? Offset{-1} : part.log_start;
            told.records = Records{{}, std::span(&part.slice.range, part.slice.range.length > 0 ? 1 : 0)};
        }
        topic.partitions = std::span(partitions).subspan(first, next - first);
    }
    FetchResponse response;
    bool nonsense = request_.isolation_level != 0 && request_.isolation_level != 1;
    if (nonsense && call_.version() >= 7) response.error_code = ErrorCode::unknown_server_error;
    response.responses = topics;
    return answer(call_, response);
}

Task<Answer> Fetch::run() {
    resolve();
    auto deadline = call_.loop().now() + std::clamp(Millis(request_.max_wait_ms), Millis(0), wait_max);
    for (;;) {
        co_await read_all();
        bool refused = std::ranges::any_of(parts_, &Part::failed);
        // Who reads an older segment's end need not wait: there is more, for the next fetch.
        bool goes_on = std::ranges::any_of(parts_, [](const Part& part) { return part.slice.goes_on; });
        bool enough = parts_.empty() || refused || goes_on || std::int64_t(bytes_) >= request_.min_bytes;
        if (enough || call_.hangup.happened || call_.loop().now() >= deadline) break;
        co_await wait(deadline);
    }
    co_await read_cold();
    for (auto& part : parts_)
        call_.here.counters().fetched_bytes += part.failed() ? 0 : part.slice.range.length;
    co_return finish();
}

}  // namespace

Task<Answer> handle_fetch(Call& call) {
    alignas(void*) std::array<std::byte, 1024> few;
    Arena arena(arrays_budget(call), few);
    auto request = read<FetchRequest>(call, arena);
    if (!request) co_return Answer::close();
    // There are no sessions: what opens one is answered as a full fetch that opened none, and what goes on
    // with one names a session that is not there (KIP-227).
    constexpr std::int32_t final_epoch = -1, initial_epoch = 0;
    bool full = request->session_epoch == final_epoch || request->session_epoch == initial_epoch;
    if (call.version() >= 7 && !full) {
        FetchResponse response;
        response.error_code = ErrorCode::fetch_session_id_not_found;
        co_return answer(call, response);
    }
    Fetch fetch(call, *request);
    co_return co_await fetch.run();
}

}  // namespace fulmar::kafka
