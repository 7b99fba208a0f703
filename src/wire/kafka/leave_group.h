// LeaveGroup: members go out of a classic group. Values; they own nothing (wire/wire.h).
#pragma once

#include "wire/kafka/errors.h"
#include "wire/wire.h"

namespace fulmar::kafka {
using wire::since, wire::until, wire::nullable;

// One member until version 2, a list of them from 3. In the list "" as the member's id, beside an instance's,
// removes the static member that has it (KIP-345).
struct LeaveGroupRequest {
    static constexpr int key = 13, oldest = 0, newest = 5, flexible_since = 4;

    struct Member {
        std::string_view member_id;
        std::optional<std::string_view> group_instance_id;
        std::optional<std::string_view> reason;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.member_id);
            wire(m.group_instance_id, since(3), nullable(3));
            wire(m.reason, since(5), nullable(5));
        }
    };

    std::string_view group_id;
    std::string_view member_id;
    std::span<Member> members;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.group_id);
        wire(m.member_id, until(2));
        wire(m.members, since(3));
    }
};

struct LeaveGroupResponse {
    static constexpr int key = 13, oldest = 0, newest = 5, flexible_since = 4;

    struct Member {
        std::string_view member_id;
        std::optional<std::string_view> group_instance_id;
        ErrorCode error_code{};
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.member_id);
            wire(m.group_instance_id, since(3), nullable(3));
            wire(m.error_code);
        }
    };

    std::int32_t throttle_time_ms = 0;
    ErrorCode error_code{};
    std::span<Member> members;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.throttle_time_ms, since(1));
        wire(m.error_code);
        wire(m.members, since(3));
    }
};

}  // namespace fulmar::kafka

FULMAR_WIRE(extern, fulmar::kafka::LeaveGroupRequest);
FULMAR_WIRE(extern, fulmar::kafka::LeaveGroupResponse);
