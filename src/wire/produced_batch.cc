#include "wire/produced_batch.h"

#include "base/crc32c.h"

namespace fulmar::wire {

namespace {

std::unexpected<Refusal> refuse(BatchFault fault, std::vector<std::int32_t> records = {}) {
    return std::unexpected(Refusal{fault, std::move(records)});
}

// As far as Kafka's iterator over batches looks: 17 bytes reach up to the magic.
constexpr std::size_t bytes_to_magic = 17;
// The least that a message of any magic takes, counted from its offset: Kafka's bound for a length.
constexpr std::int64_t message_bytes_min = 14;

enum class Found : std::uint8_t { nothing, batch, nonsense };

// What stands at the front of `bytes`, as Kafka tells batches apart.
Found look(Bytes bytes) {
    if (bytes.size() < bytes_to_magic) return Found::nothing;
    auto length = std::int64_t(load_big<std::int32_t>(bytes.data() + 8));
    if (length < message_bytes_min) return Found::nonsense;
    auto magic = load_big<std::int8_t>(bytes.data() + 16);
    if (magic < 0 || magic > magic_2) return Found::nonsense;
    if (length > std::int64_t(bytes.size() - batch_length_from)) return Found::nothing;
    return Found::batch;
}

bool within(Timestamp t, const ProduceRules& rules, Timestamp now) {
    if (t == Timestamp{-1}) return true;  // A record without a time stamp is older than the wish for one.
    return now - t <= rules.before_max && t - now <= rules.after_max;
}

constexpr std::size_t faults_told_max = 100;

// Looks at every record, and finds the largest time stamp among them.
std::optional<Refusal> walk(Bytes open, const BatchView& batch, const ProduceRules& rules, Timestamp now,
                            Timestamp& largest) {
    RecordReader reader(open);
    std::int32_t found = 0;
    bool compressed = batch.codec_number() != 0;
    std::vector<std::int32_t> without_key, out_of_time;
    largest = Timestamp{-1};
    for (; auto record = reader.next(); ++found) {
        if (compressed && record->offset_delta != found) return Refusal{BatchFault::codec, {}};
        auto stamp = batch.base_timestamp() + Millis(record->timestamp_delta);
        largest = std::max(largest, stamp);
        if (rules.keys_required && !record->key && without_key.size() < faults_told_max)
            without_key.push_back(found);
        if (!rules.append_time && !within(stamp, rules, now) && out_of_time.size() < faults_told_max)
            out_of_time.push_back(found);
    }
    if (reader.damaged()) return Refusal{BatchFault::record, {}};
    if (found != batch.count()) return Refusal{BatchFault::count, {}};
    if (!without_key.empty()) return Refusal{BatchFault::no_key, std::move(without_key)};
    if (!out_of_time.empty()) return Refusal{BatchFault::timestamp, std::move(out_of_time)};
    return std::nullopt;
}

}  // namespace

bool Refusal::before_log() const {
    return fault <= BatchFault::zstd_too_early || fault == BatchFault::too_large;
}

Codec codec_of(Bytes records) {
    bool batch = look(records) == Found::batch && records.size() >= batch_header_bytes;
    return batch ? Codec(BatchView(records).codec_number()) : Codec::none;
}
bool claims_transaction(Bytes records) {
    return look(records) == Found::batch && records.size() >= batch_header_bytes &&
           BatchView(records).has(attribute::transactional);
}

std::expected<ProducedBatch, Refusal> check_produced(Bytes records, const ProduceRules& rules,
                                                     Timestamp now) {
    auto first = look(records);
    if (first == Found::nonsense) return refuse(BatchFault::corrupt);
    if (first == Found::nothing) return refuse(BatchFault::none);
    if (load_big<std::int8_t>(records.data() + 16) != magic_2) return refuse(BatchFault::old_magic);
    auto whole = BatchView::whole(records);
    if (!whole) return refuse(BatchFault::corrupt);
    auto batch = *whole;
    switch (look(records.subspan(batch.size()))) {
        case Found::nonsense: return refuse(BatchFault::corrupt);
        case Found::batch: return refuse(BatchFault::many);
        case Found::nothing: break;  // Too few bytes to be one are dropped.
    }
    if (batch.codec_number() == int(Codec::zstd) && !rules.zstd_allowed)
        return refuse(BatchFault::zstd_too_early);
    if (batch.base_offset() != Offset{0}) return refuse(BatchFault::base_offset);
    if (batch.size() > rules.batch_bytes_max) return refuse(BatchFault::too_large);
    if (!batch.crc_matches()) return refuse(BatchFault::corrupt);

    if (batch.count() <= 0 || batch.last_offset_delta() != batch.count() - 1)
        return refuse(BatchFault::count);
    if (batch.has_producer() && batch.base_sequence() < 0) return refuse(BatchFault::sequence);
    if (batch.has(attribute::control)) return refuse(BatchFault::control);
    if (batch.codec_number() > int(Codec::zstd)) return refuse(BatchFault::codec);

    auto codec = Codec(batch.codec_number());
    std::vector<std::byte> opened;
    Bytes open = batch.records();
    bool all_open = true;
    if (codec != Codec::none) {
        auto plain = decompress(codec, batch.records(), opened_bytes_max(batch.size()));
        if (!plain && plain.error() == CompressError::damaged) return refuse(BatchFault::codec);
        all_open = plain.has_value();
        if (all_open) open = opened = std::move(*plain);
    }
    Timestamp largest = batch.max_timestamp();
    if (all_open) {
        if (auto bad = walk(open, batch, rules, now, largest)) return std::unexpected(std::move(*bad));
    } else if (rules.keys_required) {
        return refuse(BatchFault::too_large);  // Keys must be looked at.
    } else if (!rules.append_time &&
               (!within(batch.max_timestamp(), rules, now) || !within(batch.base_timestamp(), rules, now))) {
        return refuse(BatchFault::timestamp);
    }

    ProducedBatch made;
    std::ranges::copy(batch.bytes().first(batch_header_bytes), made.header.begin());
    made.records = batch.records();
    auto attributes = std::int16_t(batch.attributes() & ~attribute::log_append_time);
    if (rules.append_time) attributes |= attribute::log_append_time, largest = now;
    if (rules.codec && *rules.codec != codec) {
        if (!all_open) return refuse(BatchFault::too_large);
        made.rewritten = *rules.codec == Codec::none ? std::vector(open.begin(), open.end())
                                                     : compress(*rules.codec, open, rules.codec_level);
        made.records = made.rewritten;
        attributes = std::int16_t((attributes & ~attribute::codec) | std::int16_t(*rules.codec));
        if (made.size() > rules.batch_bytes_max) return refuse(BatchFault::too_large);
    }
    if (attributes != batch.attributes() || largest != batch.max_timestamp() || !made.rewritten.empty()) {
        auto* at = made.header.data();
        store_big(at + 8, std::int32_t(made.size() - batch_length_from));
        store_big(at + 21, attributes);
        store_big(at + 35, std::to_underlying(largest));
        store_crc(made.header, made.records);
    }
    return made;
}

}  // namespace fulmar::wire
