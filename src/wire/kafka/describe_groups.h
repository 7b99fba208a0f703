// DescribeGroups: what classic groups are doing, and who is in them. Values; they own nothing (wire/wire.h).
#pragma once

#include "wire/kafka/errors.h"
#include "wire/wire.h"

namespace fulmar::kafka {
using wire::since, wire::nullable;

struct DescribeGroupsRequest {
    static constexpr int key = 15, oldest = 0, newest = 6, flexible_since = 5;

    std::span<std::string_view> groups;
    bool include_authorized_operations = false;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.groups);
        wire(m.include_authorized_operations, since(3));
    }
};

struct DescribeGroupsResponse {
    static constexpr int key = 15, oldest = 0, newest = 6, flexible_since = 5;

    struct Member {
        std::string_view member_id;
        std::optional<std::string_view> group_instance_id;
        std::string_view client_id;
        std::string_view client_host;
        Bytes member_metadata;
        Bytes member_assignment;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.member_id);
            wire(m.group_instance_id, since(4), nullable(4));
            wire(m.client_id);
            wire(m.client_host);
            wire(m.member_metadata);
            wire(m.member_assignment);
        }
    };
    struct Group {
        ErrorCode error_code{};
        std::optional<std::string_view> error_message;
        std::string_view group_id;
        std::string_view group_state;
        std::string_view protocol_type;
        std::string_view protocol_data;  // The protocol's name.
        std::span<Member> members;
        std::int32_t authorized_operations = INT32_MIN;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.error_code);
            wire(m.error_message, since(6), nullable(6));
            wire(m.group_id);
            wire(m.group_state);
            wire(m.protocol_type);
            wire(m.protocol_data);
            wire(m.members);
            wire(m.authorized_operations, since(3));
        }
    };

    std::int32_t throttle_time_ms = 0;
    std::span<Group> groups;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.throttle_time_ms, since(1));
        wire(m.groups);
    }
};

}  // namespace fulmar::kafka

FULMAR_WIRE(extern, fulmar::kafka::DescribeGroupsRequest);
FULMAR_WIRE(extern, fulmar::kafka::DescribeGroupsResponse);
