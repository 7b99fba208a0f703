// ConsumerGroupDescribe: what consumer groups are doing, and who is in them (KIP-848). Values; they own
// nothing (wire/wire.h).
#pragma once

#include "wire/kafka/errors.h"
#include "wire/wire.h"

namespace fulmar::kafka {
using wire::since, wire::nullable;

struct ConsumerGroupDescribeRequest {
    static constexpr int key = 69, oldest = 0, newest = 1, flexible_since = 0;

    std::span<std::string_view> group_ids;
    bool include_authorized_operations = false;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.group_ids);
        wire(m.include_authorized_operations);
    }
};

struct ConsumerGroupDescribeResponse {
    static constexpr int key = 69, oldest = 0, newest = 1, flexible_since = 0;

    struct Topic {
        Uuid topic_id{};
        std::string_view topic_name;
        std::span<std::int32_t> partitions;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.topic_id);
            wire(m.topic_name);
            wire(m.partitions);
        }
    };
    struct Assignment {
        std::span<Topic> topic_partitions;
        static constexpr void fields(auto& m, auto& wire) { wire(m.topic_partitions); }
    };
    struct Member {
        // Which protocol it speaks.
        static constexpr std::int8_t unknown = -1, classic = 0, consumer = 1;

        std::string_view member_id;
        std::optional<std::string_view> instance_id;
        std::optional<std::string_view> rack_id;
        std::int32_t member_epoch = 0;
        std::string_view client_id;
        std::string_view client_host;
        std::span<std::string_view> subscribed_topic_names;
        std::optional<std::string_view> subscribed_topic_regex;
        Assignment assignment;
        Assignment target_assignment;
        std::int8_t member_type = unknown;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.member_id);
            wire(m.instance_id, since(0), nullable(0));
            wire(m.rack_id, since(0), nullable(0));
            wire(m.member_epoch);
            wire(m.client_id);
            wire(m.client_host);
            wire(m.subscribed_topic_names);
            wire(m.subscribed_topic_regex, since(0), nullable(0));
            wire(m.assignment);
            wire(m.target_assignment);
            wire(m.member_type, since(1));
        }
    };
    struct Group {
        ErrorCode error_code{};
        std::optional<std::string_view> error_message;
        std::string_view group_id;
        std::string_view group_state;
        std::int32_t group_epoch = 0;
        std::int32_t assignment_epoch = 0;
        std::string_view assignor_name;
        std::span<Member> members;
        std::int32_t authorized_operations = INT32_MIN;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.error_code);
            wire(m.error_message, since(0), nullable(0));
            wire(m.group_id);
            wire(m.group_state);
            wire(m.group_epoch);
            wire(m.assignment_epoch);
            wire(m.assignor_name);
            wire(m.members);
            wire(m.authorized_operations);
        }
    };

    std::int32_t throttle_time_ms = 0;
    std::span<Group> groups;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.throttle_time_ms);
        wire(m.groups);
    }
};

}  // namespace fulmar::kafka

FULMAR_WIRE(extern, fulmar::kafka::ConsumerGroupDescribeRequest);
FULMAR_WIRE(extern, fulmar::kafka::ConsumerGroupDescribeResponse);
