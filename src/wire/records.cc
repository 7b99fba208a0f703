#include "wire/records.h"

#include "base/crc32c.h"
#include "base/varint.h"

namespace fulmar::wire {

std::optional<BatchView> BatchView::whole(Bytes bytes) {
    if (bytes.size() < batch_header_bytes) return std::nullopt;
    auto length = load_big<std::int32_t>(bytes.data() + 8);
    if (length < std::int32_t(batch_length_min) || std::size_t(length) > bytes.size() - batch_length_from)
        return std::nullopt;
    return BatchView(bytes.first(batch_length_from + std::size_t(length)));
}
bool BatchView::crc_matches() const {
    CHECK(bytes_.size() == size());
    return crc32c(bytes_.subspan(21)) == crc();
}

// Bytes behind a varint length; a length of -1 is null.
static bool take_bytes(Bytes& from, std::optional<Bytes>& into) {
    auto length = take_varint(from);
    if (!length || *length < -1 || (*length > 0 && std::size_t(*length) > from.size())) return false;
    if (*length < 0) return into.reset(), true;
    into = from.first(std::size_t(*length));
    from = from.subspan(std::size_t(*length));
    return true;
}

std::optional<RecordView> RecordReader::fail() {
    damaged_ = true;
    left_ = {};
    return std::nullopt;
}
std::optional<RecordView> RecordReader::next() {
    if (left_.empty()) return std::nullopt;
    auto length = take_varint(left_);
    if (!length || *length < 1 || std::size_t(*length) > left_.size()) return fail();
    auto body = left_.first(std::size_t(*length));
    left_ = left_.subspan(std::size_t(*length));
    body = body.subspan(1);  // Attributes, of which none is defined.

    RecordView record;
    auto timestamp = take_varlong(body);
    auto offset = take_varint(body);
    if (!timestamp || !offset) return fail();
    record.timestamp_delta = *timestamp;
    record.offset_delta = *offset;
    if (!take_bytes(body, record.key) || !take_bytes(body, record.value)) return fail();
    auto headers = take_varint(body);
    if (!headers || *headers < 0) return fail();
    record.header_count = *headers;
    record.headers = body;
    std::optional<Bytes> part;
    for (std::int32_t i = 0; i < *headers; ++i)
        if (!take_bytes(body, part) || !part || !take_bytes(body, part)) return fail();
    if (!body.empty()) return fail();
    return record;
}

std::vector<HeaderView> headers_of(const RecordView& record) {
    std::vector<HeaderView> headers;
    auto left = record.headers;
    for (std::int32_t i = 0; i < record.header_count; ++i) {
        std::optional<Bytes> key, value;
        CHECK(take_bytes(left, key) && key && take_bytes(left, value));
        headers.push_back({text_of(*key), value});
    }
    return headers;
}

void store_place(std::span<std::byte> header, BatchPlace place) {
    CHECK(header.size() >= 16);
    store_big(header.data(), std::to_underlying(place.base));
    store_big(header.data() + 12, place.leader_epoch);
}
void store_crc(std::span<std::byte, batch_header_bytes> header, Bytes records) {
    auto crc = crc32c_extend(crc32c(Bytes(header).subspan(21)), records);
    store_big(header.data() + 17, crc);
}

void BatchBuilder::add(Timestamp timestamp, std::optional<Bytes> key, std::optional<Bytes> value,
                       std::span<const Header> headers) {
    if (count_ == 0) base_ = max_ = timestamp;
    max_ = std::max(max_, timestamp);
    std::vector<std::byte> body;
    body.reserve(32 + (key ? key->size() : 0) + (value ? value->size() : 0));
    body.push_back({});
    auto add_bytes = [&](std::optional<Bytes> bytes) {
        add_varlong(body, bytes ? std::int64_t(bytes->size()) : -1);
        if (bytes) body.insert(body.end(), bytes->begin(), bytes->end());
    };
    add_varlong(body, (timestamp - base_).count());
    add_varlong(body, count_++);
    add_bytes(key);
    add_bytes(value);
    add_varlong(body, std::int64_t(headers.size()));
    for (auto& header : headers) {
        add_bytes(bytes_of(header.key));
        add_bytes(header.value);
    }
    add_varlong(records_, std::int64_t(body.size()));
    records_.insert(records_.end(), body.begin(), body.end());
}

std::vector<std::byte> BatchBuilder::finish(Codec codec, BatchProducer producer, std::int16_t attributes) {
    auto records = codec == Codec::none ? std::move(records_) : compress(codec, records_);
    std::vector<std::byte> batch(batch_header_bytes);
    auto* at = batch.data();
    store_big(at + 8, std::int32_t(batch_length_min + records.size()));
    store_big(at + 12, std::int32_t(-1));
    store_big(at + 16, magic_2);
    store_big(at + 21, std::int16_t(attributes | std::int16_t(codec)));
    store_big(at + 23, count_ - 1);
    store_big(at + 27, std::to_underlying(base_));
    store_big(at + 35, std::to_underlying(max_));
    store_big(at + 43, std::to_underlying(producer.id));
    store_big(at + 51, producer.epoch);
    store_big(at + 53, producer.base_sequence);
    store_big(at + 57, count_);
    store_crc(std::span<std::byte, batch_header_bytes>(batch), records);
    batch.insert(batch.end(), records.begin(), records.end());
    records_.clear();
    count_ = 0;
    return batch;
}

}  // namespace fulmar::wire
