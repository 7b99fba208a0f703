// The records of __consumer_offsets: what groups are, who is in them, and how far they have come. A key is an
// int16, the type of what it names, and its fields; a value an int16, its version, and its fields in that
// version; null in its place deletes what the key names. The layout is Kafka's, so that what reads that topic
// elsewhere reads ours. Values; they own nothing (wire/wire.h).
#pragma once

#include <variant>

#include "wire/kafka/stored_consumer_groups.h"
#include "wire/kafka/stored_keys.h"

namespace fulmar::kafka {

// Version 1 alone says when the commit expires, 3 the epoch, 4 the topic's id. Readers outside Kafka know no
// 4, so 3 is written, or 1 where the client set a retention.
struct OffsetCommitValue {
    using Key = OffsetCommitKey;
    static constexpr int oldest = 0, newest = 4, flexible_since = 4, written = 3;

    Offset offset{};
    std::int32_t leader_epoch = -1;
    std::string_view metadata;
    Timestamp commit_timestamp{};
    Timestamp expire_timestamp{-1};  // -1: by the group's retention.
    Uuid topic_id{};

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.offset);
        wire(m.leader_epoch, since(3));
        wire(m.metadata);
        wire(m.commit_timestamp);
        wire(m.expire_timestamp, {1, 1});
    }
    static constexpr void tags(auto& m, auto& tag) { tag(0, m.topic_id, since(4)); }
};

// A classic group as it was when its leader had assigned, or when its last member had left. Readers outside
// Kafka know no version 4, which is 3 with tags.
struct GroupMetadataValue {
    using Key = GroupMetadataKey;
    static constexpr int oldest = 0, newest = 4, flexible_since = 4, written = 3;

    struct Member {
        std::string_view member_id;
        std::optional<std::string_view> group_instance_id;
        std::string_view client_id;
        std::string_view client_host;
        std::int32_t rebalance_timeout = -1;  // Milliseconds.
        std::int32_t session_timeout = 0;     // Milliseconds.
        Bytes subscription;
        Bytes assignment;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.member_id);
            wire(m.group_instance_id, since(3), nullable(3));
            wire(m.client_id);
            wire(m.client_host);
            wire(m.rebalance_timeout, since(1));
            wire(m.session_timeout);
            wire(m.subscription);
            wire(m.assignment);
        }
    };

    std::string_view protocol_type;
    std::int32_t generation = 0;
    std::optional<std::string_view> protocol;
    std::optional<std::string_view> leader;
    Timestamp current_state_timestamp{-1};  // Since when it is as it is.
    std::span<Member> members;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.protocol_type);
        wire(m.generation);
        wire(m.protocol, since(0), nullable(0));
        wire(m.leader, since(0), nullable(0));
        wire(m.current_state_timestamp, since(2));
        wire(m.members);
    }
};

// A key of a type that is not read here: of another kind of group, or of a later release.
struct OtherKey {
    std::int16_t type = 0;
};
using StoredKey =
    std::variant<OffsetCommitKey, GroupMetadataKey, ConsumerGroupMetadataKey,
                 ConsumerGroupPartitionMetadataKey, ConsumerGroupMemberMetadataKey,
                 ConsumerGroupTargetAssignmentMetadataKey, ConsumerGroupTargetAssignmentMemberKey,
                 ConsumerGroupCurrentMemberAssignmentKey, ConsumerGroupRegularExpressionKey, OtherKey>;

// Views `key`; takes no memory. Nothing may be left over.
std::expected<StoredKey, wire::DecodeError> decode_stored_key(Bytes key);
template <class Key>
Pieces encode_stored_key(const Key& key) {
    return encode_prefixed(Key::type, key, 0);
}

// Views `value`. REFUSES a version that is not known, and what is left over.
template <class Value>
std::expected<Value, wire::DecodeError> decode_stored_value(Bytes value, Arena& arena) {
    auto in = open_prefixed(value);
    if (!in) return std::unexpected(in.error());
    if (in->prefix < Value::oldest || in->prefix > Value::newest)
        return std::unexpected(wire::DecodeError::version);
    return wire::decode<Value>(in->message, in->prefix, arena);
}
template <class Value>
Pieces encode_stored_value(const Value& value, int version = Value::written) {
    return encode_prefixed(std::int16_t(version), value, version);
}

}  // namespace fulmar::kafka

FULMAR_WIRE(extern, fulmar::kafka::OffsetCommitValue);
FULMAR_WIRE(extern, fulmar::kafka::GroupMetadataValue);
