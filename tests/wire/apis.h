// Every API whose messages are described in wire/kafka, for tests that go through them all.
#pragma once

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
#include "wire/kafka/header.h"
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

namespace fulmar::test {

// Calls visit.template operator()<Request, Response>("Name") for each.
void for_each_api(auto&& visit) {
    using namespace kafka;
    visit.template operator()<ProduceRequest, ProduceResponse>("Produce");
    visit.template operator()<FetchRequest, FetchResponse>("Fetch");
    visit.template operator()<ListOffsetsRequest, ListOffsetsResponse>("ListOffsets");
    visit.template operator()<MetadataRequest, MetadataResponse>("Metadata");
    visit.template operator()<OffsetCommitRequest, OffsetCommitResponse>("OffsetCommit");
    visit.template operator()<OffsetFetchRequest, OffsetFetchResponse>("OffsetFetch");
    visit.template operator()<FindCoordinatorRequest, FindCoordinatorResponse>("FindCoordinator");
    visit.template operator()<JoinGroupRequest, JoinGroupResponse>("JoinGroup");
    visit.template operator()<HeartbeatRequest, HeartbeatResponse>("Heartbeat");
    visit.template operator()<LeaveGroupRequest, LeaveGroupResponse>("LeaveGroup");
    visit.template operator()<SyncGroupRequest, SyncGroupResponse>("SyncGroup");
    visit.template operator()<DescribeGroupsRequest, DescribeGroupsResponse>("DescribeGroups");
    visit.template operator()<ListGroupsRequest, ListGroupsResponse>("ListGroups");
    visit.template operator()<ApiVersionsRequest, ApiVersionsResponse>("ApiVersions");
    visit.template operator()<CreateTopicsRequest, CreateTopicsResponse>("CreateTopics");
    visit.template operator()<DeleteTopicsRequest, DeleteTopicsResponse>("DeleteTopics");
    visit.template operator()<DeleteRecordsRequest, DeleteRecordsResponse>("DeleteRecords");
    visit.template operator()<InitProducerIdRequest, InitProducerIdResponse>("InitProducerId");
    visit.template operator()<OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse>(
        "OffsetForLeaderEpoch");
    visit.template operator()<DescribeConfigsRequest, DescribeConfigsResponse>("DescribeConfigs");
    visit.template operator()<AlterConfigsRequest, AlterConfigsResponse>("AlterConfigs");
    visit.template operator()<DescribeLogDirsRequest, DescribeLogDirsResponse>("DescribeLogDirs");
    visit.template operator()<CreatePartitionsRequest, CreatePartitionsResponse>("CreatePartitions");
    visit.template operator()<DeleteGroupsRequest, DeleteGroupsResponse>("DeleteGroups");
    visit.template operator()<IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse>(
        "IncrementalAlterConfigs");
    visit.template operator()<ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse>(
        "ListPartitionReassignments");
    visit.template operator()<OffsetDeleteRequest, OffsetDeleteResponse>("OffsetDelete");
    visit.template operator()<DescribeClusterRequest, DescribeClusterResponse>("DescribeCluster");
    visit.template operator()<ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse>(
        "ConsumerGroupHeartbeat");
    visit.template operator()<ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse>(
        "ConsumerGroupDescribe");
    visit.template operator()<ListConfigResourcesRequest, ListConfigResourcesResponse>("ListConfigResources");
    visit.template operator()<DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse>(
        "DescribeTopicPartitions");
}

}  // namespace fulmar::test
