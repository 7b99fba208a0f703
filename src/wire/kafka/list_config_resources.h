// ListConfigResources: what there is that has settings. In version 0, by its older name, only the
// subscriptions to clients' metrics. Values; they own nothing (wire/wire.h).
#pragma once

#include "wire/kafka/errors.h"
#include "wire/wire.h"

namespace fulmar::kafka {
using wire::since;

struct ListConfigResourcesRequest {
    static constexpr int key = 74, oldest = 0, newest = 1, flexible_since = 0;

    std::span<std::int8_t> resource_types;  // None: all.

    static constexpr void fields(auto& m, auto& wire) { wire(m.resource_types, since(1)); }
};

struct ListConfigResourcesResponse {
    static constexpr int key = 74, oldest = 0, newest = 1, flexible_since = 0;

    struct Resource {
        std::string_view resource_name;
        std::int8_t resource_type = 16;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.resource_name);
            wire(m.resource_type, since(1));
        }
    };

    std::int32_t throttle_time_ms = 0;
    ErrorCode error_code{};
    std::span<Resource> config_resources;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.throttle_time_ms);
        wire(m.error_code);
        wire(m.config_resources);
    }
};

}  // namespace fulmar::kafka

FULMAR_WIRE(extern, fulmar::kafka::ListConfigResourcesRequest);
FULMAR_WIRE(extern, fulmar::kafka::ListConfigResourcesResponse);
