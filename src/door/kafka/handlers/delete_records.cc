#include "wire/kafka/delete_records.h"

#include "door/kafka/handlers/handlers.h"
#include "door/kafka/internal_topics.h"

namespace fulmar::kafka {

namespace {

using Told = DeleteRecordsResponse::Partition;

// On the partition's core. True when its log starts elsewhere now, which is not yet on the disk.
bool delete_records(Partition& partition, std::int64_t to, Told& told) {
    constexpr std::int64_t high_watermark = -1;
    auto until = to == high_watermark ? partition.high_watermark().offset : Offset{to};
    if (partition.damaged() && until > partition.durable_end().offset)
        told.error_code = ErrorCode::kafka_storage_error;
    else if (!partition.rules().deletes) told.error_code = ErrorCode::policy_violation;
    else if (to < high_watermark || until > partition.high_watermark().offset)
        told.error_code = ErrorCode::offset_out_of_range;
    if (told.error_code != ErrorCode::none) return false;
    // Where acknowledgements rest on the page cache, the log may start in front of its durable end only.
    until = std::min(until, partition.durable_end().offset);
    bool moves = until > partition.log_start();
    if (moves) partition.delete_until(until);
    told.low_watermark = std::to_underlying(partition.log_start());
    return moves || partition.log_start() > partition.checkpointed.log_start;
}

}  // namespace

Task<Answer> handle_delete_records(Call& call) {
    Arena arena(arrays_budget(call));
    auto request = read<DeleteRecordsRequest>(call, arena);
    if (!request) co_return Answer::close();
    std::vector<std::vector<Told>> partitions(request->topics.size());
    std::vector<DeleteRecordsResponse::Topic> topics;
    struct Moved {
        Told& told;
        PartitionId id;
        std::size_t directory;
    };
    std::vector<Moved> moved;
    std::set<std::size_t> directories;
    for (auto& asked_topic : request->topics) {
        auto& told_all = partitions[topics.size()];
        told_all.reserve(asked_topic.partitions.size());
        for (auto& asked : asked_topic.partitions) {
            auto& told = told_all.emplace_back(asked.partition_index, -1);
            if (is_internal_topic(asked_topic.name)) {
                told.error_code = ErrorCode::invalid_topic_exception;
                continue;
            }
            auto id = call.here.image().find(asked_topic.name, asked.partition_index);
            if (!id) {
                told.error_code = ErrorCode::unknown_topic_or_partition;
                continue;
            }
            auto& owner = call.broker.owner(*id);
            bool elsewhere = &owner != &call.here;
            if (elsewhere) co_await Hop(owner.seam.loop);
            auto partition = owner.find(*id);
            if (!partition) told.error_code = owner.absence(*id);
            else if (partition->refusing()) told.error_code = partition->refusal();
            else if (delete_records(*partition, asked.offset, told)) {
                moved.push_back({told, *id, partition->directory()->index});
                directories.insert(moved.back().directory);
            }
            partition.reset();
            if (elsewhere) co_await Hop(call.loop());
        }
        topics.push_back({asked_topic.name, told_all});
    }
    // What is said to be deleted must not come back after a crash.
    if (!moved.empty()) {
        auto& home = call.broker.controller_loop();
        bool elsewhere = &home != &call.loop();
        if (elsewhere) co_await Hop(home);
        auto late = co_await call.broker.next_checkpoint(directories);
        for (auto& [told, id, directory] : moved)
            if (late.contains(directory) || call.broker.offline().contains(id))
                told = {told.partition_index, -1, ErrorCode::kafka_storage_error};
        if (elsewhere) co_await Hop(call.loop());
    }
    DeleteRecordsResponse response;
    response.topics = topics;
    co_return answer(call, response);
}

}  // namespace fulmar::kafka
