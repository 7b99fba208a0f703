// ListPartitionReassignments: partitions on their way to other brokers. Values; they own nothing
// (wire/wire.h).
#pragma once

#include "wire/kafka/errors.h"
#include "wire/wire.h"

namespace fulmar::kafka {
using wire::since, wire::nullable;

// Null asks for all.
struct ListPartitionReassignmentsRequest {
    static constexpr int key = 46, oldest = 0, newest = 0, flexible_since = 0;

    struct Topic {
        std::string_view name;
        std::span<std::int32_t> partition_indexes;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.name);
            wire(m.partition_indexes);
        }
    };

    std::int32_t timeout_ms = 60000;
    std::optional<std::span<Topic>> topics;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.timeout_ms);
        wire(m.topics, since(0), nullable(0));
    }
};

// Only what is on its way is listed.
struct ListPartitionReassignmentsResponse {
    static constexpr int key = 46, oldest = 0, newest = 0, flexible_since = 0;

    struct Partition {
        std::int32_t partition_index = 0;
        std::span<BrokerId> replicas, adding_replicas, removing_replicas;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.partition_index);
            wire(m.replicas);
            wire(m.adding_replicas);
            wire(m.removing_replicas);
        }
    };
    struct Topic {
        std::string_view name;
        std::span<Partition> partitions;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.name);
            wire(m.partitions);
        }
    };

    std::int32_t throttle_time_ms = 0;
    ErrorCode error_code{};
    std::optional<std::string_view> error_message;
    std::span<Topic> topics;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.throttle_time_ms);
        wire(m.error_code);
        wire(m.error_message, since(0), nullable(0));
        wire(m.topics);
    }
};

}  // namespace fulmar::kafka

FULMAR_WIRE(extern, fulmar::kafka::ListPartitionReassignmentsRequest);
FULMAR_WIRE(extern, fulmar::kafka::ListPartitionReassignmentsResponse);
