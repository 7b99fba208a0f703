// OffsetDelete: a group forgets how far it has come in some partitions. Values; they own nothing
// (wire/wire.h).
#pragma once

#include <climits>

#include "wire/kafka/errors.h"
#include "wire/wire.h"

namespace fulmar::kafka {

struct OffsetDeleteRequest {
    static constexpr int key = 47, oldest = 0, newest = 0, flexible_since = INT_MAX;

    struct Partition {
        std::int32_t partition_index = 0;
        static constexpr void fields(auto& m, auto& wire) { wire(m.partition_index); }
    };
    struct Topic {
        std::string_view name;
        std::span<Partition> partitions;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.name);
            wire(m.partitions);
        }
    };

    std::string_view group_id;
    std::span<Topic> topics;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.group_id);
        wire(m.topics);
    }
};

// Alone among the responses it has its error in front of the throttle time.
struct OffsetDeleteResponse {
    static constexpr int key = 47, oldest = 0, newest = 0, flexible_since = INT_MAX;

    struct Partition {
        std::int32_t partition_index = 0;
        ErrorCode error_code{};
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.partition_index);
            wire(m.error_code);
        }
    };
    struct Topic {
        std::string_view name;
        std::span<Partition> partitions;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.name);
            wire(m.partitions);
        }
    };

    ErrorCode error_code{};
    std::int32_t throttle_time_ms = 0;
    std::span<Topic> topics;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.error_code);
        wire(m.throttle_time_ms);
        wire(m.topics);
    }
};

}  // namespace fulmar::kafka

FULMAR_WIRE(extern, fulmar::kafka::OffsetDeleteRequest);
FULMAR_WIRE(extern, fulmar::kafka::OffsetDeleteResponse);
