// DeleteTopics. Values; they own nothing (wire/wire.h).
#pragma once

#include "wire/kafka/errors.h"
#include "wire/wire.h"

namespace fulmar::kafka {
using wire::since, wire::until, wire::nullable;

// Since version 6 a topic is named or has its id given, never both.
struct DeleteTopicsRequest {
    static constexpr int key = 20, oldest = 0, newest = 6, flexible_since = 4;

    struct Topic {
        std::optional<std::string_view> name;
        Uuid topic_id{};
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.name, since(6), nullable(6));
            wire(m.topic_id, since(6));
        }
    };

    std::span<Topic> topics;
    std::span<std::string_view> topic_names;
    std::int32_t timeout_ms = 0;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.topics, since(6));
        wire(m.topic_names, until(5));
        wire(m.timeout_ms);
    }
};

struct DeleteTopicsResponse {
    static constexpr int key = 20, oldest = 0, newest = 6, flexible_since = 4;

    struct Result {
        std::optional<std::string_view> name;  // Null only since version 6, of an id that is unknown.
        Uuid topic_id{};
        ErrorCode error_code{};
        std::optional<std::string_view> error_message;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.name, since(0), nullable(6));
            wire(m.topic_id, since(6));
            wire(m.error_code);
            wire(m.error_message, since(5), nullable(5));
        }
    };

    std::int32_t throttle_time_ms = 0;
    std::span<Result> responses;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.throttle_time_ms, since(1));
        wire(m.responses);
    }
};

}  // namespace fulmar::kafka

FULMAR_WIRE(extern, fulmar::kafka::DeleteTopicsRequest);
FULMAR_WIRE(extern, fulmar::kafka::DeleteTopicsResponse);
