// DescribeTopicPartitions: topics and their partitions, page by page. Values; they own nothing (wire/wire.h).
#pragma once

#include "wire/kafka/errors.h"
#include "wire/wire.h"

namespace fulmar::kafka {
using wire::since, wire::nullable;

// Where a page begins.
struct TopicPartitionsCursor {
    std::string_view topic_name;
    std::int32_t partition_index = 0;
    static constexpr void fields(auto& m, auto& wire) {
        wire(m.topic_name);
        wire(m.partition_index);
    }
};

// No topics means all of them. A page begins at the cursor and has at most as many partitions as asked for.
struct DescribeTopicPartitionsRequest {
    static constexpr int key = 75, oldest = 0, newest = 0, flexible_since = 0;

    struct Topic {
        std::string_view name;
        static constexpr void fields(auto& m, auto& wire) { wire(m.name); }
    };

    std::span<Topic> topics;
    std::int32_t response_partition_limit = 2000;
    std::optional<TopicPartitionsCursor> cursor;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.topics);
        wire(m.response_partition_limit);
        wire(m.cursor, since(0), nullable(0));
    }
};

// A next cursor says that there is more, from there.
struct DescribeTopicPartitionsResponse {
    static constexpr int key = 75, oldest = 0, newest = 0, flexible_since = 0;

    struct Partition {
        ErrorCode error_code{};
        std::int32_t partition_index = 0;
        BrokerId leader_id{};  // -1: none.
        std::int32_t leader_epoch = -1;
        std::span<BrokerId> replica_nodes;
        std::span<BrokerId> isr_nodes;
        std::optional<std::span<BrokerId>> eligible_leader_replicas;
        std::optional<std::span<BrokerId>> last_known_elr;
        std::span<BrokerId> offline_replicas;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.error_code);
            wire(m.partition_index);
            wire(m.leader_id);
            wire(m.leader_epoch);
            wire(m.replica_nodes);
            wire(m.isr_nodes);
            wire(m.eligible_leader_replicas, since(0), nullable(0));
            wire(m.last_known_elr, since(0), nullable(0));
            wire(m.offline_replicas);
        }
    };
    struct Topic {
        ErrorCode error_code{};
        std::optional<std::string_view> name;
        Uuid topic_id{};
        bool is_internal = false;
        std::span<Partition> partitions;
        std::int32_t topic_authorized_operations = INT32_MIN;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.error_code);
            wire(m.name, since(0), nullable(0));
            wire(m.topic_id);
            wire(m.is_internal);
            wire(m.partitions);
            wire(m.topic_authorized_operations);
        }
    };

    std::int32_t throttle_time_ms = 0;
    std::span<Topic> topics;
    std::optional<TopicPartitionsCursor> next_cursor;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.throttle_time_ms);
        wire(m.topics);
        wire(m.next_cursor, since(0), nullable(0));
    }
};

}  // namespace fulmar::kafka

FULMAR_WIRE(extern, fulmar::kafka::DescribeTopicPartitionsRequest);
FULMAR_WIRE(extern, fulmar::kafka::DescribeTopicPartitionsResponse);
