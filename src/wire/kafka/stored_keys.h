// The keys of the records of __consumer_offsets (wire/kafka/stored_groups.h). Values; they own nothing
// (wire/wire.h).
#pragma once

#include <climits>

#include "wire/kafka/prefixed.h"

namespace fulmar::kafka {

// Type 0 has the same fields; it is read as this one, and written no more.
struct OffsetCommitKey {
    static constexpr std::int16_t type = 1, legacy_type = 0;
    static constexpr int flexible_since = INT_MAX;

    std::string_view group;
    std::string_view topic;
    std::int32_t partition = 0;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.group);
        wire(m.topic);
        wire(m.partition);
    }
    bool operator==(const OffsetCommitKey&) const = default;
};

// A classic group.
struct GroupMetadataKey {
    static constexpr std::int16_t type = 2;
    static constexpr int flexible_since = INT_MAX;

    std::string_view group;

    static constexpr void fields(auto& m, auto& wire) { wire(m.group); }
    bool operator==(const GroupMetadataKey&) const = default;
};

struct ConsumerGroupMetadataKey {
    static constexpr std::int16_t type = 3;
    static constexpr int flexible_since = INT_MAX;

    std::string_view group_id;

    static constexpr void fields(auto& m, auto& wire) { wire(m.group_id); }
    bool operator==(const ConsumerGroupMetadataKey&) const = default;
};

struct ConsumerGroupPartitionMetadataKey {
    static constexpr std::int16_t type = 4;
    static constexpr int flexible_since = INT_MAX;

    std::string_view group_id;

    static constexpr void fields(auto& m, auto& wire) { wire(m.group_id); }
    bool operator==(const ConsumerGroupPartitionMetadataKey&) const = default;
};

struct ConsumerGroupMemberMetadataKey {
    static constexpr std::int16_t type = 5;
    static constexpr int flexible_since = INT_MAX;

    std::string_view group_id;
    std::string_view member_id;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.group_id);
        wire(m.member_id);
    }
    bool operator==(const ConsumerGroupMemberMetadataKey&) const = default;
};

struct ConsumerGroupTargetAssignmentMetadataKey {
    static constexpr std::int16_t type = 6;
    static constexpr int flexible_since = INT_MAX;

    std::string_view group_id;

    static constexpr void fields(auto& m, auto& wire) { wire(m.group_id); }
    bool operator==(const ConsumerGroupTargetAssignmentMetadataKey&) const = default;
};

struct ConsumerGroupTargetAssignmentMemberKey {
    static constexpr std::int16_t type = 7;
    static constexpr int flexible_since = INT_MAX;

    std::string_view group_id;
    std::string_view member_id;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.group_id);
        wire(m.member_id);
    }
    bool operator==(const ConsumerGroupTargetAssignmentMemberKey&) const = default;
};

struct ConsumerGroupCurrentMemberAssignmentKey {
    static constexpr std::int16_t type = 8;
    static constexpr int flexible_since = INT_MAX;

    std::string_view group_id;
    std::string_view member_id;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.group_id);
        wire(m.member_id);
    }
    bool operator==(const ConsumerGroupCurrentMemberAssignmentKey&) const = default;
};

struct ConsumerGroupRegularExpressionKey {
    static constexpr std::int16_t type = 16;
    static constexpr int flexible_since = INT_MAX;

    std::string_view group_id;
    std::string_view regular_expression;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.group_id);
        wire(m.regular_expression);
    }
    bool operator==(const ConsumerGroupRegularExpressionKey&) const = default;
};

}  // namespace fulmar::kafka

FULMAR_WIRE(extern, fulmar::kafka::OffsetCommitKey);
FULMAR_WIRE(extern, fulmar::kafka::GroupMetadataKey);
FULMAR_WIRE(extern, fulmar::kafka::ConsumerGroupMetadataKey);
FULMAR_WIRE(extern, fulmar::kafka::ConsumerGroupPartitionMetadataKey);
FULMAR_WIRE(extern, fulmar::kafka::ConsumerGroupMemberMetadataKey);
FULMAR_WIRE(extern, fulmar::kafka::ConsumerGroupTargetAssignmentMetadataKey);
FULMAR_WIRE(extern, fulmar::kafka::ConsumerGroupTargetAssignmentMemberKey);
FULMAR_WIRE(extern, fulmar::kafka::ConsumerGroupCurrentMemberAssignmentKey);
FULMAR_WIRE(extern, fulmar::kafka::ConsumerGroupRegularExpressionKey);
