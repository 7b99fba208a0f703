// DescribeConfigs: what settings topics, brokers and groups have, and where each comes from. Values; they
// own nothing (wire/wire.h).
#pragma once

#include "wire/kafka/errors.h"
#include "wire/wire.h"

namespace fulmar::kafka {
using wire::since, wire::until, wire::nullable;

struct DescribeConfigsRequest {
    static constexpr int key = 32, oldest = 0, newest = 4, flexible_since = 4;

    struct Resource {
        std::int8_t resource_type = 0;  // Kafka's ConfigResource: 2 a topic, 4 a broker.
        std::string_view resource_name;
        std::optional<std::span<std::string_view>> configuration_keys;  // Null or none: all.
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.resource_type);
            wire(m.resource_name);
            wire(m.configuration_keys, since(0), nullable(0));
        }
    };

    std::span<Resource> resources;
    bool include_synonyms = false, include_documentation = false;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.resources);
        wire(m.include_synonyms, since(1));
        wire(m.include_documentation, since(3));
    }
};

struct DescribeConfigsResponse {
    static constexpr int key = 32, oldest = 0, newest = 4, flexible_since = 4;

    struct Synonym {
        std::string_view name;
        std::optional<std::string_view> value;
        std::int8_t source = 0;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.name);
            wire(m.value, since(0), nullable(0));
            wire(m.source);
        }
    };
    struct Config {
        std::string_view name;
        std::optional<std::string_view> value;
        bool read_only = false;
        bool is_default = false;
        std::int8_t config_source = -1;
        bool is_sensitive = false;
        std::span<Synonym> synonyms;  // What would be in force in its place, the strongest first.
        std::int8_t config_type = 0;
        std::optional<std::string_view> documentation;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.name);
            wire(m.value, since(0), nullable(0));
            wire(m.read_only);
            wire(m.is_default, until(0));
            wire(m.config_source, since(1));
            wire(m.is_sensitive);
            wire(m.synonyms, since(1));
            wire(m.config_type, since(3));
            wire(m.documentation, since(3), nullable(0));
        }
    };
    struct Result {
        ErrorCode error_code{};
        std::optional<std::string_view> error_message;
        std::int8_t resource_type = 0;
        std::string_view resource_name;
        std::span<Config> configs;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.error_code);
            wire(m.error_message, since(0), nullable(0));
            wire(m.resource_type);
            wire(m.resource_name);
            wire(m.configs);
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

FULMAR_WIRE(extern, fulmar::kafka::DescribeConfigsRequest);
FULMAR_WIRE(extern, fulmar::kafka::DescribeConfigsResponse);
