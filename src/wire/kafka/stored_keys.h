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

// Of what is said of a group of KIP-848 (`number`: which that is), and of a member of one.
template <std::int16_t number>
struct ConsumerGroupKey {
    static constexpr std::int16_t type = number;
    static constexpr int flexible_since = INT_MAX;

    std::string_view group_id;

    static constexpr void fields(auto& m, auto& wire) { wire(m.group_id); }
    bool operator==(const ConsumerGroupKey&) const = default;
};
template <std::int16_t number>
struct ConsumerGroupMemberKey {
    static constexpr std::int16_t type = number;
    static constexpr int flexible_since = INT_MAX;

    std::string_view group_id;
    std::string_view member_id;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.group_id);
        wire(m.member_id);
    }
    bool operator==(const ConsumerGroupMemberKey&) const = default;
};
using ConsumerGroupMetadataKey = ConsumerGroupKey<3>;
using ConsumerGroupPartitionMetadataKey = ConsumerGroupKey<4>;
using ConsumerGroupMemberMetadataKey = ConsumerGroupMemberKey<5>;
using ConsumerGroupTargetAssignmentMetadataKey = ConsumerGroupKey<6>;
using ConsumerGroupTargetAssignmentMemberKey = ConsumerGroupMemberKey<7>;
using ConsumerGroupCurrentMemberAssignmentKey = ConsumerGroupMemberKey<8>;

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
