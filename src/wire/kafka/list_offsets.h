// ListOffsets: where in a partition a time, the beginning or the end is. Values; they own nothing
// (wire/wire.h).
#pragma once

#include "wire/kafka/errors.h"
#include "wire/wire.h"

namespace fulmar::kafka {
using wire::since;

struct ListOffsetsRequest {
    static constexpr int key = 2, oldest = 1, newest = 11, flexible_since = 6;

    // What `timestamp` says when it is no time, and the version that first may say so.
    static constexpr Timestamp latest{-1}, earliest{-2};
    static constexpr Timestamp max_timestamp{-3};            // Since 7.
    static constexpr Timestamp earliest_local{-4};           // Since 8.
    static constexpr Timestamp latest_tiered{-5};            // Since 9.
    static constexpr Timestamp earliest_pending_upload{-6};  // Since 11.

    struct Partition {
        std::int32_t partition_index = 0;
        std::int32_t current_leader_epoch = -1;
        Timestamp timestamp{};
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.partition_index);
            wire(m.current_leader_epoch, since(4));
            wire(m.timestamp);
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

    BrokerId replica_id{};            // -1: a consumer.
    std::int8_t isolation_level = 0;  // 1: the end is the last stable offset.
    std::span<Topic> topics;
    std::int32_t timeout_ms = 0;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.replica_id);
        wire(m.isolation_level, since(2));
        wire(m.topics);
        wire(m.timeout_ms, since(10));
    }
};

struct ListOffsetsResponse {
    static constexpr int key = 2, oldest = 1, newest = 11, flexible_since = 6;

    struct Partition {
        std::int32_t partition_index = 0;
        ErrorCode error_code{};
        Timestamp timestamp{-1};
        Offset offset{-1};
        std::int32_t leader_epoch = -1;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.partition_index);
            wire(m.error_code);
            wire(m.timestamp, since(1));
            wire(m.offset, since(1));
            wire(m.leader_epoch, since(4));
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
    std::span<Topic> topics;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.throttle_time_ms, since(2));
        wire(m.topics);
    }
};

}  // namespace fulmar::kafka

FULMAR_WIRE(extern, fulmar::kafka::ListOffsetsRequest);
FULMAR_WIRE(extern, fulmar::kafka::ListOffsetsResponse);
