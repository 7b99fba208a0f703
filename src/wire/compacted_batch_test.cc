#include "wire/compacted_batch.h"

#include <gtest/gtest.h>

namespace fulmar::wire {
namespace {

constexpr std::size_t much = 1 << 20;

// Records a, b, c… at stamps 1000, 1001…; every third has no value.
std::vector<std::byte> batch_of(int records, Codec codec = Codec::none, BatchProducer producer = {},
                                std::int16_t attributes = 0) {
    BatchBuilder builder;
    for (int n = 0; n < records; ++n) {
        auto key = std::string(1, char('a' + n)), value = std::string(20, char('A' + n));
        BatchBuilder::Header header{"h", bytes_of(key)};
        bool tombstone = n % 3 == 2;
        builder.add(Timestamp{1000 + n}, bytes_of(key),
                    tombstone ? std::nullopt : std::optional(bytes_of(value)),
                    std::span(&header, n % 2 == 0 ? 1 : 0));
    }
    auto bytes = builder.finish(codec, producer, attributes);
    store_place(bytes, {Offset{100}, 3});
    return bytes;
}
OpenBatch opened(const std::vector<std::byte>& bytes) {
    auto batch = BatchView::whole(bytes);
    EXPECT_TRUE(batch && batch->crc_matches());
    auto open = OpenBatch::open(*batch, much);
    EXPECT_TRUE(open);
    return std::move(*open);
}
struct Told {
    Offset offset;
    Timestamp stamp;
    std::string key;
    std::optional<std::string> value;
    int headers;
    bool operator==(const Told&) const = default;
};
std::vector<Told> told(const std::vector<std::byte>& bytes) {
    std::vector<Told> all;
    auto open = opened(bytes);
    for (auto& record : open.records())
        all.push_back({open.offset_of(record), open.batch().base_timestamp() + Millis(record.timestamp_delta),
                       std::string(text_of(*record.key)),
                       record.value ? std::optional(std::string(text_of(*record.value))) : std::nullopt,
                       record.header_count});
    return all;
}

class CompactedBatch : public testing::TestWithParam<Codec> {};
INSTANTIATE_TEST_SUITE_P(Codecs, CompactedBatch,
                         testing::Values(Codec::none, Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd));

TEST_P(CompactedBatch, what_is_kept_is_what_it_was) {
    auto bytes = batch_of(6, GetParam(), {ProducerId{7}, 2, 40});
    auto all = told(bytes);
    for (unsigned set = 0; set < 64; ++set) {
        std::vector<bool> keep;
        std::vector<Told> left;
        for (unsigned n = 0; n < 6; ++n) {
            keep.push_back((set >> n & 1) != 0);
            if (keep.back()) left.push_back(all[n]);
        }
        auto made = opened(bytes).with(keep, {});
        auto view = *BatchView::whole(made);
        EXPECT_EQ(told(made), left);
        EXPECT_EQ(view.base_offset(), Offset{100});
        EXPECT_EQ(view.next_offset(), Offset{106});
        EXPECT_EQ(view.leader_epoch(), 3);
        EXPECT_EQ(view.producer_id(), ProducerId{7});
        EXPECT_EQ(view.producer_epoch(), 2);
        EXPECT_EQ(view.base_sequence(), 40);
        EXPECT_EQ(view.count(), int(left.size()));
        EXPECT_EQ(view.max_timestamp(), left.empty() ? Timestamp{-1} : left.back().stamp);
        EXPECT_EQ(view.codec_number(), left.empty() ? 0 : int(GetParam()));
    }
}
TEST_P(CompactedBatch, a_horizon_moves_no_time_stamp_and_stays) {
    auto bytes = batch_of(6, GetParam());
    EXPECT_FALSE(opened(bytes).delete_horizon());
    auto made = opened(bytes).with(std::vector<bool>(6, true), Timestamp{999'999'999});
    EXPECT_EQ(told(made), told(bytes));
    EXPECT_EQ(opened(made).delete_horizon(), Timestamp{999'999'999});
    EXPECT_EQ(BatchView::whole(made)->max_timestamp(), Timestamp{1005});
    auto again = opened(made).with({true, false, true, false, false, false}, {});
    EXPECT_EQ(opened(again).delete_horizon(), Timestamp{999'999'999});
    EXPECT_EQ(told(again), (std::vector{told(bytes)[0], told(bytes)[2]}));
}
TEST(CompactedBatches, stamps_of_the_broker_are_the_batchs_own) {
    auto bytes = batch_of(4, Codec::none, {}, attribute::log_append_time);
    store_big(bytes.data() + 35, std::int64_t(5000));
    store_crc(std::span(bytes).first<batch_header_bytes>(), Bytes(bytes).subspan(batch_header_bytes));
    auto made = opened(bytes).with({true, false, false, false}, {});
    EXPECT_EQ(BatchView::whole(made)->max_timestamp(), Timestamp{5000});
}
TEST(CompactedBatches, one_without_records_takes_the_place_of_many) {
    auto made = empty_batch(Offset{5}, Offset{5'000'000}, 9);
    auto open = opened(made);
    EXPECT_EQ(made.size(), batch_header_bytes);
    EXPECT_TRUE(open.records().empty());
    EXPECT_EQ(open.batch().base_offset(), Offset{5});
    EXPECT_EQ(open.batch().next_offset(), Offset{5'000'000});
    EXPECT_EQ(open.batch().leader_epoch(), 9);
    EXPECT_FALSE(open.batch().has_producer());
    auto most = empty_batch(Offset{0}, Offset{std::int64_t(INT32_MAX) + 1}, 0);
    EXPECT_EQ(BatchView(most).next_offset(), Offset{std::int64_t(INT32_MAX) + 1});
}
TEST(CompactedBatches, what_makes_no_sense_is_not_opened) {
    auto bytes = batch_of(4, Codec::lz4);
    EXPECT_FALSE(OpenBatch::open(*BatchView::whole(bytes), 10));
    store_big(bytes.data() + 57, 5);
    EXPECT_FALSE(OpenBatch::open(*BatchView::whole(bytes), much));
    auto plain = batch_of(4);
    store_big(plain.data() + 23, 2);  // Its last record lies behind its end.
    EXPECT_FALSE(OpenBatch::open(*BatchView::whole(plain), much));
    store_big(plain.data() + 21, std::int16_t(6));
    EXPECT_FALSE(OpenBatch::open(*BatchView::whole(plain), much));
}

}  // namespace
}  // namespace fulmar::wire
