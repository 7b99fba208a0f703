// Counters: what has happened on one core since the start, for whoever watches the broker. Plain words that
// only their core adds to: no lock, no atomic. Who wants the sums goes to each core and copies them there.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

#include "wire/kafka/errors.h"

namespace fulmar {

// How long things took, in buckets that double: up to 2^6 µs (64 µs), 2^7, ... 2^24 (16.8 s), and longer.
class Latencies {
public:
    static constexpr int first_bits = 6, last_bits = 24;
    static constexpr std::size_t bounded = last_bits - first_bits + 1;

    void add(std::chrono::microseconds took) {
        auto us = std::uint64_t(std::max<std::int64_t>(took.count(), 1));
        auto bits = std::max(int(std::bit_width(us - 1)), first_bits);
        ++counts_[std::min(std::size_t(bits - first_bits), bounded)];
        sum_us_ += us;
    }
    void add(const Latencies& other) {
        for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
        sum_us_ += other.sum_us_;
    }
    // Of one bucket alone; the last has no bound.
    std::uint64_t count(std::size_t bucket) const { return counts_[bucket]; }
    static std::uint64_t bound_us(std::size_t bucket) { return 1ULL << (bucket + first_bits); }
    std::uint64_t sum_us() const { return sum_us_; }

private:
    std::array<std::uint64_t, bounded + 1> counts_{};
    std::uint64_t sum_us_ = 0;
};

// Of one API of a door.
struct RequestCounters {
    // All codes that Kafka knows (wire/kafka/errors.h), from -1 on; one for those that it does not.
    static constexpr std::size_t codes = 139;

    std::string_view api;                        // Lives for ever.
    std::array<std::uint64_t, codes> answers{};  // By the first error in each, from code -1 on.
    std::uint64_t unanswerable = 0;              // The connection was closed instead.
    Latencies latency;                           // From the whole request to its answer.

    void answered(kafka::ErrorCode first_error) {
        ++answers[std::min(std::size_t(std::int64_t(first_error) + 1), codes - 1)];
    }
};

struct Counters {
    std::vector<RequestCounters> requests;  // In the order of the door's table.

    std::uint64_t received_bytes = 0, sent_bytes = 0;
    std::uint64_t connections_accepted = 0, connections_open = 0, failed_accepts = 0;
    // Why the broker closed them.
    std::uint64_t closed_idle = 0, closed_for_memory = 0, closed_for_request = 0, closed_deaf = 0;
    std::uint64_t request_buffer_bytes = 0;  // Of requests that arrive or are worked on, a second ago.
    std::uint64_t unsent_bytes = 0;          // Of answers that have not left, a second ago.

    std::uint64_t appended_records = 0, appended_batches = 0, appended_bytes = 0, fetched_bytes = 0;
    Latencies syncs;  // From when a sync was asked for until its core heard of its end.
    std::uint64_t deleted_segments = 0, deleted_bytes = 0;
    std::uint64_t compacted_bytes = 0, compaction_freed_bytes = 0, compaction_removed_records = 0;
    std::uint64_t scrubbed_bytes = 0, scrub_damage = 0;
    std::uint64_t failed_writes = 0, failed_syncs = 0, damaged_reads = 0, rebuilt_indexes = 0;
    std::uint64_t group_rebalances = 0;  // That have begun.

    void appended(std::int64_t records, std::size_t bytes) {
        appended_records += std::uint64_t(records);
        ++appended_batches;
        appended_bytes += bytes;
    }
    void deleted(std::size_t segments, std::uint64_t bytes) {
        deleted_segments += segments;
        deleted_bytes += bytes;
    }
    // Those of another core.
    void add(const Counters& other);
};

}  // namespace fulmar
