#include "log/timed_record.h"

#include <algorithm>

namespace fulmar {

namespace {

// The records, opened where they are packed; nothing when they cannot be.
std::optional<Bytes> records_of(const wire::BatchView& batch, std::vector<std::byte>& opened) {
    auto codec = wire::Codec(batch.codec_number());
    if (codec == wire::Codec::none) return batch.records();
    auto plain = wire::decompress(codec, batch.records(), wire::opened_in_log_bytes_max(batch.size()));
    if (!plain) return std::nullopt;
    opened = std::move(*plain);
    return opened;
}

}  // namespace

TimedOffset first_timed_record(const wire::BatchView& batch, Offset from, Timestamp at) {
    TimedOffset as_header{batch.max_timestamp(), std::max(from, batch.base_offset()), batch.leader_epoch()};
    if (batch.count() == 0) return {};  // Compaction has emptied it.
    if (batch.has(wire::attribute::log_append_time)) return as_header;
    std::vector<std::byte> opened;
    auto records = records_of(batch, opened);
    if (!records) return as_header;
    wire::RecordReader reader(*records);
    while (auto record = reader.next()) {
        auto stamp = batch.base_timestamp() + Millis(record->timestamp_delta);
        auto offset = batch.base_offset() + record->offset_delta;
        if (stamp >= at && offset >= from) return {stamp, offset, batch.leader_epoch()};
    }
    return reader.damaged() ? as_header : TimedOffset{};
}

Timestamp largest_record_time(const wire::BatchView& batch, Offset from) {
    if (batch.has(wire::attribute::log_append_time)) return batch.max_timestamp();
    std::vector<std::byte> opened;
    auto records = records_of(batch, opened);
    if (!records) return batch.max_timestamp();
    Timestamp largest{-1};
    wire::RecordReader reader(*records);
    while (auto record = reader.next())
        if (batch.base_offset() + record->offset_delta >= from)
            largest = std::max(largest, batch.base_timestamp() + Millis(record->timestamp_delta));
    return reader.damaged() ? batch.max_timestamp() : largest;
}

}  // namespace fulmar
