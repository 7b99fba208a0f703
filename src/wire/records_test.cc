#include "wire/records.h"

#include <gtest/gtest.h>

#include <string>

#include "base/varint.h"

namespace fulmar::wire {
namespace {

using Header = BatchBuilder::Header;

// A record as text: "+5 0 key=value {a=1,b=null}"; null is said.
std::string said(std::optional<Bytes> bytes) { return bytes ? std::string(text_of(*bytes)) : "null"; }
std::string said(const RecordView& record) {
    auto text = "+" + std::to_string(record.timestamp_delta) + " " + std::to_string(record.offset_delta) +
                " " + said(record.key) + "=" + said(record.value);
    for (auto& header : headers_of(record))
        text += " {" + std::string(header.key) + "=" + said(header.value) + "}";
    return text;
}
// All records, then "damaged" if they are.
std::vector<std::string> read(Bytes records) {
    std::vector<std::string> all;
    RecordReader reader(records);
    while (auto record = reader.next()) all.push_back(said(*record));
    if (reader.damaged()) all.push_back("damaged");
    EXPECT_TRUE(reader.at_end());
    EXPECT_FALSE(reader.next());
    return all;
}
std::vector<std::byte> three_records(Codec codec = Codec::none, BatchProducer producer = {}) {
    BatchBuilder batch;
    Header headers[] = {{"a", bytes_of("1")}, {"b", std::nullopt}, {"", bytes_of("")}};
    batch.add(Timestamp{1000}, bytes_of("k"), bytes_of("v"));
    batch.add(Timestamp{1005}, std::nullopt, std::nullopt);
    batch.add(Timestamp{998}, bytes_of(""), bytes_of(""), headers);
    return batch.finish(codec, producer);
}
// One record from its parts: what follows the length.
std::vector<std::byte> record(std::initializer_list<std::int64_t> numbers) {
    std::vector<std::byte> body{std::byte{0}}, bytes;
    for (auto n : numbers) add_varlong(body, n);
    add_varlong(bytes, std::int64_t(body.size()));
    bytes.insert(bytes.end(), body.begin(), body.end());
    return bytes;
}

TEST(Records, what_was_built_is_read_back) {
    auto bytes = three_records();
    BatchView batch(bytes);
    EXPECT_EQ(read(batch.records()),
              (std::vector<std::string>{"+0 0 k=v", "+5 1 null=null", "+-2 2 = {a=1} {b=null} {=}"}));
    EXPECT_EQ(batch.base_offset(), Offset{0});
    EXPECT_EQ(batch.size(), bytes.size());
    EXPECT_EQ(batch.magic(), magic_2);
    EXPECT_EQ(batch.attributes(), 0);
    EXPECT_EQ(batch.last_offset_delta(), 2);
    EXPECT_EQ(batch.next_offset(), Offset{3});
    EXPECT_EQ(batch.base_timestamp(), Timestamp{1000});
    EXPECT_EQ(batch.max_timestamp(), Timestamp{1005});
    EXPECT_EQ(batch.producer_id(), no_producer);
    EXPECT_EQ(batch.producer_epoch(), -1);
    EXPECT_EQ(batch.base_sequence(), -1);
    EXPECT_EQ(batch.count(), 3);
    EXPECT_TRUE(batch.crc_matches());
}

TEST(Records, a_builder_starts_anew_after_each_batch) {
    BatchBuilder builder;
    builder.add(Timestamp{10}, std::nullopt, bytes_of("x"));
    auto first = builder.finish();
    builder.add(Timestamp{10}, std::nullopt, bytes_of("x"));
    EXPECT_EQ(builder.finish(), first);
    EXPECT_EQ(builder.count(), 0);
}

TEST(Records, the_producer_and_the_codec_stand_in_the_header) {
    for (auto codec : {Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd}) {
        auto bytes = three_records(codec, {ProducerId{7}, 3, 40});
        BatchView batch(bytes);
        EXPECT_EQ(batch.producer_id(), ProducerId{7});
        EXPECT_EQ(batch.producer_epoch(), 3);
        EXPECT_EQ(batch.base_sequence(), 40);
        EXPECT_EQ(batch.codec_number(), int(codec));
        EXPECT_TRUE(batch.crc_matches());
        auto plain = decompress(codec, batch.records(), 1000);
        ASSERT_TRUE(plain);
        EXPECT_EQ(read(*plain).size(), 3U);
    }
}

TEST(Records, a_batch_is_whole_or_nothing_at_every_length) {
    auto bytes = three_records();
    auto size = bytes.size();
    bytes.resize(size + 5);
    for (std::size_t have = 0; have <= bytes.size(); ++have) {
        auto batch = BatchView::whole(Bytes(bytes).first(have));
        EXPECT_EQ(batch.has_value(), have >= size) << have;
        if (batch) EXPECT_EQ(batch->bytes().size(), size);
    }
    for (std::int32_t length : {INT32_MIN, -1, 0, 48, INT32_MAX}) {
        store_big(bytes.data() + 8, length);
        EXPECT_FALSE(BatchView::whole(bytes)) << length;
    }
    store_big(bytes.data() + 8, std::int32_t(batch_length_min));
    EXPECT_EQ(BatchView::whole(bytes)->records().size(), 0U);
}

TEST(Records, every_flipped_byte_behind_the_crc_shows_in_it) {
    auto bytes = three_records();
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (i >= 8 && i < 12) continue;  // Its length: then it is another batch.
        bytes[i] ^= std::byte{0x40};
        EXPECT_EQ(BatchView(bytes).crc_matches(), i < 17) << i;
        bytes[i] ^= std::byte{0x40};
    }
}

TEST(Records, a_log_sets_the_place_without_touching_the_rest) {
    auto bytes = three_records(), before = bytes;
    store_place(bytes, {Offset{1LL << 40}, 9});
    BatchView batch(bytes);
    EXPECT_EQ(batch.base_offset(), Offset{1LL << 40});
    EXPECT_EQ(batch.last_offset(), Offset{(1LL << 40) + 2});
    EXPECT_EQ(batch.leader_epoch(), 9);
    EXPECT_TRUE(batch.crc_matches());
    store_place(bytes, {Offset{0}, -1});
    EXPECT_EQ(bytes, before);
}

TEST(Records, a_changed_header_is_sealed_again) {
    auto bytes = three_records();
    store_big(bytes.data() + 35, std::int64_t(4711));
    EXPECT_FALSE(BatchView(bytes).crc_matches());
    store_crc(std::span(bytes).first<batch_header_bytes>(), Bytes(bytes).subspan(batch_header_bytes));
    EXPECT_TRUE(BatchView(bytes).crc_matches());
}

TEST(RecordReader, each_part_that_makes_no_sense_is_damage) {
    auto damaged = std::vector<std::string>{"damaged"};
    //                  stamp, offset, key, value, headers
    EXPECT_EQ(read(record({0, 0, -1, -1, 0})), std::vector<std::string>{"+0 0 null=null"});
    EXPECT_EQ(read(record({0, 0, -2, -1, 0})), damaged);  // Lengths below null's,
    EXPECT_EQ(read(record({0, 0, -1, -2, 0})), damaged);
    EXPECT_EQ(read(record({0, 0, -1, -1, -1})), damaged);    // fewer headers than none,
    EXPECT_EQ(read(record({0, 0, -1, -1, 0, 0})), damaged);  // bytes left over,
    EXPECT_EQ(read(record({0, 0, -1, -1})), damaged);        // or too few.
    EXPECT_EQ(read(record({0, 0, -1})), damaged);
    EXPECT_EQ(read(record({0})), damaged);
    EXPECT_EQ(read(record({})), damaged);
    EXPECT_EQ(read(record({0, 0, 5, -1, 0})), damaged);                  // A key beyond the record.
    EXPECT_EQ(read(record({0, 0, -1, INT32_MAX, 0})), damaged);          // A value beyond memory.
    EXPECT_EQ(read(record({0, 0, -1, -1, 1, -1, -1})), damaged);         // A header without a key.
    EXPECT_EQ(read(record({0, 0, -1, -1, 1, 0})), damaged);              // One without a value's length.
    EXPECT_EQ(read(record({0, 0, -1, -1, INT32_MAX})), damaged);         // More headers than bytes.
    EXPECT_EQ(read(record({0, 1LL << 40, -1, -1, 0})), damaged);         // An offset that is no int32.
    EXPECT_EQ(read(std::vector{std::byte{0}}), damaged);                 // A record of no bytes,
    EXPECT_EQ(read(std::vector{std::byte{1}}), damaged);                 // of fewer,
    EXPECT_EQ(read(std::vector{std::byte{20}, std::byte{0}}), damaged);  // of more than there are.
    EXPECT_EQ(read(std::vector{std::byte{0x80}}), damaged);
    EXPECT_EQ(read(record({INT64_MIN, 0, -1, -1, 0})).front(), "+-9223372036854775808 0 null=null");
}

TEST(RecordReader, reads_up_to_the_damage) {
    auto bytes = record({0, 0, -1, -1, 0}), bad = record({0, 1, -9, -1, 0}), good = record({0, 2, -1, -1, 0});
    bytes.insert(bytes.end(), bad.begin(), bad.end());
    bytes.insert(bytes.end(), good.begin(), good.end());
    EXPECT_EQ(read(bytes), (std::vector<std::string>{"+0 0 null=null", "damaged"}));
}

TEST(RecordReader, cut_anywhere_records_end_or_are_damaged) {
    auto batch = three_records();
    auto records = BatchView(batch).records();
    std::size_t boundaries = 0;
    for (std::size_t have = 0; have <= records.size(); ++have) {
        auto all = read(records.first(have));
        if (all.empty() || all.back() != "damaged") ++boundaries;
    }
    EXPECT_EQ(boundaries, 4U);
}

}  // namespace
}  // namespace fulmar::wire
