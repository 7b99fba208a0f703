// JoinGroup: a member enters a classic group, and waits until the others have too. Values; they own nothing
// (wire/wire.h).
#pragma once

#include "wire/kafka/errors.h"
#include "wire/wire.h"

namespace fulmar::kafka {
using wire::since, wire::nullable;

// Since version 4 a member without an id is given one first, and asks again with it (KIP-394); since 5 it may
// be static, that is, known by its instance (KIP-345).
struct JoinGroupRequest {
    static constexpr int key = 11, oldest = 0, newest = 9, flexible_since = 6;

    // In the order in which the member would have them. What `metadata` says, the protocol type decides; that
    // of consumers is in wire/kafka/consumer_protocol.h.
    struct Protocol {
        std::string_view name;
        Bytes metadata;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.name);
            wire(m.metadata);
        }
    };

    std::string_view group_id;
    std::int32_t session_timeout_ms = 0;
    std::int32_t rebalance_timeout_ms = -1;  // In version 0 the session's counts.
    std::string_view member_id;              // "": none yet.
    std::optional<std::string_view> group_instance_id;
    std::string_view protocol_type;
    std::span<Protocol> protocols;
    std::optional<std::string_view> reason;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.group_id);
        wire(m.session_timeout_ms);
        wire(m.rebalance_timeout_ms, since(1));
        wire(m.member_id);
        wire(m.group_instance_id, since(5), nullable(5));
        wire(m.protocol_type);
        wire(m.protocols);
        wire(m.reason, since(8), nullable(8));
    }
};

// The members are told to the leader alone.
struct JoinGroupResponse {
    static constexpr int key = 11, oldest = 0, newest = 9, flexible_since = 6;

    struct Member {
        std::string_view member_id;
        std::optional<std::string_view> group_instance_id;
        Bytes metadata;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.member_id);
            wire(m.group_instance_id, since(5), nullable(5));
            wire(m.metadata);
        }
    };

    std::int32_t throttle_time_ms = 0;
    ErrorCode error_code{};
    std::int32_t generation_id = -1;
    std::optional<std::string_view> protocol_type;
    std::optional<std::string_view> protocol_name;  // Below version 7 "" stands for none.
    std::string_view leader;
    bool skip_assignment = false;  // The leader need not assign anything (KIP-814).
    std::string_view member_id;
    std::span<Member> members;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.throttle_time_ms, since(2));
        wire(m.error_code);
        wire(m.generation_id);
        wire(m.protocol_type, since(7), nullable(7));
        wire(m.protocol_name, since(0), nullable(7));
        wire(m.leader);
        wire(m.skip_assignment, since(9));
        wire(m.member_id);
        wire(m.members);
    }
};

}  // namespace fulmar::kafka

FULMAR_WIRE(extern, fulmar::kafka::JoinGroupRequest);
FULMAR_WIRE(extern, fulmar::kafka::JoinGroupResponse);
