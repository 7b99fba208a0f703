// ListGroups: the groups that a broker keeps. Values; they own nothing (wire/wire.h).
#pragma once

#include "wire/kafka/errors.h"
#include "wire/wire.h"

namespace fulmar::kafka {
using wire::since;

// A filter that is empty keeps nothing back.
struct ListGroupsRequest {
    static constexpr int key = 16, oldest = 0, newest = 5, flexible_since = 3;

    std::span<std::string_view> states_filter;
    std::span<std::string_view> types_filter;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.states_filter, since(4));
        wire(m.types_filter, since(5));
    }
};

struct ListGroupsResponse {
    static constexpr int key = 16, oldest = 0, newest = 5, flexible_since = 3;

    struct Group {
        std::string_view group_id;
        std::string_view protocol_type;
        std::string_view group_state;
        std::string_view group_type;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.group_id);
            wire(m.protocol_type);
            wire(m.group_state, since(4));
            wire(m.group_type, since(5));
        }
    };

    std::int32_t throttle_time_ms = 0;
    ErrorCode error_code{};
    std::span<Group> groups;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.throttle_time_ms, since(1));
        wire(m.error_code);
        wire(m.groups);
    }
};

}  // namespace fulmar::kafka

FULMAR_WIRE(extern, fulmar::kafka::ListGroupsRequest);
FULMAR_WIRE(extern, fulmar::kafka::ListGroupsResponse);
