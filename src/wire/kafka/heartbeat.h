// Heartbeat: a member of a classic group is alive, and hears whether it has to join again. Values; they own
// nothing (wire/wire.h).
#pragma once

#include "wire/kafka/errors.h"
#include "wire/wire.h"

namespace fulmar::kafka {
using wire::since, wire::nullable;

struct HeartbeatRequest {
    static constexpr int key = 12, oldest = 0, newest = 4, flexible_since = 4;

    std::string_view group_id;
    std::int32_t generation_id = 0;
    std::string_view member_id;
    std::optional<std::string_view> group_instance_id;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.group_id);
        wire(m.generation_id);
        wire(m.member_id);
        wire(m.group_instance_id, since(3), nullable(3));
    }
};

struct HeartbeatResponse {
    static constexpr int key = 12, oldest = 0, newest = 4, flexible_since = 4;

    std::int32_t throttle_time_ms = 0;
    ErrorCode error_code{};

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.throttle_time_ms, since(1));
        wire(m.error_code);
    }
};

}  // namespace fulmar::kafka

FULMAR_WIRE(extern, fulmar::kafka::HeartbeatRequest);
FULMAR_WIRE(extern, fulmar::kafka::HeartbeatResponse);
