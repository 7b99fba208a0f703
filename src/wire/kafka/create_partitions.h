// CreatePartitions: more partitions for topics that exist. Values; they own nothing (wire/wire.h).
#pragma once

#include "wire/kafka/errors.h"
#include "wire/wire.h"

namespace fulmar::kafka {
using wire::since, wire::nullable;

// `count` is what a topic shall have in all. Assignments, if any, are those of the new partitions only.
struct CreatePartitionsRequest {
    static constexpr int key = 37, oldest = 0, newest = 3, flexible_since = 2;

    struct Assignment {
        std::span<BrokerId> broker_ids;
        static constexpr void fields(auto& m, auto& wire) { wire(m.broker_ids); }
    };
    struct Topic {
        std::string_view name;
        std::int32_t count = 0;
        std::optional<std::span<Assignment>> assignments;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.name);
            wire(m.count);
            wire(m.assignments, since(0), nullable(0));
        }
    };

    std::span<Topic> topics;
    std::int32_t timeout_ms = 0;
    bool validate_only = false;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.topics);
        wire(m.timeout_ms);
        wire(m.validate_only);
    }
};

struct CreatePartitionsResponse {
    static constexpr int key = 37, oldest = 0, newest = 3, flexible_since = 2;

    struct Result {
        std::string_view name;
        ErrorCode error_code{};
        std::optional<std::string_view> error_message;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.name);
            wire(m.error_code);
            wire(m.error_message, since(0), nullable(0));
        }
    };

    std::int32_t throttle_time_ms = 0;
    std::span<Result> results;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.throttle_time_ms);
        wire(m.results);
    }
};

}  // namespace fulmar::kafka

FULMAR_WIRE(extern, fulmar::kafka::CreatePartitionsRequest);
FULMAR_WIRE(extern, fulmar::kafka::CreatePartitionsResponse);
