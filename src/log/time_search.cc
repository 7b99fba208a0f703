#include "log/time_search.h"

#include <algorithm>

#include "log/batch_walk.h"

namespace fulmar {

using wire::BatchView;

static TimedOffset first_record(const BatchView& batch, Timestamp at) {
    // What is in the log was opened when it came, as far as this. What was only believed then is not opened
    // now; a batch that the broker has compressed itself may open to more than its own size allows for.
    constexpr std::size_t usual_batch_bytes_max = 1'048'588;
    auto opened_max = wire::opened_bytes_max(std::max(batch.size(), usual_batch_bytes_max));
    TimedOffset found{batch.max_timestamp(), batch.base_offset(), batch.leader_epoch()};
    if (batch.has(wire::attribute::log_append_time)) return found;
    auto codec = wire::Codec(batch.codec_number());
    std::vector<std::byte> opened;
    Bytes records = batch.records();
    if (codec != wire::Codec::none) {
        auto plain = wire::decompress(codec, records, opened_max);
        if (!plain) return found;
        records = opened = std::move(*plain);
    }
    wire::RecordReader reader(records);
    while (auto record = reader.next()) {
        auto stamp = batch.base_timestamp() + Millis(record->timestamp_delta);
        if (stamp >= at) return {stamp, batch.base_offset() + record->offset_delta, batch.leader_epoch()};
    }
    return found;
}

Result<TimedOffset> find_time(File& file, LogPoint from, LogPoint limit, Timestamp at) {
    for (BatchWalk walk(file, from, limit.position);;) {
        auto header = walk.header();
        if (!header) return std::unexpected(header.error());
        if (!*header) return TimedOffset{};
        if ((*header)->max_timestamp() >= at) {
            auto whole = walk.batch();
            if (!whole) return std::unexpected(whole.error());
            return first_record(BatchView(*whole), at);
        }
        walk.step(**header);
    }
}
Result<Timestamp> largest_time(File& file, LogPoint from, LogPoint limit, Timestamp so_far) {
    for (BatchWalk walk(file, from, limit.position);;) {
        auto header = walk.header();
        if (!header) return std::unexpected(header.error());
        if (!*header) return so_far;
        so_far = std::max(so_far, (*header)->max_timestamp());
        walk.step(**header);
    }
}

}  // namespace fulmar
