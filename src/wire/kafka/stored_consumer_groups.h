// What __consumer_offsets holds of consumer groups (KIP-848): of each the group, its members, its target and
// what each member has of it. Values of records, of version 0 (wire/kafka/stored_groups.h); they own nothing
// (wire/wire.h).
#pragma once

#include "wire/kafka/stored_keys.h"

namespace fulmar::kafka {
using wire::since, wire::nullable;

struct ConsumerGroupMetadataValue {
    using Key = ConsumerGroupMetadataKey;
    static constexpr int oldest = 0, newest = 0, flexible_since = 0, written = 0;

    std::int32_t epoch = 0;
    std::int64_t metadata_hash = 0;  // Of the topics subscribed to; 0: not known.

    static constexpr void fields(auto& m, auto& wire) { wire(m.epoch); }
    static constexpr void tags(auto& m, auto& tag) { tag(0, m.metadata_hash); }
};

// The topics as the group knew them, before there was the hash of them. Only read; deleted, once there is a
// hash.
struct ConsumerGroupPartitionMetadataValue {
    using Key = ConsumerGroupPartitionMetadataKey;
    static constexpr int oldest = 0, newest = 0, flexible_since = 0;

    struct Partition {
        std::int32_t partition = 0;
        std::span<std::string_view> racks;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.partition);
            wire(m.racks);
        }
    };
    struct Topic {
        Uuid topic_id{};
        std::string_view topic_name;
        std::int32_t num_partitions = 0;
        std::span<Partition> partition_metadata;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.topic_id);
            wire(m.topic_name);
            wire(m.num_partitions);
            wire(m.partition_metadata);
        }
    };

    std::span<Topic> topics;

    static constexpr void fields(auto& m, auto& wire) { wire(m.topics); }
};

// What a member has said that speaks the classic protocol to a consumer group.
struct StoredClassicMember {
    struct Protocol {
        std::string_view name;
        Bytes metadata;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.name);
            wire(m.metadata);
        }
    };

    std::int32_t session_timeout_ms = 0;
    std::span<Protocol> supported_protocols;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.session_timeout_ms);
        wire(m.supported_protocols);
    }
};

// What a member has said of itself.
struct ConsumerGroupMemberMetadataValue {
    using Key = ConsumerGroupMemberMetadataKey;
    static constexpr int oldest = 0, newest = 0, flexible_since = 0, written = 0;

    std::optional<std::string_view> instance_id;
    std::optional<std::string_view> rack_id;
    std::string_view client_id;
    std::string_view client_host;
    std::span<std::string_view> subscribed_topic_names;
    std::optional<std::string_view> subscribed_topic_regex;
    std::int32_t rebalance_timeout_ms = -1;
    std::optional<std::string_view> server_assignor;
    std::optional<StoredClassicMember> classic_member_metadata;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.instance_id, since(0), nullable(0));
        wire(m.rack_id, since(0), nullable(0));
        wire(m.client_id);
        wire(m.client_host);
        wire(m.subscribed_topic_names);
        wire(m.subscribed_topic_regex, since(0), nullable(0));
        wire(m.rebalance_timeout_ms);
        wire(m.server_assignor, since(0), nullable(0));
    }
    static constexpr void tags(auto& m, auto& tag) {
        tag(0, m.classic_member_metadata, since(0), nullable(0));
    }
};

struct ConsumerGroupTargetAssignmentMetadataValue {
    using Key = ConsumerGroupTargetAssignmentMetadataKey;
    static constexpr int oldest = 0, newest = 0, flexible_since = 0, written = 0;

    std::int32_t assignment_epoch = 0;
    Timestamp assignment_timestamp{};

    static constexpr void fields(auto& m, auto& wire) { wire(m.assignment_epoch); }
    static constexpr void tags(auto& m, auto& tag) { tag(0, m.assignment_timestamp); }
};

// What a member is to have in the end.
struct ConsumerGroupTargetAssignmentMemberValue {
    using Key = ConsumerGroupTargetAssignmentMemberKey;
    static constexpr int oldest = 0, newest = 0, flexible_since = 0, written = 0;

    struct Topic {
        Uuid topic_id{};
        std::span<std::int32_t> partitions;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.topic_id);
            wire(m.partitions);
        }
    };

    std::span<Topic> topic_partitions;

    static constexpr void fields(auto& m, auto& wire) { wire(m.topic_partitions); }
};

// What a member may have now, and what of it it must give back.
struct ConsumerGroupCurrentMemberAssignmentValue {
    using Key = ConsumerGroupCurrentMemberAssignmentKey;
    static constexpr int oldest = 0, newest = 0, flexible_since = 0, written = 0;

    // The states that KIP-848 gives a member.
    static constexpr std::int8_t stable = 0, unrevoked_partitions = 1, unreleased_partitions = 2,
                                 unknown = 127;

    struct Topic {
        Uuid topic_id{};
        std::span<std::int32_t> partitions;
        std::optional<std::span<std::int32_t>> assignment_epochs;  // Of each partition.
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.topic_id);
            wire(m.partitions);
        }
        static constexpr void tags(auto& m, auto& tag) { tag(0, m.assignment_epochs, since(0), nullable(0)); }
    };

    std::int32_t member_epoch = 0;
    std::int32_t previous_member_epoch = 0;
    std::int8_t state = stable;
    std::span<Topic> assigned_partitions;
    std::span<Topic> partitions_pending_revocation;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.member_epoch);
        wire(m.previous_member_epoch);
        wire(m.state);
        wire(m.assigned_partitions);
        wire(m.partitions_pending_revocation);
    }
};

// The topics that a regular expression stood for.
struct ConsumerGroupRegularExpressionValue {
    using Key = ConsumerGroupRegularExpressionKey;
    static constexpr int oldest = 0, newest = 0, flexible_since = 0, written = 0;

    std::span<std::string_view> topics;
    std::int64_t version = 0;  // Of the metadata that it was held against.
    Timestamp timestamp{};

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.topics);
        wire(m.version);
        wire(m.timestamp);
    }
};

}  // namespace fulmar::kafka

FULMAR_WIRE(extern, fulmar::kafka::ConsumerGroupMetadataValue);
FULMAR_WIRE(extern, fulmar::kafka::ConsumerGroupPartitionMetadataValue);
FULMAR_WIRE(extern, fulmar::kafka::ConsumerGroupMemberMetadataValue);
FULMAR_WIRE(extern, fulmar::kafka::ConsumerGroupTargetAssignmentMetadataValue);
FULMAR_WIRE(extern, fulmar::kafka::ConsumerGroupTargetAssignmentMemberValue);
FULMAR_WIRE(extern, fulmar::kafka::ConsumerGroupCurrentMemberAssignmentValue);
FULMAR_WIRE(extern, fulmar::kafka::ConsumerGroupRegularExpressionValue);
