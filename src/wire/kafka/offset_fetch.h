// OffsetFetch: how far groups have come. Values; they own nothing (wire/wire.h).
#pragma once

#include "wire/kafka/errors.h"
#include "wire/wire.h"

namespace fulmar::kafka {
using wire::since, wire::until, wire::nullable;

// One group until version 7, a list of them from 8; null asks for all its topics, since version 2. Version 9
// may carry the epoch of a member of a consumer group (KIP-848), 10 names topics by id.
struct OffsetFetchRequest {
    static constexpr int key = 9, oldest = 1, newest = 10, flexible_since = 6;

    struct Topic {
        std::string_view name;
        std::span<std::int32_t> partition_indexes;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.name);
            wire(m.partition_indexes);
        }
    };
    struct GroupTopic {
        std::string_view name;
        Uuid topic_id{};
        std::span<std::int32_t> partition_indexes;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.name, until(9));
            wire(m.topic_id, since(10));
            wire(m.partition_indexes);
        }
    };
    struct Group {
        std::string_view group_id;
        std::optional<std::string_view> member_id;
        std::int32_t member_epoch = -1;
        std::optional<std::span<GroupTopic>> topics;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.group_id);
            wire(m.member_id, since(9), nullable(9));
            wire(m.member_epoch, since(9));
            wire(m.topics, since(8), nullable(8));
        }
    };

    std::string_view group_id;
    std::optional<std::span<Topic>> topics;
    std::span<Group> groups;
    bool require_stable = false;  // Not of partitions in which a transaction has yet to commit an offset.

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.group_id, until(7));
        wire(m.topics, until(7), nullable(2, 7));
        wire(m.groups, since(8));
        wire(m.require_stable, since(7));
    }
};

// Where nothing is committed the offset is -1 and the metadata "".
struct OffsetFetchResponse {
    static constexpr int key = 9, oldest = 1, newest = 10, flexible_since = 6;

    struct Partition {
        std::int32_t partition_index = 0;
        Offset committed_offset{};
        std::int32_t committed_leader_epoch = -1;
        std::optional<std::string_view> metadata;
        ErrorCode error_code{};
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.partition_index);
            wire(m.committed_offset);
            wire(m.committed_leader_epoch, since(5));
            wire(m.metadata, since(0), nullable(0));
            wire(m.error_code);
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
    struct GroupTopic {
        std::string_view name;
        Uuid topic_id{};
        std::span<Partition> partitions;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.name, until(9));
            wire(m.topic_id, since(10));
            wire(m.partitions);
        }
    };
    struct Group {
        std::string_view group_id;
        std::span<GroupTopic> topics;
        ErrorCode error_code{};
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.group_id);
            wire(m.topics);
            wire(m.error_code);
        }
    };

    std::int32_t throttle_time_ms = 0;
    std::span<Topic> topics;
    ErrorCode error_code{};
    std::span<Group> groups;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.throttle_time_ms, since(3));
        wire(m.topics, until(7));
        wire(m.error_code, {2, 7});
        wire(m.groups, since(8));
    }
};

}  // namespace fulmar::kafka

FULMAR_WIRE(extern, fulmar::kafka::OffsetFetchRequest);
FULMAR_WIRE(extern, fulmar::kafka::OffsetFetchResponse);
