#include "log/retention.h"

#include "core/clock_watch.h"
#include "tests/log/log_world.h"

namespace fulmar {
namespace {

using test::DiskWorld;
using namespace std::chrono_literals;
constexpr Timestamp start{1'800'000'000'000};
constexpr Millis day = 24h;

TEST(RetainedFrom, goes_by_the_append_and_by_time_stamps_near_it) {
    auto from = [](Timestamp largest, Timestamp appended) {
        return retained_from({.at = {}, .largest_before = largest, .appended_before = appended});
    };
    EXPECT_EQ(from(start, start), start);
    EXPECT_EQ(from(start + -30 * day, start), start);        // Old data that came just now is fresh.
    EXPECT_EQ(from(Timestamp{-1}, start), start);            // So is what has no stamp.
    EXPECT_EQ(from(start + 30min, start), start + 30min);    // Clocks differ.
    EXPECT_EQ(from(start + 1000 * day, start), start + 1h);  // What is of the future does not stay for ever.
    EXPECT_EQ(from(Timestamp{INT64_MAX}, start), start + 1h);
}

// A day between segments; each of one batch.
class RetentionTest : public testing::Test {
protected:
    // Stamped so much later than it is appended.
    void segment(Millis ahead, std::size_t bytes = 100) {
        if (partition_.log.end().offset > Offset{0}) partition_.roll();
        partition_.append({.bytes = bytes, .stamp = std::to_underlying(wall_ + ahead)}, wall_);
        wall_ = wall_ + day;
    }
    std::size_t expired(const RetentionRules& rules, std::optional<std::size_t> full = {}) {
        auto& log = partition_.log;
        auto view = log.view(Offset{0}, log.end(), 5, wall_);
        auto count =
            expired_segments(view, full.value_or(log.segments().size() - 1), log.size_bytes(), rules, wall_);
        EXPECT_TRUE(count);
        for (auto& news : view.news()) log.learn(news);
        return count.value_or(99);
    }
    DiskWorld world_;
    test::Partition partition_{*world_.data};
    Timestamp wall_ = start;
};

TEST_F(RetentionTest, without_rules_all_is_kept) {
    for (int n = 0; n < 5; ++n) segment(0ms);
    wall_ = wall_ + 100'000 * day;
    EXPECT_EQ(expired({}), 0U);
}

TEST_F(RetentionTest, what_was_appended_long_enough_ago_goes) {
    for (int n = 0; n < 5; ++n) segment(0ms);
    for (int days = 0; days < 8; ++days) {
        // Now the n-th is 5 - n days old.
        auto older = std::size_t(std::clamp(6 - days, 0, 4));  // The active one stays.
        EXPECT_EQ(expired({.age = days * day - 1ms, .bytes = {}}), older) << days;
        EXPECT_EQ(expired({.age = days * day, .bytes = {}}), std::size_t(std::clamp(5 - days, 0, 4))) << days;
    }
}

TEST_F(RetentionTest, old_stamps_do_not_destroy_fresh_data) {
    for (int n = 0; n < 4; ++n) segment(-1000 * day);
    EXPECT_EQ(expired({.age = 10 * day, .bytes = {}}), 0U);
    EXPECT_EQ(expired({.age = 2 * day + 1ms, .bytes = {}}), 2U);
    EXPECT_EQ(expired({.age = 3 * day, .bytes = {}}), 1U);
}

TEST_F(RetentionTest, stamps_of_the_future_pin_nothing) {
    segment(10'000 * day);
    segment(0ms);
    segment(0ms);
    EXPECT_EQ(expired({.age = 3 * day, .bytes = {}}), 0U);  // It counts as an hour younger, no more.
    wall_ = wall_ + 1h;
    EXPECT_EQ(expired({.age = 3 * day, .bytes = {}}), 0U);
    wall_ = wall_ + 1ms;
    EXPECT_EQ(expired({.age = 3 * day, .bytes = {}}), 1U);
}

TEST_F(RetentionTest, one_that_is_young_keeps_what_is_behind_it) {
    segment(0ms);
    segment(0ms);
    wall_ = wall_ + 10 * day;
    segment(0ms);
    wall_ = start + 5 * day;  // The clock was ahead when the third was written.
    segment(0ms);
    segment(0ms);
    wall_ = start + 9 * day;
    EXPECT_EQ(expired({.age = 2 * day, .bytes = {}}), 2U);
}

// A clock that showed 2037 once, or a life that did not know the time.
TEST_F(RetentionTest, a_stamp_ahead_of_the_clock_counts_from_the_look_that_finds_it) {
    wall_ = ClockWatch::not_known;
    segment(0ms);
    wall_ = start + 10 * day;
    segment(0ms);
    segment(0ms);
    EXPECT_EQ(expired({.age = 3 * day, .bytes = {}}), 0U);
    wall_ = wall_ + 2 * day;
    EXPECT_EQ(expired({.age = 3 * day, .bytes = {}}), 0U);
    wall_ = wall_ + 1 * day + 1h + 1ms;
    EXPECT_EQ(expired({.age = 3 * day, .bytes = {}}), 2U);
}

TEST_F(RetentionTest, what_is_too_much_goes_from_the_front) {
    for (std::size_t bytes : {100, 200, 300, 400, 500}) segment(0ms, bytes);
    auto& log = partition_.log;
    auto size = log.size_bytes();
    EXPECT_EQ(expired({.age = {}, .bytes = size}), 0U);
    // Only what leaves at least so much behind.
    for (std::size_t n = 1; n < 5; ++n) {
        auto left = log.end().position - log.segments()[n].position;
        EXPECT_EQ(expired({.age = {}, .bytes = left}), n);
        EXPECT_EQ(expired({.age = {}, .bytes = left + 1}), n - 1);
    }
    EXPECT_EQ(expired({.age = {}, .bytes = 0}), 4U);
}

TEST_F(RetentionTest, either_rule_is_enough_and_each_goes_on_where_the_other_ends) {
    for (int n = 0; n < 5; ++n) segment(0ms);
    auto one = partition_.log.segments()[1].position;
    EXPECT_EQ(expired({.age = 4 * day, .bytes = 2 * one}), 3U);
    EXPECT_EQ(expired({.age = 2 * day, .bytes = 4 * one}), 3U);
}

TEST_F(RetentionTest, never_more_than_what_is_full_and_durable) {
    for (int n = 0; n < 5; ++n) segment(0ms);
    for (std::size_t full = 0; full < 5; ++full) EXPECT_EQ(expired({.age = 0ms, .bytes = 0}, full), full);
}

TEST_F(RetentionTest, what_time_says_of_a_segment_is_known_after_a_start) {
    for (int n = 0; n < 4; ++n) segment(-1000 * day);
    ASSERT_TRUE(partition_.log.write_index());
    auto point = partition_.point();
    auto found = recover(*world_.data, test::partition_name, point,
                         {.clean = true, .leader_epoch_max = 5, .clocks = {{}, wall_}});
    ASSERT_TRUE(found);
    EXPECT_EQ(found->log.newest().appended_before, start + 3 * day);
    partition_.log = std::move(found->log);
    EXPECT_EQ(expired({.age = 10 * day, .bytes = {}}), 0U);
    EXPECT_EQ(expired({.age = 3 * day, .bytes = {}}), 1U);
}

// Nobody knows when it was appended, and to take old stamps for that would destroy what is fresh.
TEST_F(RetentionTest, without_its_index_a_log_is_as_old_as_its_last_start) {
    for (int n = 0; n < 4; ++n) segment(-20 * day);
    auto directory = partition_.log.directory();
    ASSERT_TRUE(partition_.log.write_index());
    auto point = partition_.point();
    for (auto& entry : directory->list().value())
        if (entry.name.ends_with(".index")) ASSERT_TRUE(directory->remove(entry.name));
    auto found = recover(*world_.data, test::partition_name, point,
                         {.clean = true, .leader_epoch_max = 5, .clocks = {{}, wall_}});
    ASSERT_TRUE(found);
    partition_.log = std::move(found->log);
    EXPECT_EQ(expired({.age = 10 * day, .bytes = {}}), 0U);
    wall_ = wall_ + 10 * day + 1h;
    EXPECT_EQ(expired({.age = 10 * day, .bytes = {}}), 3U);
}

// Else whoever asks for it would hear that it was deleted, and not that it is lost.
TEST_F(RetentionTest, what_cannot_be_read_at_all_is_not_taken_for_old) {
    for (int n = 0; n < 4; ++n) segment(0ms);
    auto directory = partition_.log.directory();
    ASSERT_TRUE(partition_.log.write_index());
    auto base = partition_.log.segments().front().base;
    ASSERT_TRUE(directory->remove(index_file_name(base)));
    auto file = test::open_file(*world_.data, log_file_name(base));
    auto text = test::read_all(*file);
    for (auto left : {std::string(text.size(), '\x5a'), std::string()}) {
        test::write_all(*file, left);
        auto found = recover(*world_.data, test::partition_name, partition_.point(),
                             {.clean = true, .leader_epoch_max = 5, .clocks = {{}, wall_}});
        ASSERT_TRUE(found);
        partition_.log = std::move(found->log);
        EXPECT_EQ(expired({.age = 10 * day, .bytes = {}}), 0U) << left.size();
        wall_ = wall_ + 10 * day + 1h;
        EXPECT_EQ(expired({.age = 10 * day, .bytes = {}}), 3U) << left.size();
    }
}

TEST_F(RetentionTest, a_disk_that_fails_deletes_nothing) {
    for (int n = 0; n < 4; ++n) segment(0ms);
    auto found = recover(*world_.data, test::partition_name, partition_.point(),
                         {.clean = true, .leader_epoch_max = 5, .clocks = {{}, wall_}});
    auto view = found->log.view(Offset{0}, found->log.end(), 5, wall_);
    world_.power.fails_at = 1;
    EXPECT_FALSE(expired_segments(view, 3, 1000, {.age = 0ms, .bytes = {}}, wall_));
}

}  // namespace
}  // namespace fulmar
