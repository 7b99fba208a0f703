#include "wire/produced_batch.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "base/varint.h"
#include "tests/allocations.h"

namespace fulmar::wire {
namespace {

constexpr Timestamp now{1'790'000'000'000};
constexpr std::array all_codecs{Codec::none, Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd};

// Where things stand in a header.
enum Field : std::size_t {
    base_offset = 0,
    length = 8,
    leader_epoch = 12,
    magic = 16,
    crc = 17,
    attributes = 21,
    last_delta = 23,
    base_stamp = 27,
    max_stamp = 35,
    producer_id = 43,
    producer_epoch = 51,
    base_sequence = 53,
    count = 57,
};

// A batch to be spoilt: `put` writes a number, `seal` makes the checksum right again.
struct Sent {
    std::vector<std::byte> bytes;
    template <class T>
    Sent& put(Field at, T value) {
        store_big(bytes.data() + at, value);
        return *this;
    }
    Sent& seal() {
        store_crc(std::span(bytes).first<batch_header_bytes>(), Bytes(bytes).subspan(batch_header_bytes));
        return *this;
    }
    // Other records in place of its own; the header says `records` of them.
    Sent& hold(const std::vector<std::byte>& body, std::int32_t records) {
        bytes.resize(batch_header_bytes);
        bytes.insert(bytes.end(), body.begin(), body.end());
        put(length, std::int32_t(bytes.size() - batch_length_from));
        return put(count, records).put(last_delta, records - 1).seal();
    }
    BatchView view() const { return BatchView(bytes); }
};
Sent sent(Codec codec = Codec::none, int records = 3, BatchProducer producer = {}) {
    BatchBuilder builder;
    for (int n = 0; n < records; ++n) builder.add(now + Millis(n), bytes_of("key"), bytes_of("value"));
    return {builder.finish(codec, producer)};
}
std::vector<std::byte> packed(std::initializer_list<std::int64_t> numbers) {
    std::vector<std::byte> body{std::byte{0}}, bytes;
    for (auto n : numbers) add_varlong(body, n);
    add_varlong(bytes, std::int64_t(body.size()));
    bytes.insert(bytes.end(), body.begin(), body.end());
    return bytes;
}
std::vector<std::byte> joined(std::vector<std::byte> a, const std::vector<std::byte>& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

ProducedBatch taken(const Sent& batch, const ProduceRules& rules = {}) {
    auto made = check_produced(batch.bytes, rules, now);
    EXPECT_TRUE(made) << (made ? 0 : int(made.error().fault));
    if (!made) return {};
    auto whole =
        joined({made->header.begin(), made->header.end()}, {made->records.begin(), made->records.end()});
    EXPECT_EQ(BatchView(whole).size(), whole.size());
    EXPECT_TRUE(BatchView(whole).crc_matches());
    return std::move(*made);
}
// 0 when it is taken.
BatchFault fault(Bytes bytes, const ProduceRules& rules = {}) {
    auto made = check_produced(bytes, rules, now);
    return made ? BatchFault{} : made.error().fault;
}
BatchFault fault(const Sent& batch, const ProduceRules& rules = {}) {
    return fault(Bytes(batch.bytes), rules);
}

TEST(ProducedBatch, a_good_one_is_taken_as_it_is) {
    for (auto codec : all_codecs) {
        auto batch = sent(codec, 3, {ProducerId{4}, 1, 12});
        auto made = taken(batch);
        EXPECT_TRUE(std::ranges::equal(made.header, Bytes(batch.bytes).first(batch_header_bytes)));
        EXPECT_EQ(made.records.data(), batch.view().records().data());  // Not copied.
        EXPECT_EQ(made.size(), batch.bytes.size());
    }
}

TEST(ProducedBatch, each_fault_is_told_by_its_name) {
    struct Row {
        const char* what;
        BatchFault fault;
        std::function<void(Sent&)> spoil;
    };
    using enum BatchFault;
    const Row rows[] = {
        {"wrong checksum", corrupt, [](Sent& s) { s.put(crc, s.view().crc() + 1); }},
        {"a byte of a record flipped", corrupt, [](Sent& s) { s.bytes.back() ^= std::byte{1}; }},
        {"magic 3", corrupt, [](Sent& s) { s.put(magic, std::int8_t(3)); }},
        {"magic -1", corrupt, [](Sent& s) { s.put(magic, std::int8_t(-1)); }},
        {"negative length", corrupt, [](Sent& s) { s.put(length, std::int32_t(-1)); }},
        {"a length of 13", corrupt, [](Sent& s) { s.put(length, std::int32_t(13)); }},
        {"a length below a header's", corrupt, [](Sent& s) { s.put(length, std::int32_t(48)); }},
        {"nonsense behind it", corrupt, [](Sent& s) { s.bytes.resize(s.bytes.size() + 17); }},
        {"no bytes", none, [](Sent& s) { s.bytes.clear(); }},
        {"16 bytes", none, [](Sent& s) { s.bytes.resize(16); }},
        {"a header only", none, [](Sent& s) { s.bytes.resize(61); }},
        {"the last byte missing", none, [](Sent& s) { s.bytes.pop_back(); }},
        {"a length beyond memory", none, [](Sent& s) { s.put(length, INT32_MAX); }},
        {"two batches", many, [](Sent& s) { s.bytes = joined(s.bytes, s.bytes); }},
        {"magic 0", old_magic, [](Sent& s) { s.put(magic, std::int8_t(0)); }},
        {"magic 1", old_magic, [](Sent& s) { s.put(magic, std::int8_t(1)); }},
        {"base offset 1", base_offset, [](Sent& s) { s.put(Field::base_offset, std::int64_t(1)); }},
        {"base offset -1", base_offset, [](Sent& s) { s.put(Field::base_offset, std::int64_t(-1)); }},
        {"no records", BatchFault::count, [](Sent& s) { s.hold({}, 0); }},
        {"a negative count", BatchFault::count,
         [](Sent& s) { s.put(Field::count, INT32_MIN).put(last_delta, INT32_MAX).seal(); }},
        {"count and last delta at odds", BatchFault::count, [](Sent& s) { s.put(Field::count, 2).seal(); }},
        {"fewer records than it says", BatchFault::count,
         [](Sent& s) { s.put(Field::count, 4).put(last_delta, 3).seal(); }},
        {"more records than it says", BatchFault::count,
         [](Sent& s) { s.put(Field::count, 2).put(last_delta, 1).seal(); }},
        {"bytes left over in a record", BatchFault::record,
         [](Sent& s) { s.hold(packed({0, 0, -1, -1, 0, 0}), 1); }},
        {"bytes left over behind the records", BatchFault::record,
         [](Sent& s) { s.hold(joined(packed({0, 0, -1, -1, 0}), {std::byte{0}}), 1); }},
        {"a record cut short", BatchFault::record, [](Sent& s) { s.hold(packed({0, 0, -1}), 1); }},
        {"a producer without a sequence", sequence,
         [](Sent& s) { s.put(producer_id, std::int64_t(7)).put(base_sequence, -1).seal(); }},
        {"the control bit", control, [](Sent& s) { s.put(Field::attributes, attribute::control).seal(); }},
        {"codec 5", codec, [](Sent& s) { s.put(Field::attributes, std::int16_t(5)).seal(); }},
        {"codec 7", codec, [](Sent& s) { s.put(Field::attributes, std::int16_t(7)).seal(); }},
        {"not what gzip makes", codec, [](Sent& s) { s.put(Field::attributes, std::int16_t(1)).seal(); }},
        {"not what zstd makes", codec, [](Sent& s) { s.put(Field::attributes, std::int16_t(4)).seal(); }},
        {"no bytes to decompress", codec,
         [](Sent& s) { s.hold({}, 1).put(Field::attributes, std::int16_t(3)).seal(); }},
        {"offsets from 1 inside gzip", codec,
         [](Sent& s) {
             s.hold(compress(Codec::gzip, packed({0, 1, -1, -1, 0})), 1)
                 .put(Field::attributes, std::int16_t(1))
                 .seal();
         }},
        {"over an hour ahead", timestamp,
         [](Sent& s) { s.put(base_stamp, std::to_underlying(now + Millis(3'600'001))).seal(); }},
    };
    for (auto& row : rows) {
        auto batch = sent();
        row.spoil(batch);
        EXPECT_EQ(int(fault(batch)), int(row.fault)) << row.what;
    }
}

TEST(ProducedBatch, what_kafka_bears_is_borne) {
    auto small = sent();
    small.bytes.resize(small.bytes.size() + 16);  // Too few to be a batch: dropped.
    EXPECT_EQ(taken(small).size(), small.bytes.size() - 16);
    std::vector<std::pair<const char*, Sent>> odd{
        {"offset deltas in an open batch", sent().hold(packed({0, 5, -1, -1, 0}), 1)},
        {"a sequence without a producer", sent().put(base_sequence, 9).seal()},
        {"an id below 0, which is no producer",
         sent().put(producer_id, std::int64_t(-2)).put(base_sequence, -1).seal()},
        {"a producer of epoch -1", sent().put(producer_id, std::int64_t(1)).put(base_sequence, 0).seal()},
        {"a leader epoch", sent().put(leader_epoch, 12)},
        {"the delete horizon bit", sent().put(attributes, attribute::delete_horizon).seal()},
        {"unused bits", sent().put(attributes, std::int16_t(0x7f80)).seal()},
        {"a header twice", sent().hold(packed({0, 0, -1, -1, 2, 0, -1, 0, -1}), 1)},
    };
    for (auto& [what, batch] : odd) {
        auto made = taken(batch);
        EXPECT_EQ(made.view().attributes(), batch.view().attributes()) << what;
        EXPECT_TRUE(std::ranges::equal(made.records, batch.view().records())) << what;
    }
}

TEST(ProducedBatch, a_size_at_the_limit_is_taken_and_one_more_is_not) {
    auto batch = sent();
    EXPECT_EQ(fault(batch, {.batch_bytes_max = batch.bytes.size()}), BatchFault{});
    EXPECT_EQ(fault(batch, {.batch_bytes_max = batch.bytes.size() - 1}), BatchFault::too_large);
}

TEST(ProducedBatch, time_stamps_at_the_limits_are_taken_and_one_more_is_not) {
    ProduceRules rules{.before_max = Millis(1000), .after_max = Millis(50)};
    auto with = [&](std::initializer_list<std::int64_t> offsets, Codec codec = Codec::none) {
        BatchBuilder builder;
        for (auto offset : offsets) builder.add(now + Millis(offset), std::nullopt, std::nullopt);
        return Sent{builder.finish(codec)};
    };
    EXPECT_EQ(fault(with({-1000, 0, 50}), rules), BatchFault{});
    for (auto codec : {Codec::none, Codec::zstd}) {
        auto made = check_produced(with({0, -1001, 0, 51}, codec).bytes, rules, now);
        ASSERT_FALSE(made);
        EXPECT_EQ(made.error().fault, BatchFault::timestamp);
        EXPECT_EQ(made.error().records, (std::vector{1, 3}));
    }
    auto stampless = sent().put(base_stamp, std::int64_t(-1)).hold(packed({0, 0, -1, -1, 0}), 1);
    EXPECT_EQ(fault(stampless, rules), BatchFault{});  // -1: it has none.
    rules.append_time = true;
    EXPECT_EQ(fault(with({-100'000, 100'000}), rules), BatchFault{});  // Its own stamps do not count.
    rules = {.before_max = Millis(INT64_MAX)};
    EXPECT_EQ(fault(sent().put(base_stamp, INT64_MIN).seal(), rules), BatchFault{});  // No overflow.
    EXPECT_EQ(fault(sent().put(base_stamp, INT64_MAX).seal(), rules), BatchFault::timestamp);
}

TEST(ProducedBatch, a_compacted_topic_wants_keys_and_names_records_without) {
    BatchBuilder builder;
    for (int n = 0; n < 4; ++n)
        builder.add(now, n % 2 ? std::nullopt : std::optional(bytes_of("")), std::nullopt);
    Sent batch{builder.finish()};
    EXPECT_EQ(fault(batch), BatchFault{});
    auto made = check_produced(batch.bytes, {.keys_required = true}, now);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().fault, BatchFault::no_key);
    EXPECT_EQ(made.error().records, (std::vector{1, 3}));
    for (int n = 0; n < 300; ++n) builder.add(now, std::nullopt, std::nullopt);
    batch.bytes = builder.finish();
    EXPECT_EQ(check_produced(batch.bytes, {.keys_required = true}, now).error().records.size(), 100U);
}

TEST(ProducedBatch, zstd_is_refused_where_the_version_has_none) {
    EXPECT_EQ(fault(sent(Codec::zstd), {.zstd_allowed = false}), BatchFault::zstd_too_early);
    EXPECT_EQ(fault(sent(Codec::lz4), {.zstd_allowed = false}), BatchFault{});
}

// Two faults at once: what Kafka finds first is told.
TEST(ProducedBatch, faults_are_told_in_this_order) {
    auto batch = sent(Codec::zstd, 3, {ProducerId{1}, 0, 0});
    batch.bytes = joined(batch.bytes, batch.bytes);
    ProduceRules rules{.batch_bytes_max = 10, .zstd_allowed = false};
    auto next = [&](BatchFault told, auto repair) {
        EXPECT_EQ(int(fault(batch, rules)), int(told));
        repair();
    };
    batch.put(base_offset, std::int64_t(3)).put(magic, std::int8_t(0));
    next(BatchFault::old_magic, [&] { batch.put(magic, std::int8_t(2)); });
    next(BatchFault::many, [&] { batch.bytes.resize(batch.bytes.size() / 2); });
    next(BatchFault::zstd_too_early, [&] { rules.zstd_allowed = true; });
    next(BatchFault::base_offset, [&] { batch.put(base_offset, std::int64_t(0)); });
    batch.put(count, 0);
    next(BatchFault::too_large, [&] { rules.batch_bytes_max = 1000; });
    next(BatchFault::corrupt, [&] { batch.put(base_sequence, -1).seal(); });
    next(BatchFault::count,
         [&] { batch.put(count, 3).put(attributes, std::int16_t(attribute::control | 6)).seal(); });
    next(BatchFault::sequence, [&] { batch.put(base_sequence, 0).seal(); });
    next(BatchFault::control, [&] { batch.put(attributes, std::int16_t(6)).seal(); });
    next(BatchFault::codec,
         [&] { batch.put(attributes, std::int16_t(4)).put(base_stamp, INT64_MAX).seal(); });
    next(BatchFault::timestamp, [&] { batch.put(base_stamp, std::to_underlying(now)).seal(); });
    EXPECT_EQ(fault(batch, rules), BatchFault{});
}

TEST(ProducedBatch, what_is_wrong_before_the_log_is_looked_at_is_known) {
    using enum BatchFault;
    for (auto early : {corrupt, none, many, old_magic, zstd_too_early, too_large})
        EXPECT_TRUE(Refusal(early).before_log());
    for (auto late : {BatchFault::base_offset, BatchFault::count, BatchFault::record, sequence, control,
                      codec, no_key, timestamp})
        EXPECT_FALSE(Refusal(late).before_log());
}

TEST(ProducedBatch, a_transaction_is_claimed_by_a_bit_of_a_whole_batch) {
    auto batch = sent();
    EXPECT_FALSE(claims_transaction(batch.bytes));
    batch.put(attributes, attribute::transactional);
    EXPECT_TRUE(claims_transaction(batch.bytes));
    for (std::size_t have = 0; have < batch.bytes.size(); ++have)
        EXPECT_FALSE(claims_transaction(Bytes(batch.bytes).first(have))) << have;
}

// --- what is rewritten ---------------------------------------------------------------------------

TEST(ProducedBatch, a_wrong_largest_time_stamp_is_corrected_and_nothing_else) {
    for (auto codec : {Codec::none, Codec::lz4}) {
        auto right = sent(codec, 3, {ProducerId{4}, 1, 12}), wrong = right;
        wrong.put(max_stamp, std::int64_t(5)).seal();
        auto made = taken(wrong);
        EXPECT_TRUE(std::ranges::equal(made.header, Bytes(right.bytes).first(batch_header_bytes)));
    }
}

TEST(ProducedBatch, append_time_replaces_the_largest_stamp_and_says_so) {
    auto batch = sent(Codec::none, 3, {ProducerId{4}, 1, 12});
    auto made = taken(batch, {.append_time = true});
    EXPECT_EQ(made.view().max_timestamp(), now);
    EXPECT_TRUE(made.view().has(attribute::log_append_time));
    EXPECT_EQ(made.view().base_timestamp(), batch.view().base_timestamp());
    auto expected =
        batch.put(attributes, attribute::log_append_time).put(max_stamp, std::to_underlying(now)).seal();
    EXPECT_TRUE(std::ranges::equal(made.header, Bytes(expected.bytes).first(batch_header_bytes)));
    auto claimed = taken(sent().put(attributes, attribute::log_append_time).seal());
    EXPECT_FALSE(claimed.view().has(attribute::log_append_time));  // A client's claim is cleared.
}

TEST(ProducedBatch, any_codec_is_made_any_other) {
    auto plain = sent();
    for (auto from : all_codecs) {
        for (auto to : all_codecs) {
            auto batch = sent(from, 3, {ProducerId{4}, 1, 12});
            auto made = taken(batch, {.codec = to});
            EXPECT_EQ(made.view().codec_number(), int(to));
            EXPECT_EQ(made.rewritten.empty(), from == to);
            auto opened = decompress(to, made.records, 1000);
            ASSERT_TRUE(opened);
            EXPECT_TRUE(std::ranges::equal(*opened, plain.view().records()));
            EXPECT_EQ(made.view().producer_id(), ProducerId{4});
            EXPECT_EQ(made.view().base_sequence(), 12);
            EXPECT_EQ(made.view().count(), 3);
            auto moved = std::move(made);  // The view of what was rewritten moves along.
            EXPECT_TRUE(moved.rewritten.empty() || moved.records.data() == moved.rewritten.data());
        }
    }
}

TEST(ProducedBatch, rewritten_it_must_fit_as_well) {
    auto batch = sent(Codec::zstd, 100);
    ProduceRules rules{.batch_bytes_max = batch.bytes.size() + 10, .codec = Codec::none};
    EXPECT_EQ(fault(batch, rules), BatchFault::too_large);
    rules.batch_bytes_max = 100'000;
    auto size = taken(batch, rules).size();
    rules.batch_bytes_max = size;
    EXPECT_EQ(fault(batch, rules), BatchFault{});
    rules.batch_bytes_max = size - 1;
    EXPECT_EQ(fault(batch, rules), BatchFault::too_large);
}

// --- what opens to more than it may --------------------------------------------------------------

Sent bomb(Codec codec, std::size_t bytes) {
    std::vector<std::byte> zeros(bytes);
    BatchBuilder builder;
    builder.add(now, std::nullopt, zeros);
    return {builder.finish(codec)};
}

TEST(ProducedBatch, a_bomb_is_believed_its_header_and_takes_no_memory) {
    for (auto codec : {Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd}) {
        auto batch = bomb(codec, 32 << 20);
        batch.put(max_stamp, std::to_underlying(now + Millis(7))).seal();
        ProduceRules rules{.batch_bytes_max = 10 << 20};
        auto bound = opened_bytes_max(batch.bytes.size());
        ASSERT_GT(32U << 20, bound);
        test::allocations() = {};
        ASSERT_TRUE(check_produced(batch.bytes, rules, now)) << int(codec);
        EXPECT_LE(test::allocations().bytes, bound + 1 + codec_state_bytes_max) << int(codec);
        auto made = taken(batch, rules);
        EXPECT_EQ(made.view().max_timestamp(), now + Millis(7));
        EXPECT_EQ(made.records.data(), batch.view().records().data());

        EXPECT_EQ(fault(Sent(batch).put(count, 9).put(last_delta, 8).seal(), rules), BatchFault{});
        for (auto field : {max_stamp, base_stamp})
            EXPECT_EQ(fault(Sent(batch).put(field, INT64_MAX).seal(), rules), BatchFault::timestamp);
        rules.keys_required = true;  // But where its records have to be looked at, it is too large.
        EXPECT_EQ(fault(batch, rules), BatchFault::too_large);
        rules = {.batch_bytes_max = 100 << 20, .codec = Codec::none};
        EXPECT_EQ(fault(batch, rules), BatchFault::too_large);
        rules.codec = codec;
        EXPECT_EQ(fault(batch, rules), BatchFault{});
    }
}

TEST(ProducedBatch, up_to_the_bound_records_are_counted_and_beyond_it_believed) {
    // Grows a batch of zeros byte by byte over its bound; a wrong count is seen as long as it is opened.
    bool at_the_bound = false, over_it = false;
    for (std::size_t size = 64 << 10; !over_it; ++size) {
        auto batch = bomb(Codec::zstd, size);
        auto opened = decompress(Codec::zstd, batch.view().records(), SIZE_MAX)->size();
        auto bound = opened_bytes_max(batch.bytes.size());
        if (opened + 1 < bound) continue;
        batch.put(count, 2).put(last_delta, 1).seal();
        EXPECT_EQ(fault(batch), opened <= bound ? BatchFault::count : BatchFault{}) << opened << " " << bound;
        at_the_bound |= opened == bound;
        over_it = opened > bound;
    }
    EXPECT_TRUE(at_the_bound);
}

}  // namespace
}  // namespace fulmar::wire
