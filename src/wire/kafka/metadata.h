// Metadata: brokers, topics and who leads their partitions. Values; they own nothing (wire/wire.h).
#pragma once

#include "wire/kafka/errors.h"
#include "wire/wire.h"

namespace fulmar::kafka {
using wire::since, wire::nullable;

// No topics means all topics; before version 1 an empty list said so, since null was forbidden.
// Since version 10 a topic may be asked for by id, its name null; Kafka heeds that from 12.
struct MetadataRequest {
    static constexpr int key = 3, oldest = 0, newest = 13, flexible_since = 9;

    struct Topic {
        Uuid topic_id{};
        std::optional<std::string_view> name;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.topic_id, since(10));
            wire(m.name, since(0), nullable(10));
        }
    };

    std::optional<std::span<Topic>> topics;
    bool allow_auto_topic_creation = true;
    bool include_cluster_authorized_operations = false;
    bool include_topic_authorized_operations = false;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.topics, since(0), nullable(1));
        wire(m.allow_auto_topic_creation, since(4));
        wire(m.include_cluster_authorized_operations, {8, 10});
        wire(m.include_topic_authorized_operations, since(8));
    }
};

struct MetadataResponse {
    static constexpr int key = 3, oldest = 0, newest = 13, flexible_since = 9;

    struct Broker {
        BrokerId node_id{};
        std::string_view host;
        std::int32_t port = 0;
        std::optional<std::string_view> rack;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.node_id);
            wire(m.host);
            wire(m.port);
            wire(m.rack, since(1), nullable(1));
        }
    };
    struct Partition {
        ErrorCode error_code{};
        std::int32_t partition_index = 0;
        BrokerId leader_id{};  // -1: none.
        std::int32_t leader_epoch = -1;
        std::span<BrokerId> replica_nodes;
        std::span<BrokerId> isr_nodes;
        std::span<BrokerId> offline_replicas;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.error_code);
            wire(m.partition_index);
            wire(m.leader_id);
            wire(m.leader_epoch, since(7));
            wire(m.replica_nodes);
            wire(m.isr_nodes);
            wire(m.offline_replicas, since(5));
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
            wire(m.name, since(0), nullable(12));
            wire(m.topic_id, since(10));
            wire(m.is_internal, since(1));
            wire(m.partitions);
            wire(m.topic_authorized_operations, since(8));
        }
    };

    std::int32_t throttle_time_ms = 0;
    std::span<Broker> brokers;
    std::optional<std::string_view> cluster_id;
    BrokerId controller_id{-1};
    std::span<Topic> topics;
    std::int32_t cluster_authorized_operations = INT32_MIN;
    ErrorCode error_code{};

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.throttle_time_ms, since(3));
        wire(m.brokers);
        wire(m.cluster_id, since(2), nullable(2));
        wire(m.controller_id, since(1));
        wire(m.topics);
        wire(m.cluster_authorized_operations, {8, 10});
        wire(m.error_code, since(13));
    }
};

}  // namespace fulmar::kafka

FULMAR_WIRE(extern, fulmar::kafka::MetadataRequest);
FULMAR_WIRE(extern, fulmar::kafka::MetadataResponse);
