#include "door/kafka/routes.h"

#include <algorithm>
#include <array>

#include "door/kafka/handlers/handlers.h"
#include "wire/kafka/alter_configs.h"
#include "wire/kafka/api_versions.h"
#include "wire/kafka/create_partitions.h"
#include "wire/kafka/create_topics.h"
#include "wire/kafka/delete_records.h"
#include "wire/kafka/delete_topics.h"
#include "wire/kafka/describe_cluster.h"
#include "wire/kafka/describe_configs.h"
#include "wire/kafka/describe_log_dirs.h"
#include "wire/kafka/describe_topic_partitions.h"
#include "wire/kafka/fetch.h"
#include "wire/kafka/find_coordinator.h"
#include "wire/kafka/init_producer_id.h"
#include "wire/kafka/list_config_resources.h"
#include "wire/kafka/list_offsets.h"
#include "wire/kafka/list_partition_reassignments.h"
#include "wire/kafka/metadata.h"
#include "wire/kafka/offset_for_leader_epoch.h"
#include "wire/kafka/produce.h"

namespace fulmar::kafka {

template <class T>
static constexpr Route row(Handler handler, bool overlaps = false) {
    auto served = std::int16_t(T::oldest);
    if constexpr (requires { T::served_since; }) served = std::int16_t(T::served_since);
    return {T::key, T::oldest, T::newest, served, T::flexible_since, overlaps, handler};
}

static constexpr std::array table = {
    row<ProduceRequest>(handle_produce, true),
    row<FetchRequest>(handle_fetch),
    row<ListOffsetsRequest>(handle_list_offsets),
    row<MetadataRequest>(handle_metadata),
    row<FindCoordinatorRequest>(handle_find_coordinator),
    row<ApiVersionsRequest>(handle_api_versions),
    row<CreateTopicsRequest>(handle_create_topics),
    row<DeleteTopicsRequest>(handle_delete_topics),
    row<DeleteRecordsRequest>(handle_delete_records),
    row<InitProducerIdRequest>(handle_init_producer_id),
    row<OffsetForLeaderEpochRequest>(handle_offset_for_leader_epoch),
    row<DescribeConfigsRequest>(handle_describe_configs),
    row<AlterConfigsRequest>(handle_alter_configs),
    row<DescribeLogDirsRequest>(handle_describe_log_dirs),
    row<CreatePartitionsRequest>(handle_create_partitions),
    row<IncrementalAlterConfigsRequest>(handle_incremental_alter_configs),
    row<ListPartitionReassignmentsRequest>(handle_list_partition_reassignments),
    row<DescribeClusterRequest>(handle_describe_cluster),
    row<ListConfigResourcesRequest>(handle_list_config_resources),
    row<DescribeTopicPartitionsRequest>(handle_describe_topic_partitions),
};
static_assert(std::ranges::is_sorted(table, {}, &Route::key));

std::span<const Route> routes() { return table; }
const Route* find_route(std::int16_t key) {
    auto at = std::ranges::lower_bound(table, key, {}, &Route::key);
    return at != table.end() && at->key == key ? &*at : nullptr;
}

}  // namespace fulmar::kafka
