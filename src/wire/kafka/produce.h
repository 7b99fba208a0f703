// Produce: record batches for partitions. Values; they own nothing (wire/wire.h).
#pragma once

#include "wire/kafka/errors.h"
#include "wire/wire.h"

namespace fulmar::kafka {
using wire::Records, wire::since, wire::until, wire::nullable;

// Below version 3 the records are no batches, and such a request is refused; the range is advertised
// from 0 all the same, because old librdkafka compresses only for a broker that says so (KAFKA-18659).
// Version 13 names topics by id.
struct ProduceRequest {
    static constexpr int key = 0, oldest = 0, newest = 13, flexible_since = 9, served_since = 3;

    struct Partition {
        std::int32_t index = 0;
        std::optional<Records> records;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.index);
            wire(m.records, since(0), nullable(0));
        }
    };
    struct Topic {
        std::string_view name;
        Uuid topic_id{};
        std::span<Partition> partition_data;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.name, until(12));
            wire(m.topic_id, since(13));
            wire(m.partition_data);
        }
    };

    std::optional<std::string_view> transactional_id;
    std::int16_t acks = 0;  // -1: of all in-sync replicas; 0: no answer is sent.
    std::int32_t timeout_ms = 0;
    std::span<Topic> topic_data;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.transactional_id, since(3), nullable(3));
        wire(m.acks);
        wire(m.timeout_ms);
        wire(m.topic_data);
    }
};

struct ProduceResponse {
    static constexpr int key = 0, oldest = 0, newest = 13, flexible_since = 9, served_since = 3;

    struct RecordError {
        std::int32_t batch_index = 0;
        std::optional<std::string_view> batch_index_error_message;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.batch_index);
            wire(m.batch_index_error_message, since(8), nullable(8));
        }
    };
    struct LeaderIdAndEpoch {
        BrokerId leader_id{-1};
        std::int32_t leader_epoch = -1;
        bool operator==(const LeaderIdAndEpoch&) const = default;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.leader_id);
            wire(m.leader_epoch);
        }
    };
    struct Partition {
        std::int32_t index = 0;
        ErrorCode error_code{};
        Offset base_offset{};
        Timestamp log_append_time_ms{-1};  // -1 unless the topic stamps records when they are appended.
        Offset log_start_offset{-1};
        std::span<RecordError> record_errors;
        std::optional<std::string_view> error_message;
        LeaderIdAndEpoch current_leader;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.index);
            wire(m.error_code);
            wire(m.base_offset);
            wire(m.log_append_time_ms, since(2));
            wire(m.log_start_offset, since(5));
            wire(m.record_errors, since(8));
            wire(m.error_message, since(8), nullable(8));
        }
        static constexpr void tags(auto& m, auto& tag) { tag(0, m.current_leader, since(10)); }
    };
    struct Topic {
        std::string_view name;
        Uuid topic_id{};
        std::span<Partition> partition_responses;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.name, until(12));
            wire(m.topic_id, since(13));
            wire(m.partition_responses);
        }
    };
    struct NodeEndpoint {
        BrokerId node_id{};
        std::string_view host;
        std::int32_t port = 0;
        std::optional<std::string_view> rack;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.node_id);
            wire(m.host);
            wire(m.port);
            wire(m.rack, since(10), nullable(10));
        }
    };

    std::span<Topic> responses;
    std::int32_t throttle_time_ms = 0;
    std::span<NodeEndpoint> node_endpoints;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.responses);
        wire(m.throttle_time_ms, since(1));
    }
    static constexpr void tags(auto& m, auto& tag) { tag(0, m.node_endpoints, since(10)); }
};

}  // namespace fulmar::kafka

FULMAR_WIRE(extern, fulmar::kafka::ProduceRequest);
FULMAR_WIRE(extern, fulmar::kafka::ProduceResponse);
