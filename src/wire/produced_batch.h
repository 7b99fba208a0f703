// What a client may produce: the checks of one record batch before it is appended, and what the broker
// rewrites in it. Pure; it looks at bytes and at the topic's rules, never at the log.
//
// A batch whose records are not compressed is walked record by record. One that is compressed is opened
// for that, up to `opened_bytes_max(size)`: what opens to more is believed its header once its codec has
// run that far, so that no client makes the broker take memory out of proportion to what it sent.
#pragma once

#include <algorithm>
#include <array>
#include <expected>

#include "wire/records.h"

namespace fulmar::wire {

// The bound on what any frame may cost (base/arena.h): 16 times what was received, and 64 KiB.
constexpr std::size_t opened_bytes_max(std::size_t packed) { return 16 * packed + 64 * 1024; }
// The same for a batch of a log, which was opened when it came as far as that. What was only believed then is
// not opened later; one that the broker has compressed itself may open to more than its own size allows for.
constexpr std::size_t opened_in_log_bytes_max(std::size_t packed) {
    constexpr std::size_t usual_batch_bytes_max = 1'048'588;
    return opened_bytes_max(std::max(packed, usual_batch_bytes_max));
}

// The topic's settings that decide. Kafka's names: max.message.bytes, message.timestamp.*, cleanup.policy,
// compression.type.
struct ProduceRules {
    std::size_t batch_bytes_max = 1'048'588;
    Millis before_max{std::numeric_limits<std::int64_t>::max()}, after_max{3'600'000};
    bool append_time = false;      // message.timestamp.type = LogAppendTime.
    bool keys_required = false;    // cleanup.policy holds "compact".
    bool zstd_allowed = true;      // False before Produce version 7 (KIP-110).
    std::optional<Codec> codec{};  // compression.type other than "producer".
    int codec_level = default_level;
};

enum class BatchFault : std::uint8_t {
    corrupt = 1,     // Bytes are not what was sent: CRC, magic, an impossible length.
    none,            // There is no whole batch.
    many,            // More than one.
    old_magic,       // Of message sets before magic 2.
    zstd_too_early,  // zstd in a version that has none.
    base_offset,     // A client's batch starts at offset 0.
    too_large,       // Over max.message.bytes.
    count,           // The header's counts contradict each other or the records.
    record,          // A record makes no sense, or bytes are left over.
    sequence,        // A producer id without a sequence.
    control,         // A control batch: those are the broker's own.
    codec,           // No such codec, or bytes that it cannot open.
    no_key,          // A record without a key in a compacted topic.
    timestamp,       // Outside of what the topic allows.
};

struct Refusal {
    BatchFault fault{};
    std::vector<std::int32_t> records;  // Indices of those at fault, for no_key and timestamp; at most 100.
    // What Kafka finds before it looks at the partition; its answer then knows no log start offset.
    bool before_log() const;
};

// A batch ready to be appended. It views the bytes it was made from.
struct ProducedBatch {
    std::array<std::byte, batch_header_bytes> header{};  // Its place is still the client's (store_place).
    Bytes records;
    std::vector<std::byte> rewritten;  // What `records` views, where the codec changed.

    BatchView view() const { return BatchView(header); }
    std::size_t size() const { return header.size() + records.size(); }
    ProducedBatch() = default;
    ProducedBatch(ProducedBatch&&) = default;
    ProducedBatch& operator=(ProducedBatch&&) = default;
};

std::expected<ProducedBatch, Refusal> check_produced(Bytes records, const ProduceRules& rules, Timestamp now);

// That of the batch at the front; none when there is no batch.
Codec codec_of(Bytes records);
// Whether the one batch at the front is transactional; false when there is none. For the request's own check.
bool claims_transaction(Bytes records);

}  // namespace fulmar::wire
