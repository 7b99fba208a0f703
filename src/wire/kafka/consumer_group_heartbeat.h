// ConsumerGroupHeartbeat: all that a member and a consumer group have to say to each other (KIP-848). Values;
// they own nothing (wire/wire.h).
#pragma once

#include "wire/kafka/errors.h"
#include "wire/wire.h"

namespace fulmar::kafka {
using wire::since, wire::nullable;

struct ConsumerGroupHeartbeatTopic {
    Uuid topic_id{};
    std::span<std::int32_t> partitions;
    static constexpr void fields(auto& m, auto& wire) {
        wire(m.topic_id);
        wire(m.partitions);
    }
};

// What is null is as in the last heartbeat. Since version 1 the client makes the member's id, and may
// subscribe by a regular expression.
struct ConsumerGroupHeartbeatRequest {
    static constexpr int key = 68, oldest = 0, newest = 1, flexible_since = 0;

    // Epochs that are none: a member joins, leaves, or, being static, leaves and will be back.
    static constexpr std::int32_t join = 0, leave = -1, leave_for_a_time = -2;

    std::string_view group_id;
    std::string_view member_id;
    std::int32_t member_epoch = 0;
    std::optional<std::string_view> instance_id;
    std::optional<std::string_view> rack_id;
    std::int32_t rebalance_timeout_ms = -1;  // -1: as in the last heartbeat.
    std::optional<std::span<std::string_view>> subscribed_topic_names;
    std::optional<std::string_view> subscribed_topic_regex;
    std::optional<std::string_view> server_assignor;
    std::optional<std::span<ConsumerGroupHeartbeatTopic>> topic_partitions;  // What it owns.

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.group_id);
        wire(m.member_id);
        wire(m.member_epoch);
        wire(m.instance_id, since(0), nullable(0));
        wire(m.rack_id, since(0), nullable(0));
        wire(m.rebalance_timeout_ms);
        wire(m.subscribed_topic_names, since(0), nullable(0));
        wire(m.subscribed_topic_regex, since(1), nullable(1));
        wire(m.server_assignor, since(0), nullable(0));
        wire(m.topic_partitions, since(0), nullable(0));
    }
};

// An assignment that is null is as in the last answer.
struct ConsumerGroupHeartbeatResponse {
    static constexpr int key = 68, oldest = 0, newest = 1, flexible_since = 0;

    struct Assignment {
        std::span<ConsumerGroupHeartbeatTopic> topic_partitions;
        static constexpr void fields(auto& m, auto& wire) { wire(m.topic_partitions); }
    };

    std::int32_t throttle_time_ms = 0;
    ErrorCode error_code{};
    std::optional<std::string_view> error_message;
    std::optional<std::string_view> member_id;
    std::int32_t member_epoch = 0;
    std::int32_t heartbeat_interval_ms = 0;
    std::optional<Assignment> assignment;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.throttle_time_ms);
        wire(m.error_code);
        wire(m.error_message, since(0), nullable(0));
        wire(m.member_id, since(0), nullable(0));
        wire(m.member_epoch);
        wire(m.heartbeat_interval_ms);
        wire(m.assignment, since(0), nullable(0));
    }
};

}  // namespace fulmar::kafka

FULMAR_WIRE(extern, fulmar::kafka::ConsumerGroupHeartbeatRequest);
FULMAR_WIRE(extern, fulmar::kafka::ConsumerGroupHeartbeatResponse);
