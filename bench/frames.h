// The Kafka frames that a load client needs, made and read by hand: it shares no codec with the broker that
// it measures. One version an API, the oldest that does: ApiVersions 0, Metadata 4, CreateTopics 4,
// DeleteTopics 1, Produce 9 (KIP-482 shapes, topic by name). Values; nothing here touches a socket.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace fulmar::bench {

struct Partition {
    std::int32_t index = 0, leader = -1;
};
// What Metadata says of one topic; `error` is Kafka's code.
struct TopicState {
    std::int16_t error = 0;
    std::vector<Partition> partitions;
    bool ready() const;  // There are partitions, and each has a leader.
};

// Complete frames, length word included.
std::string api_versions_request(std::int32_t correlation);
std::string metadata_request(std::int32_t correlation, std::string_view topic);
std::string metadata_of_all_request(std::int32_t correlation);
std::string create_topics_request(std::int32_t correlation, const std::vector<std::string>& topics,
                                  std::int32_t partitions);
std::string delete_topics_request(std::int32_t correlation, const std::vector<std::string>& topics);

// A Produce request, acks=-1, of one batch with one record, uncompressed and not idempotent. Requests of one
// run differ in their heads alone, so that a large batch is made and checksummed once.
struct ProduceFrame {
    std::string head;  // From the length word up to the batch.
    std::string body;  // The batch and what ends the request.
    static constexpr std::size_t correlation_at = 8;
    std::size_t size() const { return head.size() + body.size(); }
};
// The record is as long as makes the frame `frame_bytes`; a few bytes less where no length of it fits
// exactly. REQUIRES: frame_bytes >= 256.
ProduceFrame produce_request(std::string_view topic, std::int32_t partition, std::size_t frame_bytes,
                             std::int64_t timestamp_ms);

// Answers: a frame without its length word. Nothing when it is not shaped as it should be.
struct VersionRange {
    std::int16_t least = 0, most = -1;
};
std::optional<VersionRange> produce_versions(Bytes api_versions_answer);
std::optional<std::vector<TopicState>> topic_states(Bytes metadata_answer);
// Kafka's codes, one a topic.
std::optional<std::vector<std::int16_t>> create_topics_errors(Bytes answer);
std::optional<std::vector<std::int16_t>> delete_topics_errors(Bytes answer);
struct Produced {
    std::int32_t correlation = 0;
    std::int16_t error = 0;
    std::int64_t base_offset = -1;
};
std::optional<Produced> produced(Bytes answer);

}  // namespace fulmar::bench
