#include "wire/compacted_batch.h"

#include <algorithm>

#include "base/varint.h"

namespace fulmar::wire {

namespace {

void add_record(std::vector<std::byte>& records, const RecordView& record, Millis timestamp_delta) {
    std::vector<std::byte> body{std::byte{0}};
    auto add_bytes = [&](const std::optional<Bytes>& bytes) {
        add_varlong(body, bytes ? std::int64_t(bytes->size()) : -1);
        if (bytes) body.insert(body.end(), bytes->begin(), bytes->end());
    };
    add_varlong(body, timestamp_delta.count());
    add_varlong(body, record.offset_delta);
    add_bytes(record.key);
    add_bytes(record.value);
    add_varlong(body, record.header_count);
    body.insert(body.end(), record.headers.begin(), record.headers.end());
    add_varlong(records, std::int64_t(body.size()));
    records.insert(records.end(), body.begin(), body.end());
}

}  // namespace

std::optional<OpenBatch> OpenBatch::open(const BatchView& batch, std::size_t opened_bytes_max) {
    OpenBatch open(batch);
    if (batch.codec_number() > int(Codec::zstd)) return std::nullopt;
    auto codec = Codec(batch.codec_number());
    auto plain = batch.records();
    if (codec != Codec::none) {
        auto opened = decompress(codec, plain, opened_bytes_max);
        if (!opened) return std::nullopt;
        open.opened_ = std::move(*opened);
        plain = open.opened_;
    }
    RecordReader reader(plain);
    std::int32_t least = 0;
    while (auto record = reader.next()) {
        if (record->offset_delta < least || record->offset_delta > batch.last_offset_delta())
            return std::nullopt;
        least = record->offset_delta + 1;
        open.records_.push_back(*record);
    }
    if (reader.damaged() || open.records_.size() != std::size_t(batch.count())) return std::nullopt;
    return open;
}

std::optional<Timestamp> OpenBatch::delete_horizon() const {
    return batch_.has(attribute::delete_horizon) ? std::optional(batch_.base_timestamp()) : std::nullopt;
}

std::vector<std::byte> OpenBatch::with(const std::vector<bool>& keep,
                                       std::optional<Timestamp> horizon) const {
    CHECK(keep.size() == records_.size());
    auto base = horizon.value_or(batch_.base_timestamp());
    auto attributes = batch_.attributes();
    if (horizon) attributes = std::int16_t(attributes | attribute::delete_horizon);
    std::vector<std::byte> plain;
    std::int32_t count = 0;
    Timestamp largest{-1};
    for (std::size_t n = 0; n < keep.size(); ++n) {
        if (!keep[n]) continue;
        auto stamp = batch_.base_timestamp() + Millis(records_[n].timestamp_delta);
        add_record(plain, records_[n], stamp - base);
        largest = std::max(largest, stamp);
        ++count;
    }
    // Of time stamps that the broker has set, the batch's is every record's.
    if (count > 0 && batch_.has(attribute::log_append_time)) largest = batch_.max_timestamp();
    auto codec = Codec(batch_.codec_number());
    if (count == 0) codec = Codec::none, attributes = std::int16_t(attributes & ~attribute::codec);
    auto records = codec == Codec::none ? std::move(plain) : compress(codec, plain);

    std::vector<std::byte> made(batch_.bytes().begin(), batch_.bytes().begin() + batch_header_bytes);
    auto* at = made.data();
    store_big(at + 8, std::int32_t(batch_length_min + records.size()));
    store_big(at + 21, attributes);
    store_big(at + 27, std::to_underlying(base));
    store_big(at + 35, std::to_underlying(largest));
    store_big(at + 57, count);
    store_crc(std::span<std::byte, batch_header_bytes>(made), records);
    made.insert(made.end(), records.begin(), records.end());
    return made;
}

std::vector<std::byte> empty_batch(Offset base, Offset until, std::int32_t leader_epoch) {
    CHECK(base < until && until - base <= std::int64_t(INT32_MAX) + 1);
    std::vector<std::byte> made(batch_header_bytes);
    store_place(made, {base, leader_epoch});
    auto* at = made.data();
    store_big(at + 8, std::int32_t(batch_length_min));
    store_big(at + 16, magic_2);
    store_big(at + 23, std::int32_t(until - base - 1));
    store_big(at + 27, std::int64_t(-1));
    store_big(at + 35, std::int64_t(-1));
    store_big(at + 43, std::to_underlying(no_producer));
    store_big(at + 51, std::int16_t(-1));
    store_big(at + 53, std::int32_t(-1));
    store_crc(std::span<std::byte, batch_header_bytes>(made), {});
    return made;
}

}  // namespace fulmar::wire
