#include "wire/kafka/produce.h"

#include <algorithm>

#include "door/kafka/handlers/handlers.h"
#include "door/kafka/internal_topics.h"

namespace fulmar::kafka {

namespace {

// No wait for an acknowledgement is longer, whatever a client asks for.
constexpr Millis patience_max{300'000};
constexpr std::string_view admin_client = "__admin_client";
constexpr int zstd_since = 7;  // KIP-110.
constexpr int ids_since = 13;  // KIP-516: topics go by their ids.

// One partition of the request, and what becomes of it.
struct Part {
    std::size_t topic = 0;  // Its place in the request.
    std::int32_t index = 0;
    Bytes records;
    PartitionId id;
    int core = -1;                           // Where it lives; -1: refused before anybody was asked.
    std::shared_ptr<Partition> partition{};  // While on that core.
    Partition::Appended appended{};
};

struct Produce {
    Call& call;
    std::int16_t acks;
    Millis patience;
    std::vector<Part> parts;
    int cores_left = 0;
    Signal core_done;
};

Task<> append(Produce& produce, Part& part) {
    part.appended = co_await part.partition->append(part.records, produce.call.version() >= zstd_since);
}
struct Appends {
    int left = 0;
    Signal ended;
};
Task<> append_beside(Produce& produce, Part& part, Loop& there, Appends& appends) {
    co_await append(produce, part);
    --appends.left;
    appends.ended.notify(there);
}

// Appends what belongs to one core, and waits there until it is acknowledged. Requests of one connection
// reach a core in their order, and all of a request's appends have their turns before the next one comes:
// clients name the same partitions in another order each time.
Task<> produce_on(Produce& produce, int core) {
    auto& call = produce.call;
    auto& there = call.broker.shard(core);
    auto& loop = there.seam.loop;
    bool elsewhere = &there != &call.here;
    if (elsewhere) co_await Hop(loop);
    auto ours = [core](const Part& part) { return part.core == core; };
    bool several = std::ranges::count_if(produce.parts, ours) > 1;
    Appends appends;
    for (auto& part : produce.parts) {
        if (!ours(part)) continue;
        part.partition = there.find(part.id);
        if (!part.partition) {
            part.appended.error = there.absence(part.id);
        } else if (several) {
            ++appends.left;
            loop.spawn(append_beside(produce, part, loop, appends));
        } else {
            co_await append(produce, part);
        }
    }
    while (appends.left > 0) co_await appends.ended.wait();
    for (auto& part : produce.parts) {
        if (!ours(part)) continue;
        auto& error = part.appended.error;
        if (error == ErrorCode::none && produce.acks != 0)
            error = co_await part.partition->acknowledged(part.appended.until, produce.patience);
        if (error == ErrorCode::unknown_topic_or_partition && call.version() >= ids_since)
            error = ErrorCode::unknown_topic_id;
        part.partition.reset();
    }
    if (elsewhere) co_await Hop(call.loop());
    --produce.cores_left;
    produce.core_done.notify(call.loop());
}

// Resolves the request's partitions. False: a partition without records, which has no answer.
bool resolve(Produce& produce, const ProduceRequest& request) {
    auto& call = produce.call;
    for (std::size_t t = 0; t < request.topic_data.size(); ++t) {
        auto& asked = request.topic_data[t];
        auto* topic = call.version() >= ids_since ? call.here.image().find(asked.topic_id)
                                                  : call.here.image().find(asked.name);
        auto refusal = ErrorCode::none;
        if (!topic)
            refusal = call.version() >= ids_since ? ErrorCode::unknown_topic_id
                                                  : ErrorCode::unknown_topic_or_partition;
        auto name = topic ? std::string_view(topic->name) : asked.name;
        if (is_internal_topic(name) && call.header.client_id != admin_client)
            refusal = ErrorCode::invalid_topic_exception;
        for (auto& partition : asked.partition_data) {
            if (!partition.records) return false;
            auto& part = produce.parts.emplace_back();
            part.topic = t;
            part.index = partition.index;
            part.records = partition.records->bytes;
            if (refusal != ErrorCode::none) {
                part.appended.error = refusal;
            } else if (part.index < 0 || std::size_t(part.index) >= topic->partitions.size()) {
                part.appended.error = ErrorCode::unknown_topic_or_partition;
            } else {
                part.id = {topic->id, part.index};
                part.core = core_of(part.id, call.broker.cores());
            }
        }
    }
    return true;
}

// Of a partition that stands in the request more than once, the last entry counts.
void drop_repeated(std::vector<Part>& parts) {
    if (parts.size() < 2) return;
    std::vector<std::size_t> order(parts.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    auto key = [&](std::size_t i) { return std::tuple(parts[i].id, parts[i].topic, parts[i].index); };
    std::ranges::sort(
        order, [&](std::size_t a, std::size_t b) { return std::pair(key(a), a) < std::pair(key(b), b); });
    std::vector<bool> repeated(parts.size());
    for (std::size_t i = 0; i + 1 < order.size(); ++i)
        repeated[order[i]] = parts[order[i]].core >= 0 && parts[order[i]].id == parts[order[i + 1]].id;
    std::size_t i = 0;
    std::erase_if(parts, [&](const Part&) { return repeated[i++]; });
}

std::optional<std::string_view> message_of(const Partition::Appended& appended) {
    switch (appended.fault) {
        case wire::BatchFault::no_key:
            return "One or more records have no key, which a compacted topic requires.";
        case wire::BatchFault::timestamp:
            return "One or more records have a time stamp outside of the topic's limits.";
        default: return std::nullopt;
    }
}

Answer answer_of(Produce& produce, const ProduceRequest& request) {
    using Told = ProduceResponse::Partition;
    std::vector<ProduceResponse::Topic> topics;
    std::vector<Told> partitions(produce.parts.size());
    std::vector<std::vector<ProduceResponse::RecordError>> records(produce.parts.size());
    std::size_t next = 0;
    while (next < produce.parts.size()) {  // Topics of which nothing is left are not told of.
        auto t = produce.parts[next].topic;
        auto& topic = topics.emplace_back();
        topic.name = request.topic_data[t].name;
        topic.topic_id = request.topic_data[t].topic_id;
        auto first = next;
        for (; next < produce.parts.size() && produce.parts[next].topic == t; ++next) {
            auto& appended = produce.parts[next].appended;
            auto& told = partitions[next];
            told.index = produce.parts[next].index;
            told.error_code = appended.error;
            told.base_offset = appended.error == ErrorCode::none ? appended.base_offset : Offset{-1};
            told.log_append_time_ms = appended.append_time;
            told.log_start_offset = appended.log_start;
            told.error_message = message_of(appended);
            for (auto index : appended.records) records[next].push_back({index, told.error_message});
            told.record_errors = records[next];
        }
        topic.partition_responses = std::span(partitions).subspan(first, next - first);
    }
    ProduceResponse response;
    response.responses = topics;
    return answer(produce.call, response);
}

}  // namespace

Task<Answer> handle_produce(Call& call) {
    alignas(void*) std::array<std::byte, 1024> few;
    Arena arena(arrays_budget(call), few);
    auto request = read<ProduceRequest>(call, arena);
    if (!request) co_return Answer::close();
    Produce produce{
        call, request->acks, std::clamp(Millis(request->timeout_ms), Millis(0), patience_max), {}, 0, {}};
    if (!resolve(produce, *request)) co_return Answer::close();
    drop_repeated(produce.parts);

    auto whole = ErrorCode::none;
    if (request->acks < -1 || request->acks > 1) whole = ErrorCode::invalid_required_acks;
    for (auto& part : produce.parts) {
        if (whole != ErrorCode::none || !wire::claims_transaction(part.records)) continue;
        // Without a name there is no right to it; with one there are still no transactions here.
        whole = request->transactional_id ? ErrorCode::invalid_txn_state
                                          : ErrorCode::transactional_id_authorization_failed;
    }
    if (whole != ErrorCode::none) {
        for (auto& part : produce.parts) part.core = -1, part.appended.error = whole;
    }

    int last_core = -1;
    std::vector<bool> involved(std::size_t(call.broker.cores()));
    for (auto& part : produce.parts)
        if (part.core >= 0) involved[std::size_t(last_core = part.core)] = true;
    bool only_here = last_core == call.here.core && std::ranges::count(involved, true) == 1;
    if (only_here) {
        produce.cores_left = 1;
        co_await produce_on(produce, last_core);
    } else if (last_core >= 0) {
        produce.cores_left = int(std::ranges::count(involved, true));
        for (int core = 0; core < call.broker.cores(); ++core)
            if (involved[std::size_t(core)]) call.loop().spawn(produce_on(produce, core));
        while (produce.cores_left > 0) co_await produce.core_done.wait();
    }

    if (request->acks == 0) {
        auto bad = [](const Part& part) { return part.appended.error != ErrorCode::none; };
        co_return std::ranges::any_of(produce.parts, bad) ? Answer::close() : Answer::none();
    }
    co_return answer_of(produce, *request);
}

}  // namespace fulmar::kafka
