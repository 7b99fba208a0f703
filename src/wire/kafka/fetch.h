// Fetch: record batches out of partitions, for consumers and followers. Values; they own nothing
// (wire/wire.h).
#pragma once

#include "wire/kafka/errors.h"
#include "wire/wire.h"

namespace fulmar::kafka {
using wire::Records, wire::since, wire::until, wire::nullable;

// Version 7 brings sessions, 12 finds diverging logs by epoch, 13 names topics by id, and from 15 a
// follower says who it is in a tag.
struct FetchRequest {
    static constexpr int key = 1, oldest = 4, newest = 18, flexible_since = 12;

    struct ReplicaState {
        BrokerId replica_id{-1};
        std::int64_t replica_epoch = -1;
        bool operator==(const ReplicaState&) const = default;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.replica_id);
            wire(m.replica_epoch);
        }
    };
    struct Partition {
        std::int32_t partition = 0;
        std::int32_t current_leader_epoch = -1;
        Offset fetch_offset{};
        std::int32_t last_fetched_epoch = -1;
        Offset log_start_offset{-1};
        std::int32_t partition_max_bytes = 0;
        Uuid replica_directory_id{};
        Offset high_watermark{INT64_MAX};
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.partition);
            wire(m.current_leader_epoch, since(9));
            wire(m.fetch_offset);
            wire(m.last_fetched_epoch, since(12));
            wire(m.log_start_offset, since(5));
            wire(m.partition_max_bytes);
        }
        static constexpr void tags(auto& m, auto& tag) {
            tag(0, m.replica_directory_id, since(17));
            tag(1, m.high_watermark, since(18));
        }
    };
    struct Topic {
        std::string_view topic;
        Uuid topic_id{};
        std::span<Partition> partitions;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.topic, until(12));
            wire(m.topic_id, since(13));
            wire(m.partitions);
        }
    };
    struct ForgottenTopic {
        std::string_view topic;
        Uuid topic_id{};
        std::span<std::int32_t> partitions;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.topic, until(12));
            wire(m.topic_id, since(13));
            wire(m.partitions);
        }
    };

    std::optional<std::string_view> cluster_id;
    BrokerId replica_id{-1};  // -1: a consumer.
    ReplicaState replica_state;
    std::int32_t max_wait_ms = 0;
    std::int32_t min_bytes = 0;
    std::int32_t max_bytes = INT32_MAX;
    std::int8_t isolation_level = 0;  // 1: only what is committed.
    std::int32_t session_id = 0;
    std::int32_t session_epoch = -1;
    std::span<Topic> topics;
    std::span<ForgottenTopic> forgotten_topics_data;
    std::string_view rack_id;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.replica_id, until(14));
        wire(m.max_wait_ms);
        wire(m.min_bytes);
        wire(m.max_bytes, since(3));
        wire(m.isolation_level, since(4));
        wire(m.session_id, since(7));
        wire(m.session_epoch, since(7));
        wire(m.topics);
        wire(m.forgotten_topics_data, since(7));
        wire(m.rack_id, since(11));
    }
    static constexpr void tags(auto& m, auto& tag) {
        tag(0, m.cluster_id, since(12), nullable(12));
        tag(1, m.replica_state, since(15));
    }
};

// Its records are ranges of segment files when a leader writes it, bytes when a follower reads it.
struct FetchResponse {
    static constexpr int key = 1, oldest = 4, newest = 18, flexible_since = 12;

    struct EpochEndOffset {
        std::int32_t epoch = -1;
        Offset end_offset{-1};
        bool operator==(const EpochEndOffset&) const = default;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.epoch);
            wire(m.end_offset);
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
    struct SnapshotId {
        Offset end_offset{-1};
        std::int32_t epoch = -1;
        bool operator==(const SnapshotId&) const = default;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.end_offset);
            wire(m.epoch);
        }
    };
    struct AbortedTransaction {
        ProducerId producer_id{};
        Offset first_offset{};
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.producer_id);
            wire(m.first_offset);
        }
    };
    struct Partition {
        std::int32_t partition_index = 0;
        ErrorCode error_code{};
        Offset high_watermark{};
        Offset last_stable_offset{-1};
        Offset log_start_offset{-1};
        EpochEndOffset diverging_epoch;
        LeaderIdAndEpoch current_leader;
        SnapshotId snapshot_id;
        std::optional<std::span<AbortedTransaction>> aborted_transactions;
        BrokerId preferred_read_replica{-1};
        std::optional<Records> records;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.partition_index);
            wire(m.error_code);
            wire(m.high_watermark);
            wire(m.last_stable_offset, since(4));
            wire(m.log_start_offset, since(5));
            wire(m.aborted_transactions, since(4), nullable(4));
            wire(m.preferred_read_replica, since(11));
            wire(m.records, since(0), nullable(0));
        }
        static constexpr void tags(auto& m, auto& tag) {
            tag(0, m.diverging_epoch, since(12));
            tag(1, m.current_leader, since(12));
            tag(2, m.snapshot_id, since(12));
        }
    };
    struct Topic {
        std::string_view topic;
        Uuid topic_id{};
        std::span<Partition> partitions;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.topic, until(12));
            wire(m.topic_id, since(13));
            wire(m.partitions);
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
            wire(m.rack, since(16), nullable(16));
        }
    };

    std::int32_t throttle_time_ms = 0;
    ErrorCode error_code{};
    std::int32_t session_id = 0;
    std::span<Topic> responses;
    std::span<NodeEndpoint> node_endpoints;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.throttle_time_ms, since(1));
        wire(m.error_code, since(7));
        wire(m.session_id, since(7));
        wire(m.responses);
    }
    static constexpr void tags(auto& m, auto& tag) { tag(0, m.node_endpoints, since(16)); }
};

}  // namespace fulmar::kafka

FULMAR_WIRE(extern, fulmar::kafka::FetchRequest);
FULMAR_WIRE(extern, fulmar::kafka::FetchResponse);
