// CreateTopics. Values; they own nothing (wire/wire.h).
#pragma once

#include "wire/kafka/errors.h"
#include "wire/wire.h"

namespace fulmar::kafka {
using wire::since, wire::nullable;

// A number of partitions or a replication factor of -1 leaves it to the broker.
struct CreateTopicsRequest {
    static constexpr int key = 19, oldest = 0, newest = 7, flexible_since = 5;

    struct Assignment {
        std::int32_t partition_index = 0;
        std::span<BrokerId> broker_ids;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.partition_index);
            wire(m.broker_ids);
        }
    };
    struct Config {
        std::string_view name;
        std::optional<std::string_view> value;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.name);
            wire(m.value, since(0), nullable(0));
        }
    };
    struct Topic {
        std::string_view name;
        std::int32_t num_partitions = 0;
        std::int16_t replication_factor = 0;
        std::span<Assignment> assignments;
        std::span<Config> configs;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.name);
            wire(m.num_partitions);
            wire(m.replication_factor);
            wire(m.assignments);
            wire(m.configs);
        }
    };

    std::span<Topic> topics;
    std::int32_t timeout_ms = 60000;
    bool validate_only = false;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.topics);
        wire(m.timeout_ms);
        wire(m.validate_only, since(1));
    }
};

struct CreateTopicsResponse {
    static constexpr int key = 19, oldest = 0, newest = 7, flexible_since = 5;

    struct Config {
        std::string_view name;
        std::optional<std::string_view> value;
        bool read_only = false;
        std::int8_t config_source = -1;
        bool is_sensitive = false;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.name);
            wire(m.value, since(5), nullable(5));
            wire(m.read_only);
            wire(m.config_source);
            wire(m.is_sensitive);
        }
    };
    struct Topic {
        std::string_view name;
        Uuid topic_id{};
        ErrorCode error_code{};
        std::optional<std::string_view> error_message;
        ErrorCode topic_config_error_code{};
        std::int32_t num_partitions = -1;
        std::int16_t replication_factor = -1;
        std::optional<std::span<Config>> configs;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.name);
            wire(m.topic_id, since(7));
            wire(m.error_code);
            wire(m.error_message, since(1), nullable(0));
            wire(m.num_partitions, since(5));
            wire(m.replication_factor, since(5));
            wire(m.configs, since(5), nullable(5));
        }
        static constexpr void tags(auto& m, auto& tag) { tag(0, m.topic_config_error_code, since(5)); }
    };

    std::int32_t throttle_time_ms = 0;
    std::span<Topic> topics;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.throttle_time_ms, since(2));
        wire(m.topics);
    }
};

}  // namespace fulmar::kafka

FULMAR_WIRE(extern, fulmar::kafka::CreateTopicsRequest);
FULMAR_WIRE(extern, fulmar::kafka::CreateTopicsResponse);
