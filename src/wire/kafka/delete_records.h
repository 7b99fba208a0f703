// DeleteRecords: moves the start of logs forward. Values; they own nothing (wire/wire.h).
#pragma once

#include "wire/kafka/errors.h"
#include "wire/wire.h"

namespace fulmar::kafka {
// `offset` becomes the first that is kept; -1 stands for the high watermark.
struct DeleteRecordsRequest {
    static constexpr int key = 21, oldest = 0, newest = 2, flexible_since = 2;

    struct Partition {
        std::int32_t partition_index = 0;
        std::int64_t offset = 0;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.partition_index);
            wire(m.offset);
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

    std::span<Topic> topics;
    std::int32_t timeout_ms = 0;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.topics);
        wire(m.timeout_ms);
    }
};

// The low watermark is where the partition's log starts from now on; -1 beside an error.
struct DeleteRecordsResponse {
    static constexpr int key = 21, oldest = 0, newest = 2, flexible_since = 2;

    struct Partition {
        std::int32_t partition_index = 0;
        std::int64_t low_watermark = 0;
        ErrorCode error_code{};
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.partition_index);
            wire(m.low_watermark);
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

    std::int32_t throttle_time_ms = 0;
    std::span<Topic> topics;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.throttle_time_ms);
        wire(m.topics);
    }
};

}  // namespace fulmar::kafka

FULMAR_WIRE(extern, fulmar::kafka::DeleteRecordsRequest);
FULMAR_WIRE(extern, fulmar::kafka::DeleteRecordsResponse);
