#include "wire/kafka/offset_for_leader_epoch.h"

#include "door/kafka/handlers/handlers.h"

namespace fulmar::kafka {

namespace {

using Told = OffsetForLeaderEpochResponse::Partition;

// KIP-101 and 279: the largest epoch up to the one asked for, and where it ended.
void look_up(const Partition& partition, const OffsetForLeaderEpochRequest::Partition& asked, Told& told) {
    told.error_code = partition.check_epoch(asked.current_leader_epoch);
    if (told.error_code != ErrorCode::none || asked.leader_epoch < 0) return;
    if (partition.damaged()) return void(told.error_code = ErrorCode::kafka_storage_error);
    auto end = [&](std::int32_t epoch, Offset offset) {
        told.leader_epoch = epoch;
        told.end_offset = std::to_underlying(offset);
    };
    auto& epochs = partition.log().epochs();
    if (asked.leader_epoch == partition.leader_epoch())
        return end(asked.leader_epoch, partition.log_end().offset);
    if (asked.leader_epoch > partition.leader_epoch()) return;
    auto after = std::ranges::upper_bound(epochs, asked.leader_epoch, {}, &EpochStart::epoch);
    auto ends_at = after == epochs.end() ? partition.log_end().offset : after->start;
    end(after == epochs.begin() ? asked.leader_epoch : std::prev(after)->epoch, ends_at);
}

}  // namespace

Task<Answer> handle_offset_for_leader_epoch(Call& call) {
    Arena arena(arrays_budget(call));
    auto request = read<OffsetForLeaderEpochRequest>(call, arena);
    if (!request) co_return Answer::close();
    std::vector<std::vector<Told>> partitions(request->topics.size());
    std::vector<OffsetForLeaderEpochResponse::Topic> topics;
    for (auto& asked_topic : request->topics) {
        auto& told_all = partitions[topics.size()];
        told_all.reserve(asked_topic.partitions.size());
        for (auto& asked : asked_topic.partitions) {
            auto& told = told_all.emplace_back();
            told.partition = asked.partition;
            auto id = call.here.image().find(asked_topic.topic, asked.partition);
            if (!id) {
                told.error_code = ErrorCode::unknown_topic_or_partition;
                continue;
            }
            auto& owner = call.broker.owner(*id);
            auto look = [&] {
                auto partition = owner.find(*id);
                if (partition) look_up(*partition, asked, told);
                else told.error_code = owner.absence(*id);
            };
            if (&owner == &call.here) look();
            else co_await call_on(owner.seam.loop, call.loop(), look);
        }
        topics.push_back({asked_topic.topic, told_all});
    }
    OffsetForLeaderEpochResponse response;
    response.topics = topics;
    co_return answer(call, response);
}

}  // namespace fulmar::kafka
