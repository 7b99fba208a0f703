#include "log/log_view.h"

#include <random>

#include "tests/log/log_world.h"

namespace fulmar {
namespace {

using test::DiskWorld;

// A log of which all time stamps are known, in order of offsets.
class LogViewTime : public testing::Test {
protected:
    void append(const test::BatchOf& of) {
        for (int n = 0; n < of.records; ++n) stamps_.push_back(of.stamp + n);
        points_.push_back(partition_.append(of));
    }
    TimedOffset find(std::int64_t at, LogPoint limit) {
        auto view = partition_.log.view(partition_.log.start(), limit, 5);
        auto found = view.find_time(partition_.log.start(), Timestamp{at});
        EXPECT_TRUE(found);
        return found.value_or(TimedOffset{});
    }
    TimedOffset find(std::int64_t at) { return find(at, partition_.log.end()); }
    void expect_found(std::int64_t at, LogPoint limit) {
        auto found = find(at, limit);
        for (std::size_t offset = 0; offset < std::size_t(std::to_underlying(limit.offset)); ++offset) {
            if (stamps_[offset] < at) continue;
            ASSERT_EQ(found.offset, Offset(offset)) << at;
            ASSERT_EQ(found.timestamp, Timestamp{stamps_[offset]});
            ASSERT_EQ(found.leader_epoch, 5);
            return;
        }
        ASSERT_EQ(found.offset, Offset{-1}) << at;
        ASSERT_EQ(found.timestamp, Timestamp{-1});
        ASSERT_EQ(found.leader_epoch, -1);
    }

    DiskWorld world_;
    test::Partition partition_{*world_.data};
    std::vector<std::int64_t> stamps_;
    std::vector<LogPoint> points_{{}};
};

TEST_F(LogViewTime, the_first_record_of_a_time_or_later_is_found) {
    for (auto codec :
         {wire::Codec::none, wire::Codec::gzip, wire::Codec::snappy, wire::Codec::lz4, wire::Codec::zstd})
        append({.records = 3, .stamp = 1000 + 10 * int(codec), .codec = codec});
    for (std::int64_t at = -5; at < 1060; ++at) expect_found(at, partition_.log.end());
    expect_found(INT64_MAX, partition_.log.end());
    expect_found(INT64_MIN, partition_.log.end());
}

TEST_F(LogViewTime, time_stamps_in_no_order_are_found_all_the_same) {
    std::mt19937_64 random(3);
    for (int n = 0; n < 250; ++n)
        append({.records = 1 + n % 3,
                .bytes = std::size_t(random() % 600),
                .stamp = std::int64_t(random() % 5000)});
    for (std::int64_t at = 0; at < 5010; at += 7) expect_found(at, partition_.log.end());
    for (auto& limit : points_)
        for (std::int64_t at : {0, 2000, 4000, 4900, 4990}) expect_found(at, limit);
}

TEST_F(LogViewTime, an_early_giant_stamp_hides_none_before_it) {
    append({.stamp = 10});
    append({.stamp = 1'000'000});
    for (int n = 0; n < 50; ++n) append({.bytes = 500, .stamp = 20 + n});
    EXPECT_EQ(find(11).offset, Offset{1});
    EXPECT_EQ(find(10).offset, Offset{0});
    EXPECT_EQ(find(1'000'001).offset, Offset{-1});
}

TEST_F(LogViewTime, under_append_time_a_batch_has_one_time) {
    auto batch = test::produced({.records = 3, .stamp = 1000});
    wire::ProduceRules rules;
    rules.append_time = true;
    auto made = wire::check_produced(batch.rewritten, rules, Timestamp{1001});
    ASSERT_TRUE(made && partition_.log.append(*made, 5, test::usual_wall));
    for (std::int64_t at : {0, 1000, 1001}) {
        EXPECT_EQ(find(at).offset, Offset{0}) << at;  // Not the record that once said 1001.
        EXPECT_EQ(find(at).timestamp, Timestamp{1001});
    }
    EXPECT_EQ(find(1002).offset, Offset{-1});  // Nor the one that says so.
}

TEST_F(LogViewTime, the_largest_time_in_front_of_any_limit_is_found) {
    std::mt19937_64 random(4);
    for (int n = 0; n < 100; ++n) append({.bytes = 300, .stamp = std::int64_t(random() % 5000)});
    for (auto& limit : points_) {
        std::int64_t expected = -1;
        for (std::size_t n = 0; n < std::size_t(std::to_underlying(limit.offset)); ++n)
            expected = std::max(expected, stamps_[n]);
        EXPECT_EQ(partition_.log.view(Offset{0}, limit, 5).largest_time(), Timestamp{expected});
    }
}

TEST_F(LogViewTime, a_damaged_batch_is_told) {
    append({.stamp = 10});
    append({.stamp = 20});
    auto text = test::read_all(*partition_.file());
    text.back() ^= 1;
    test::write_all(*partition_.file(), text);
    auto view = partition_.log.view(Offset{0}, partition_.log.end(), 5);
    EXPECT_EQ(view.find_time(Offset{0}, Timestamp{20}).error(), Error::damaged);
    EXPECT_EQ(view.find_time(Offset{0}, Timestamp{10})->offset, Offset{0});
    test::write_all(*partition_.file(), text.substr(0, points_[1].position + 30));
    EXPECT_EQ(view.find_time(Offset{0}, Timestamp{20}).error(), Error::damaged);
    EXPECT_EQ(view.largest_time().error(), Error::damaged);
}

}  // namespace
}  // namespace fulmar
