// OffsetCommit: how far a group has come in its partitions. Values; they own nothing (wire/wire.h).
#pragma once

#include "wire/kafka/errors.h"
#include "wire/wire.h"

namespace fulmar::kafka {
using wire::since, wire::until, wire::nullable;

// Version 9 may carry the epoch of a member of a consumer group (KIP-848), 10 names topics by id.
struct OffsetCommitRequest {
    static constexpr int key = 8, oldest = 2, newest = 10, flexible_since = 8;

    struct Partition {
        std::int32_t partition_index = 0;
        Offset committed_offset{};  // The next that is to be read.
        std::int32_t committed_leader_epoch = -1;
        std::optional<std::string_view> committed_metadata;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.partition_index);
            wire(m.committed_offset);
            wire(m.committed_leader_epoch, since(6));
            wire(m.committed_metadata, since(0), nullable(0));
        }
    };
    struct Topic {
        std::string_view name;
        Uuid topic_id{};
        std::span<Partition> partitions;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.name, until(9));
            wire(m.topic_id, since(10));
            wire(m.partitions);
        }
    };

    std::string_view group_id;
    std::int32_t generation_id_or_member_epoch = -1;  // -1: of no member.
    std::string_view member_id;
    std::optional<std::string_view> group_instance_id;
    std::int64_t retention_time_ms = -1;  // -1: the broker's.
    std::span<Topic> topics;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.group_id);
        wire(m.generation_id_or_member_epoch);
        wire(m.member_id);
        wire(m.group_instance_id, since(7), nullable(7));
        wire(m.retention_time_ms, until(4));
        wire(m.topics);
    }
};

struct OffsetCommitResponse {
    static constexpr int key = 8, oldest = 2, newest = 10, flexible_since = 8;

    struct Partition {
        std::int32_t partition_index = 0;
        ErrorCode error_code{};
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.partition_index);
            wire(m.error_code);
        }
    };
    struct Topic {
        std::string_view name;
        Uuid topic_id{};
        std::span<Partition> partitions;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.name, until(9));
            wire(m.topic_id, since(10));
            wire(m.partitions);
        }
    };

    std::int32_t throttle_time_ms = 0;
    std::span<Topic> topics;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.throttle_time_ms, since(3));
        wire(m.topics);
    }
};

}  // namespace fulmar::kafka

FULMAR_WIRE(extern, fulmar::kafka::OffsetCommitRequest);
FULMAR_WIRE(extern, fulmar::kafka::OffsetCommitResponse);
