// The handlers of the Kafka door, one file each. Each begins and ends on the connection's core, and never
// sees the socket. What they must answer is what a real Kafka answered: tests/reference/recorded.
#pragma once

#include "door/kafka/call.h"

namespace fulmar::kafka {

Task<Answer> handle_produce(Call& call);
Task<Answer> handle_fetch(Call& call);
Task<Answer> handle_list_offsets(Call& call);
Task<Answer> handle_metadata(Call& call);
Task<Answer> handle_find_coordinator(Call& call);
Task<Answer> handle_api_versions(Call& call);
Task<Answer> handle_create_topics(Call& call);
Task<Answer> handle_delete_topics(Call& call);
Task<Answer> handle_delete_records(Call& call);
Task<Answer> handle_init_producer_id(Call& call);
Task<Answer> handle_offset_for_leader_epoch(Call& call);
Task<Answer> handle_create_partitions(Call& call);
Task<Answer> handle_list_partition_reassignments(Call& call);
Task<Answer> handle_describe_cluster(Call& call);
Task<Answer> handle_describe_configs(Call& call);
Task<Answer> handle_alter_configs(Call& call);
Task<Answer> handle_incremental_alter_configs(Call& call);
Task<Answer> handle_list_config_resources(Call& call);
Task<Answer> handle_describe_log_dirs(Call& call);
Task<Answer> handle_describe_topic_partitions(Call& call);
Task<Answer> handle_join_group(Call& call);
Task<Answer> handle_sync_group(Call& call);
Task<Answer> handle_heartbeat(Call& call);
Task<Answer> handle_leave_group(Call& call);
Task<Answer> handle_offset_commit(Call& call);
Task<Answer> handle_offset_fetch(Call& call);
Task<Answer> handle_offset_delete(Call& call);
Task<Answer> handle_list_groups(Call& call);
Task<Answer> handle_describe_groups(Call& call);
Task<Answer> handle_delete_groups(Call& call);
Task<Answer> handle_consumer_group_heartbeat(Call& call);
Task<Answer> handle_consumer_group_describe(Call& call);

// The answer to an ApiVersions request of a version that we do not know: in version 0, so that the client can
// read it, with the error and the versions of ApiVersions itself (KIP-511).
Answer unknown_api_versions(std::int32_t correlation_id);

}  // namespace fulmar::kafka
