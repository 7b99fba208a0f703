#include "log/timed_record.h"

#include <algorithm>

namespace fulmar {

TimedOffset first_timed_record(const wire::BatchView& batch, Offset from, Timestamp at) {
    // What is in the log was opened when it came, as far as this. What was only believed then is not opened
    // now; a batch that the broker has compressed itself may open to more than its own size allows for.
    constexpr std::size_t usual_batch_bytes_max = 1'048'588;
    auto opened_max = wire::opened_bytes_max(std::max(batch.size(), usual_batch_bytes_max));
    TimedOffset as_header{batch.max_timestamp(), std::max(from, batch.base_offset()), batch.leader_epoch()};
    if (batch.has(wire::attribute::log_append_time)) return as_header;
    auto codec = wire::Codec(batch.codec_number());
    std::vector<std::byte> opened;
    Bytes records = batch.records();
    if (codec != wire::Codec::none) {
        auto plain = wire::decompress(codec, records, opened_max);
        if (!plain) return as_header;
        records = opened = std::move(*plain);
    }
    wire::RecordReader reader(records);
    while (auto record = reader.next()) {
        auto stamp = batch.base_timestamp() + Millis(record->timestamp_delta);
        auto offset = batch.base_offset() + record->offset_delta;
        if (stamp >= at && offset >= from) return {stamp, offset, batch.leader_epoch()};
    }
    return reader.damaged() ? as_header : TimedOffset{};
}

}  // namespace fulmar
