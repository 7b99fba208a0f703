// SyncGroup: a classic group's leader says who does what, and each member learns its part. Values; they own
// nothing (wire/wire.h).
#pragma once

#include "wire/kafka/errors.h"
#include "wire/wire.h"

namespace fulmar::kafka {
using wire::since, wire::nullable;

// Only the leader has assignments. Since version 5 a member says what it takes the group's protocol to be
// (KIP-559).
struct SyncGroupRequest {
    static constexpr int key = 14, oldest = 0, newest = 5, flexible_since = 4;

    struct Assignment {
        std::string_view member_id;
        Bytes assignment;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.member_id);
            wire(m.assignment);
        }
    };

    std::string_view group_id;
    std::int32_t generation_id = 0;
    std::string_view member_id;
    std::optional<std::string_view> group_instance_id;
    std::optional<std::string_view> protocol_type;
    std::optional<std::string_view> protocol_name;
    std::span<Assignment> assignments;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.group_id);
        wire(m.generation_id);
        wire(m.member_id);
        wire(m.group_instance_id, since(3), nullable(3));
        wire(m.protocol_type, since(5), nullable(5));
        wire(m.protocol_name, since(5), nullable(5));
        wire(m.assignments);
    }
};

struct SyncGroupResponse {
    static constexpr int key = 14, oldest = 0, newest = 5, flexible_since = 4;

    std::int32_t throttle_time_ms = 0;
    ErrorCode error_code{};
    std::optional<std::string_view> protocol_type;
    std::optional<std::string_view> protocol_name;
    Bytes assignment;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.throttle_time_ms, since(1));
        wire(m.error_code);
        wire(m.protocol_type, since(5), nullable(5));
        wire(m.protocol_name, since(5), nullable(5));
        wire(m.assignment);
    }
};

}  // namespace fulmar::kafka

FULMAR_WIRE(extern, fulmar::kafka::SyncGroupRequest);
FULMAR_WIRE(extern, fulmar::kafka::SyncGroupResponse);
