#include "wire/kafka/list_offsets.h"

#include <map>

#include "door/kafka/handlers/handlers.h"

namespace fulmar::kafka {

namespace {

using Asked = ListOffsetsRequest::Partition;
using Told = ListOffsetsResponse::Partition;

// The version that first may ask for a special time stamp; nothing when there is no such one.
std::optional<int> known_since(Timestamp special) {
    if (special >= ListOffsetsRequest::earliest) return 1;
    if (special == ListOffsetsRequest::max_timestamp) return 7;
    if (special == ListOffsetsRequest::earliest_local) return 8;
    if (special == ListOffsetsRequest::latest_tiered) return 9;
    if (special == ListOffsetsRequest::earliest_pending_upload) return 11;
    return std::nullopt;
}

// On the partition's core.
Task<> look_up(Partition& partition, const Asked& asked, Told& told) {
    told.error_code = partition.check_epoch(asked.current_leader_epoch);
    if (told.error_code != ErrorCode::none) co_return;
    auto at = asked.timestamp;
    auto plain = [&](Offset offset) {
        told.offset = offset;
        told.leader_epoch = partition.leader_epoch();
    };
    if (at == ListOffsetsRequest::latest && partition.damaged())
        told.error_code = ErrorCode::kafka_storage_error;
    else if (at == ListOffsetsRequest::latest) plain(partition.visible_end().offset);
    else if (at == ListOffsetsRequest::earliest || at == ListOffsetsRequest::earliest_local)
        plain(partition.log_start());
    else if (at >= Timestamp{0} || at == ListOffsetsRequest::max_timestamp) {
        bool largest = at == ListOffsetsRequest::max_timestamp;
        auto found = largest ? co_await partition.find_largest_time() : co_await partition.find_time(at);
        if (found) {
            told.timestamp = found->timestamp;
            told.offset = found->offset;
            told.leader_epoch = found->leader_epoch;
        } else {
            told.error_code = ErrorCode::kafka_storage_error;
        }
    }  // Without tiered storage nothing was tiered, and nothing is to be uploaded: offset -1.
}

}  // namespace

Task<Answer> handle_list_offsets(Call& call) {
    Arena arena(arrays_budget(call));
    auto request = read<ListOffsetsRequest>(call, arena);
    if (!request) co_return Answer::close();
    std::map<std::pair<std::string_view, std::int32_t>, int> times;
    for (auto& topic : request->topics)
        for (auto& partition : topic.partitions) ++times[{topic.name, partition.partition_index}];

    std::vector<ListOffsetsResponse::Topic> topics;
    std::vector<std::vector<Told>> partitions(request->topics.size());
    for (auto& asked_topic : request->topics) {
        auto& told_topic = topics.emplace_back();
        told_topic.name = asked_topic.name;
        auto& told_all = partitions[topics.size() - 1];
        auto topic = call.here.image().share(asked_topic.name);
        for (auto& asked : asked_topic.partitions) {
            auto& seen = times[{asked_topic.name, asked.partition_index}];
            if (seen < 0) continue;  // Told already that it stands there more than once.
            auto& told = told_all.emplace_back();
            told.partition_index = asked.partition_index;
            auto since = known_since(asked.timestamp);
            auto id = call.here.image().find(asked_topic.name, asked.partition_index);
            if (seen > 1) {
                seen = -1;
                told.error_code = ErrorCode::invalid_request;
            } else if (!id) {
                told.error_code = ErrorCode::unknown_topic_or_partition;
            } else if (!since || call.version() < *since) {
                told.error_code = ErrorCode::unsupported_version;
            } else {
                auto& owner = call.broker.owner(*id);
                bool elsewhere = &owner != &call.here;
                if (elsewhere) co_await Hop(owner.seam.loop);
                auto partition = owner.find(*id);
                if (partition && !partition->refusing()) co_await look_up(*partition, asked, told);
                else told.error_code = partition ? partition->refusal() : owner.absence(*id);
                partition.reset();
                if (elsewhere) co_await Hop(call.loop());
            }
        }
        told_topic.partitions = told_all;
    }
    ListOffsetsResponse response;
    response.topics = topics;
    co_return answer(call, response);
}

}  // namespace fulmar::kafka
