// AlterConfigs and IncrementalAlterConfigs: the first replaces all that is set for a resource, the second
// (KIP-339) changes single settings. They are answered alike. Values; they own nothing (wire/wire.h).
#pragma once

#include "wire/kafka/errors.h"
#include "wire/wire.h"

namespace fulmar::kafka {
using wire::since, wire::nullable;

struct AlterConfigsRequest {
    static constexpr int key = 33, oldest = 0, newest = 2, flexible_since = 2;

    struct Config {
        std::string_view name;
        std::optional<std::string_view> value;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.name);
            wire(m.value, since(0), nullable(0));
        }
    };
    struct Resource {
        std::int8_t resource_type = 0;
        std::string_view resource_name;
        std::span<Config> configs;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.resource_type);
            wire(m.resource_name);
            wire(m.configs);
        }
    };

    std::span<Resource> resources;
    bool validate_only = false;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.resources);
        wire(m.validate_only);
    }
};

struct IncrementalAlterConfigsRequest {
    static constexpr int key = 44, oldest = 0, newest = 1, flexible_since = 1;

    struct Config {
        std::string_view name;
        std::int8_t config_operation = 0;  // 0 set, 1 delete, 2 append to a list, 3 take out of it.
        std::optional<std::string_view> value;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.name);
            wire(m.config_operation);
            wire(m.value, since(0), nullable(0));
        }
    };
    struct Resource {
        std::int8_t resource_type = 0;
        std::string_view resource_name;
        std::span<Config> configs;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.resource_type);
            wire(m.resource_name);
            wire(m.configs);
        }
    };

    std::span<Resource> resources;
    bool validate_only = false;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.resources);
        wire(m.validate_only);
    }
};

struct AlteredConfigs {
    ErrorCode error_code{};
    std::optional<std::string_view> error_message;
    std::int8_t resource_type = 0;
    std::string_view resource_name;
    static constexpr void fields(auto& m, auto& wire) {
        wire(m.error_code);
        wire(m.error_message, since(0), nullable(0));
        wire(m.resource_type);
        wire(m.resource_name);
    }
};

struct AlterConfigsResponse {
    static constexpr int key = 33, oldest = 0, newest = 2, flexible_since = 2;

    std::int32_t throttle_time_ms = 0;
    std::span<AlteredConfigs> responses;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.throttle_time_ms);
        wire(m.responses);
    }
};

struct IncrementalAlterConfigsResponse {
    static constexpr int key = 44, oldest = 0, newest = 1, flexible_since = 1;

    std::int32_t throttle_time_ms = 0;
    std::span<AlteredConfigs> responses;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.throttle_time_ms);
        wire(m.responses);
    }
};

}  // namespace fulmar::kafka

FULMAR_WIRE(extern, fulmar::kafka::AlterConfigsRequest);
FULMAR_WIRE(extern, fulmar::kafka::AlterConfigsResponse);
FULMAR_WIRE(extern, fulmar::kafka::IncrementalAlterConfigsRequest);
FULMAR_WIRE(extern, fulmar::kafka::IncrementalAlterConfigsResponse);
