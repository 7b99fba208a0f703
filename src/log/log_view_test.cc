#include "log/log_view.h"

#include <map>
#include <random>

#include "tests/log/log_world.h"
#include "wire/compacted_batch.h"

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
        auto view = partition_.log.view(partition_.log.start(), limit, 5, test::usual_wall);
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
        EXPECT_EQ(partition_.log.view(Offset{0}, limit, 5, test::usual_wall).largest_time(Offset{0}),
                  Timestamp{expected});
    }
}

TEST_F(LogViewTime, a_damaged_batch_is_told) {
    append({.stamp = 10});
    append({.stamp = 20});
    auto text = test::read_all(*partition_.file());
    text.back() ^= 1;
    test::write_all(*partition_.file(), text);
    auto view = partition_.log.view(Offset{0}, partition_.log.end(), 5, test::usual_wall);
    EXPECT_EQ(view.find_time(Offset{0}, Timestamp{20}).error(), Error::damaged);
    EXPECT_EQ(view.find_time(Offset{0}, Timestamp{10})->offset, Offset{0});
    test::write_all(*partition_.file(), text.substr(0, points_[1].position + 30));
    EXPECT_EQ(view.find_time(Offset{0}, Timestamp{20}).error(), Error::damaged);
    EXPECT_EQ(view.largest_time(Offset{0}).error(), Error::damaged);
}

// --- several segments ------------------------------------------------------------------------------

class LogViewSegments : public LogViewTime {
protected:
    // Some with stamps in order, some in none, and a giant now and then.
    void fill(std::uint64_t seed, int segments, int batches) {
        std::mt19937_64 random(seed);
        partition_.index_interval_bytes = std::array{1, 200, 4096}[seed % 3];
        for (int segment = 0; segment < segments; ++segment) {
            if (segment > 0) partition_.roll();
            firsts_.push_back(points_.size() - 1);
            for (int n = 0; n < batches; ++n) {
                std::int64_t stamp = segment % 2 ? 1000 * segment + n : std::int64_t(random() % 5000);
                if (random() % 40 == 0) stamp = 9000 + std::int64_t(random() % 100);
                append({.records = 1 + n % 3, .bytes = std::size_t(random() % 100), .stamp = stamp});
            }
        }
    }
    TimedOffset find_from(Offset from, std::int64_t at) {
        auto view = partition_.log.view(from, partition_.log.end(), 5, test::usual_wall);
        auto found = view.find_time(from, Timestamp{at});
        for (auto& news : view.news()) partition_.log.learn(news);
        EXPECT_TRUE(found);
        return found.value_or(TimedOffset{});
    }
    void expect_found_from(Offset from, std::int64_t at) {
        Offset expected{-1};
        for (auto n = std::size_t(std::to_underlying(from)); n < stamps_.size(); ++n) {
            if (stamps_[n] < at) continue;
            expected = Offset(n);
            break;
        }
        ASSERT_EQ(find_from(from, at).offset, expected) << "from " << std::to_underlying(from) << ", " << at;
    }
    void expect_all_found() {
        for (std::int64_t at = 0; at < 9110; at += 61)
            for (std::int64_t from = 0; from <= std::int64_t(stamps_.size()); from += 13)
                expect_found_from(Offset{from}, at);
    }
    // The next life of it, its point at the end.
    void reopen() {
        ASSERT_TRUE(partition_.log.write_index());
        auto found = recover(*world_.data, test::partition_name, partition_.point(),
                             {.clean = true, .leader_epoch_max = 5, .clocks = {}});
        ASSERT_TRUE(found && !found->damaged);
        partition_.log = std::move(found->log);
    }
    std::vector<std::size_t> firsts_;  // Of each segment, the batches in front.
};

TEST_F(LogViewSegments, a_time_is_found_in_whichever_segment_it_is) {
    for (std::uint64_t seed = 0; seed < 6; ++seed) {
        partition_.log = {};
        ASSERT_TRUE(world_.data->rename(test::partition_name, "old" + std::to_string(seed)));
        partition_ = test::Partition(*world_.data);
        stamps_.clear(), points_ = {{}}, firsts_.clear();
        fill(seed, 5, 40);
        expect_all_found();
        for (std::size_t n = 0; n < points_.size(); n += 7)
            for (std::int64_t at : {0, 1010, 3020, 4900, 9000}) expect_found(at, points_[n]);
        for (std::size_t n = 0; n < points_.size(); n += 3) {
            std::int64_t largest = -1;
            for (std::size_t i = 0; i < std::size_t(std::to_underlying(points_[n].offset)); ++i)
                largest = std::max(largest, stamps_[i]);
            ASSERT_EQ(partition_.log.view(Offset{0}, points_[n], 5, test::usual_wall).largest_time(Offset{0}),
                      Timestamp{largest});
        }
        reopen();
        expect_all_found();
        ASSERT_FALSE(HasFailure()) << "seed " << seed;
    }
}

