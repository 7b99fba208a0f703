#include "door/kafka/routes.h"

#include <algorithm>
#include <array>

#include "door/kafka/handlers/handlers.h"
#include "wire/kafka/alter_configs.h"
#include "wire/kafka/api_versions.h"
#include "wire/kafka/consumer_group_describe.h"
#include "wire/kafka/consumer_group_heartbeat.h"
#include "wire/kafka/create_partitions.h"
#include "wire/kafka/create_topics.h"
#include "wire/kafka/delete_groups.h"
#include "wire/kafka/delete_records.h"
#include "wire/kafka/delete_topics.h"
#include "wire/kafka/describe_cluster.h"
#include "wire/kafka/describe_configs.h"
#include "wire/kafka/describe_groups.h"
#include "wire/kafka/describe_log_dirs.h"
#include "wire/kafka/describe_topic_partitions.h"
#include "wire/kafka/fetch.h"
#include "wire/kafka/find_coordinator.h"
#include "wire/kafka/heartbeat.h"
#include "wire/kafka/init_producer_id.h"
#include "wire/kafka/join_group.h"
#include "wire/kafka/leave_group.h"
#include "wire/kafka/list_config_resources.h"
#include "wire/kafka/list_groups.h"
#include "wire/kafka/list_offsets.h"
#include "wire/kafka/list_partition_reassignments.h"
#include "wire/kafka/metadata.h"
#include "wire/kafka/offset_commit.h"
#include "wire/kafka/offset_delete.h"
#include "wire/kafka/offset_fetch.h"
#include "wire/kafka/offset_for_leader_epoch.h"
#include "wire/kafka/produce.h"
#include "wire/kafka/sync_group.h"

namespace fulmar::kafka {

template <class T>
static constexpr Route row(std::string_view name, Handler handler, bool overlaps = false) {
    auto served = std::int16_t(T::oldest);
    if constexpr (requires { T::served_since; }) served = std::int16_t(T::served_since);
    auto flexible = std::int16_t(std::min<int>(T::flexible_since, INT16_MAX));
    return {name, T::key, T::oldest, T::newest, served, flexible, overlaps, handler};
}

static constexpr std::array table = {
    row<ProduceRequest>("Produce", handle_produce, true),
    row<FetchRequest>("Fetch", handle_fetch),
    row<ListOffsetsRequest>("ListOffsets", handle_list_offsets),
    row<MetadataRequest>("Metadata", handle_metadata),
    row<OffsetCommitRequest>("OffsetCommit", handle_offset_commit),
    row<OffsetFetchRequest>("OffsetFetch", handle_offset_fetch),
    row<FindCoordinatorRequest>("FindCoordinator", handle_find_coordinator),
    row<JoinGroupRequest>("JoinGroup", handle_join_group),
    row<HeartbeatRequest>("Heartbeat", handle_heartbeat),
    row<LeaveGroupRequest>("LeaveGroup", handle_leave_group),
    row<SyncGroupRequest>("SyncGroup", handle_sync_group),
    row<DescribeGroupsRequest>("DescribeGroups", handle_describe_groups),
    row<ListGroupsRequest>("ListGroups", handle_list_groups),
    row<ApiVersionsRequest>("ApiVersions", handle_api_versions),
    row<CreateTopicsRequest>("CreateTopics", handle_create_topics),
    row<DeleteTopicsRequest>("DeleteTopics", handle_delete_topics),
    row<DeleteRecordsRequest>("DeleteRecords", handle_delete_records),
    row<InitProducerIdRequest>("InitProducerId", handle_init_producer_id),
    row<OffsetForLeaderEpochRequest>("OffsetForLeaderEpoch", handle_offset_for_leader_epoch),
    row<DescribeConfigsRequest>("DescribeConfigs", handle_describe_configs),
    row<AlterConfigsRequest>("AlterConfigs", handle_alter_configs),
    row<DescribeLogDirsRequest>("DescribeLogDirs", handle_describe_log_dirs),
    row<CreatePartitionsRequest>("CreatePartitions", handle_create_partitions),
    row<DeleteGroupsRequest>("DeleteGroups", handle_delete_groups),
    row<IncrementalAlterConfigsRequest>("IncrementalAlterConfigs", handle_incremental_alter_configs),
    row<ListPartitionReassignmentsRequest>("ListPartitionReassignments", handle_list_partition_reassignments),
    row<OffsetDeleteRequest>("OffsetDelete", handle_offset_delete),
    row<DescribeClusterRequest>("DescribeCluster", handle_describe_cluster),
    row<ConsumerGroupHeartbeatRequest>("ConsumerGroupHeartbeat", handle_consumer_group_heartbeat),
    row<ConsumerGroupDescribeRequest>("ConsumerGroupDescribe", handle_consumer_group_describe),
    row<ListConfigResourcesRequest>("ListConfigResources", handle_list_config_resources),
    row<DescribeTopicPartitionsRequest>("DescribeTopicPartitions", handle_describe_topic_partitions),
};
static_assert(std::ranges::is_sorted(table, {}, &Route::key));

std::span<const Route> routes() { return table; }
const Route* find_route(std::int16_t key) {
    auto at = std::ranges::lower_bound(table, key, {}, &Route::key);
    return at != table.end() && at->key == key ? &*at : nullptr;
}
std::vector<RequestCounters> request_counters() {
    std::vector<RequestCounters> all(table.size());
    for (std::size_t i = 0; i < table.size(); ++i) all[i].api = table[i].name;
    return all;
}
RequestCounters& counters_of(const Route& route, Counters& counters) {
    return counters.requests[std::size_t(&route - table.data())];
}

}  // namespace fulmar::kafka
