// ApiVersions: what a broker speaks. Values; they own nothing (wire/wire.h).
#pragma once

#include "wire/kafka/errors.h"
#include "wire/wire.h"

namespace fulmar::kafka {
using wire::since;

// A request of a version that is not known here has a body that nobody can read. It is answered by a
// response of version 0: unsupported_version, and this API's own range.
struct ApiVersionsRequest {
    static constexpr int key = 18, oldest = 0, newest = 4, flexible_since = 3;

    std::string_view client_software_name;
    std::string_view client_software_version;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.client_software_name, since(3));
        wire(m.client_software_version, since(3));
    }
};

struct ApiVersionsResponse {
    static constexpr int key = 18, oldest = 0, newest = 4, flexible_since = 3;

    struct ApiVersion {
        std::int16_t api_key = 0;
        std::int16_t min_version = 0;
        std::int16_t max_version = 0;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.api_key);
            wire(m.min_version);
            wire(m.max_version);
        }
    };
    struct SupportedFeatureKey {
        std::string_view name;
        std::int16_t min_version = 0;
        std::int16_t max_version = 0;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.name);
            wire(m.min_version);
            wire(m.max_version);
        }
    };
    struct FinalizedFeatureKey {
        std::string_view name;
        std::int16_t max_version_level = 0;
        std::int16_t min_version_level = 0;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.name);
            wire(m.max_version_level);
            wire(m.min_version_level);
        }
    };

    ErrorCode error_code{};
    std::span<ApiVersion> api_keys;
    std::int32_t throttle_time_ms = 0;
    std::span<SupportedFeatureKey> supported_features;
    std::int64_t finalized_features_epoch = -1;
    std::span<FinalizedFeatureKey> finalized_features;
    bool zk_migration_ready = false;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.error_code);
        wire(m.api_keys);
        wire(m.throttle_time_ms, since(1));
    }
    static constexpr void tags(auto& m, auto& tag) {
        tag(0, m.supported_features, since(3));
        tag(1, m.finalized_features_epoch, since(3));
        tag(2, m.finalized_features, since(3));
        tag(3, m.zk_migration_ready, since(3));
    }
};

}  // namespace fulmar::kafka

FULMAR_WIRE(extern, fulmar::kafka::ApiVersionsRequest);
FULMAR_WIRE(extern, fulmar::kafka::ApiVersionsResponse);