TEST_F(LogViewSegments, a_time_is_found_whatever_became_of_the_indexes) {
    fill(4, 4, 25);
    reopen();
    auto point = partition_.point();
    auto directory = partition_.log.directory();
    std::map<std::string, std::string> indexes;
    for (auto& entry : directory->list().value())
        if (entry.name.ends_with(".index"))
            indexes[entry.name] = test::read_all(*directory->open(entry.name).value());
    ASSERT_EQ(indexes.size(), 4U);
    std::mt19937_64 random(9);
    for (auto& [name, right] : indexes) {
        for (int n = 0; n < 40; ++n) {
            auto bad = right;
            if (n == 0) bad.clear();
            else if (n == 1) bad = indexes.begin()->second;
            else if (n == 2) bad = indexes.rbegin()->second;
            else if (n % 3 == 0) bad.resize(random() % bad.size());
            else bad[random() % bad.size()] ^= char(1 << random() % 8);
            for (auto& [other, text] : indexes) {
                auto file = directory->open(other);
                test::write_all(**file, other == name ? bad : text);
            }
            auto found = recover(*world_.data, test::partition_name, point,
                                 {.clean = true, .leader_epoch_max = 5, .clocks = {}});
            ASSERT_TRUE(found && !found->damaged);
            partition_.log = std::move(found->log);
            for (std::int64_t at = 0; at < 9110; at += 230)
                expect_found_from(Offset{std::int64_t(random() % 200)}, at);
            ASSERT_FALSE(HasFailure()) << name << ", " << n;
        }
    }
}

TEST_F(LogViewSegments, what_is_in_front_of_the_log_start_is_not_found) {
    fill(1, 4, 20);
    for (std::int64_t start : {5, 40, 41, 90}) {
        partition_.log.advance_start(Offset{start});
        for (std::int64_t at = 0; at < 9110; at += 97) expect_found_from(Offset{start}, at);
    }
}

TEST_F(LogViewSegments, one_that_a_limit_cuts_is_seen_up_to_there) {
    fill(2, 3, 10);
    auto limit = points_[firsts_[1] + 3];
    auto view = partition_.log.view(Offset{0}, limit, 5, test::usual_wall);
    ASSERT_EQ(view.size(), 2U);
    EXPECT_EQ(view.size_of(0), points_[firsts_[1]].position);
    EXPECT_EQ(view.size_of(1), limit.position - points_[firsts_[1]].position);
    // Of all of it, what its index says.
    EXPECT_EQ(view.last_entry(1)->at.offset, points_[firsts_[2]].offset);
    EXPECT_EQ(partition_.log.view(Offset{0}, points_[firsts_[1]], 5, test::usual_wall).size(), 1U);
    EXPECT_EQ(partition_.log.view(Offset{0}, partition_.log.end(), 5, test::usual_wall, 2).size(), 2U);
}

TEST_F(LogViewSegments, an_index_is_made_anew_once_and_told) {
    fill(3, 3, 10);
    auto right = partition_.log.view(Offset{0}, partition_.log.end(), 5, test::usual_wall).last_entry(1);
    ASSERT_TRUE(right);
    reopen();
    auto name = index_file_name(partition_.log.segments()[1].base);
    test::write_all(*test::open_file(*world_.data, name), "no index");
    auto view = partition_.log.view(Offset{0}, partition_.log.end(), 5, test::usual_wall);
    auto last = view.last_entry(1);
    ASSERT_TRUE(last);
    EXPECT_EQ(last->at, right->at);
    EXPECT_EQ(last->largest_before, right->largest_before);
    EXPECT_EQ(view.last_entry(1), *last);
    ASSERT_EQ(view.news().size(), 1U);
    for (auto& news : view.news()) partition_.log.learn(news);
    EXPECT_EQ(partition_.log.segments()[1].last, *last);
    EXPECT_GT(partition_.log.segments()[1].index.size(), 0U);
}

TEST_F(LogViewSegments, without_room_for_an_index_it_is_served_without) {
    fill(0, 3, 10);
    reopen();
    ASSERT_TRUE(partition_.log.directory()->remove(index_file_name(partition_.log.segments()[1].base)));
    auto point = partition_.point();
    auto found = recover(*world_.data, test::partition_name, point,
                         {.clean = true, .leader_epoch_max = 5, .clocks = {}});
    auto view = found->log.view(Offset{0}, found->log.end(), 5, test::usual_wall);
    world_.power.full_for = 1;
    auto last = view.last_entry(1);
    ASSERT_TRUE(last);
    EXPECT_EQ(last->at.offset, found->log.segments()[2].base);
    EXPECT_EQ(world_.power.full_for, 0);  // It was tried.
}

