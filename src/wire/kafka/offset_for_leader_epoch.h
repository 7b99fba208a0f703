// OffsetForLeaderEpoch: where the epoch of a leader ended in the log. Values; they own nothing (wire/wire.h).
#pragma once

#include "wire/kafka/errors.h"
#include "wire/wire.h"

namespace fulmar::kafka {
using wire::since;

struct OffsetForLeaderEpochRequest {
    static constexpr int key = 23, oldest = 2, newest = 4, flexible_since = 4;

    struct Partition {
        std::int32_t partition = 0;
        std::int32_t current_leader_epoch = -1;  // What the asker takes to be the current one; -1: any.
        std::int32_t leader_epoch = 0;           // Whose end is asked for.
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.partition);
            wire(m.current_leader_epoch);
            wire(m.leader_epoch);
        }
    };
    struct Topic {
        std::string_view topic;
        std::span<Partition> partitions;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.topic);
            wire(m.partitions);
        }
    };

    BrokerId replica_id{-2};  // -1: a consumer; -2: a consumer that debugs.
    std::span<Topic> topics;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.replica_id, since(3));
        wire(m.topics);
    }
};

struct OffsetForLeaderEpochResponse {
    static constexpr int key = 23, oldest = 2, newest = 4, flexible_since = 4;

    struct Partition {
        ErrorCode error_code{};
        std::int32_t partition = 0;
        std::int32_t leader_epoch = -1;
        std::int64_t end_offset = -1;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.error_code);
            wire(m.partition);
            wire(m.leader_epoch);
            wire(m.end_offset);
        }
    };
    struct Topic {
        std::string_view topic;
        std::span<Partition> partitions;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.topic);
            wire(m.partitions);
        }
    };

    std::int32_t throttle_time_ms = 0;
    std::span<Topic> topics;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.throttle_time_ms);
        wire(m.topics);
    }
};

}  // namespace fulmar::kafka

FULMAR_WIRE(extern, fulmar::kafka::OffsetForLeaderEpochRequest);
FULMAR_WIRE(extern, fulmar::kafka::OffsetForLeaderEpochResponse);
