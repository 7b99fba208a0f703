// DescribeLogDirs: what partitions take on disk. Values; they own nothing (wire/wire.h).
#pragma once

#include "wire/kafka/errors.h"
#include "wire/wire.h"

namespace fulmar::kafka {
using wire::since, wire::nullable;

// Null asks for all.
struct DescribeLogDirsRequest {
    static constexpr int key = 35, oldest = 0, newest = 4, flexible_since = 2;

    struct Topic {
        std::string_view topic;
        std::span<std::int32_t> partitions;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.topic);
            wire(m.partitions);
        }
    };

    std::optional<std::span<Topic>> topics;

    static constexpr void fields(auto& m, auto& wire) { wire(m.topics, since(0), nullable(0)); }
};

struct DescribeLogDirsResponse {
    static constexpr int key = 35, oldest = 0, newest = 4, flexible_since = 2;

    struct Partition {
        std::int32_t partition_index = 0;
        std::int64_t partition_size = 0;  // Bytes.
        std::int64_t offset_lag =
            0;                       // Messages behind the high watermark, or behind the log it will replace.
        bool is_future_key = false;  // A copy that is to replace the log, made in another directory.
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.partition_index);
            wire(m.partition_size);
            wire(m.offset_lag);
            wire(m.is_future_key);
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
    struct Result {
        ErrorCode error_code{};
        std::string_view log_dir;
        std::span<Topic> topics;
        std::int64_t total_bytes = -1, usable_bytes = -1;  // Of the volume.
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.error_code);
            wire(m.log_dir);
            wire(m.topics);
            wire(m.total_bytes, since(4));
            wire(m.usable_bytes, since(4));
        }
    };

    std::int32_t throttle_time_ms = 0;
    ErrorCode error_code{};
    std::span<Result> results;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.throttle_time_ms);
        wire(m.error_code, since(3));
        wire(m.results);
    }
};

}  // namespace fulmar::kafka

FULMAR_WIRE(extern, fulmar::kafka::DescribeLogDirsRequest);
FULMAR_WIRE(extern, fulmar::kafka::DescribeLogDirsResponse);