// An index that is made anew is put in place of the old one; wherever that is interrupted, searches and
// reads stay right.
TEST(LogViewCrash, through_every_death_while_an_index_is_made_anew_reads_are_right) {
    RecoveryPoint point;
    const RecoveryRules rules{.leader_epoch_max = 5, .clocks = {}};
    test::at_every_death(
        [&](Directory& data) {
            test::Partition made(data);
            made.index_interval_bytes = 1;
            for (int n = 0; n < 20; ++n) {
                if (n == 15) made.roll();
                made.append({.bytes = 400, .stamp = 1000 + n});
            }
            made.sync();
            point = made.point();
            auto index = made.log.directory()->open(index_file_name(Offset{0})).value();
            auto text = test::read_all(*index);
            for (auto at : {5UL, 400UL}) text[at] = char(text[at] ^ 1);
            text.resize(text.size() - 5);
            test::write_all(*index, text);
            ASSERT_TRUE(index->sync() && made.log.directory()->sync());
        },
        [&](Directory& data) {
            auto found = recover(data, test::partition_name, point, rules);
            if (!found) return;
            for (auto at : {Offset{0}, Offset{7}, Offset{14}})
                if (!test::read(found->log, at, found->log.end(), 1, true, 5)) return;
            (void)found->log.view(Offset{0}, found->log.end(), 5, test::usual_wall).last_entry(0);
        },
        [&](Directory& data, bool) {
            auto found = recover(data, test::partition_name, point, rules);
            ASSERT_TRUE(found && !found->damaged);
            auto& log = found->log;
            for (std::int64_t n = 0; n < 20; ++n) {
                auto view = log.view(Offset{0}, log.end(), 5, test::usual_wall);
                EXPECT_EQ(view.find_time(Offset{0}, Timestamp{1000 + n})->offset, Offset{n});
                EXPECT_EQ(test::read(log, Offset{n}, log.end(), 1, true, 5)->base, Offset{n});
            }
        });
}

// As compaction leaves it: batches with records (r), and without (e), a segment a word.
class LogViewGaps : public testing::Test {
protected:
    void write(std::initializer_list<std::string_view> segments) {
        for (auto segment : segments) {
            if (log().end().position > 0) partition_.roll();
            for (char kind : segment) {
                auto base = log().end().offset;
                starts_.push_back(base);
                if (kind == 'r') {
                    partition_.append({.records = 3});
                    continue;
                }
                wire::ProducedBatch batch;
                batch.rewritten = wire::empty_batch(base, base + 10, 5);
                std::copy_n(batch.rewritten.begin(), wire::batch_header_bytes, batch.header.begin());
                EXPECT_TRUE(log().append(batch, 5, test::usual_wall));
            }
        }
        ends_ = log().end();
    }
    PartitionLog& log() { return partition_.log; }
    // Which batch the answer to a fetch from the first one begins with, of `segments_max` segments.
    std::size_t first_for(Offset from, std::size_t segments_max = SIZE_MAX, std::size_t bytes_max = 100) {
        auto view = log().view(from, ends_, 5, test::usual_wall, segments_max);
        auto slice = view.read(from, bytes_max, true);
        EXPECT_TRUE(slice);
        if (!slice) return SIZE_MAX;
        EXPECT_TRUE(slice->goes_on || slice->range.length > 0);
        without_records_ = slice->without_records;
        return std::size_t(std::ranges::find(starts_, slice->base) - starts_.begin());
    }

    DiskWorld world_;
    test::Partition partition_{*world_.data};
    std::vector<Offset> starts_;
    LogPoint ends_;
    bool without_records_ = false;
};

TEST_F(LogViewGaps, what_has_no_records_is_passed_over_to_what_has) {
    write({"reerr", "ee", "e", "err"});
    EXPECT_EQ(first_for(starts_[0]), 0U);
    EXPECT_EQ(first_for(starts_[1]), 3U);
    EXPECT_EQ(first_for(starts_[1] + 4), 3U);
    EXPECT_EQ(first_for(starts_[4]), 4U);
    EXPECT_EQ(first_for(starts_[5]), 9U);
    EXPECT_FALSE(without_records_);
    // A view that ends in front of it says so.
    EXPECT_EQ(first_for(starts_[5], 2), 7U);
    EXPECT_TRUE(without_records_);
}
TEST_F(LogViewGaps, at_the_end_of_all_the_client_is_led_on) {
    write({"r", "ee", "eee"});
    EXPECT_EQ(first_for(starts_[1]), 3U);
    EXPECT_TRUE(without_records_);
}
TEST_F(LogViewGaps, in_front_of_damage_it_stays) {
    write({"eer", "ee", "rr"});
    auto& segments = log().segments();
    auto spoil = [&](std::size_t segment, std::uint64_t position) {
        std::array<std::byte, 1> byte{};
        EXPECT_TRUE(segments[segment].file->read(position, byte));
        byte[0] ^= std::byte{1};
        Bytes piece(byte);
        EXPECT_TRUE(segments[segment].file->write(position, std::span(&piece, 1)));
    };
    spoil(0, 61 * 2 + 70);
    EXPECT_EQ(first_for(starts_[0]), 0U);
    EXPECT_EQ(first_for(starts_[0] + 3), 0U);
    EXPECT_EQ(first_for(starts_[3]), 5U);
    spoil(1, 61 + 57);  // It says that it has records.
    EXPECT_EQ(first_for(starts_[3]), 3U);
}

}  // namespace
}  // namespace fulmar
