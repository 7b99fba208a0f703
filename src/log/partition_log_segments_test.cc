// A log of several segments: when a new one begins, what is read across them, and what is deleted in front.
#include <random>

#include "log/producer_snapshot.h"
#include "tests/log/log_world.h"

namespace fulmar {
namespace {

using test::DiskWorld, test::partition_name;

class SegmentedLog : public testing::Test {
protected:
    struct Batch {
        Offset base, next;
        std::size_t segment;
        std::uint64_t position, in_file;  // In the whole log, and in its file.
        std::uint64_t size;
    };
    void append(const test::BatchOf& of = {}) {
        auto from = partition_.log.end();
        auto in_file = partition_.log.newest().at.position;
        auto end = partition_.append(of);
        batches_.push_back({from.offset, end.offset, partition_.log.segments().size() - 1, from.position,
                            in_file, end.position - from.position});
    }
    // `segments` of them, of five batches each.
    void fill(std::size_t segments) {
        for (std::size_t n = 0; n < segments; ++n) {
            if (n > 0) partition_.roll();
            for (int i = 0; i < 5; ++i) append({.records = 1 + i % 3, .bytes = std::size_t(20 * i)});
        }
    }
    PartitionLog& log() { return partition_.log; }

    DiskWorld world_;
    test::Partition partition_{*world_.data};
    std::vector<Batch> batches_;
};

TEST_F(SegmentedLog, a_new_segment_begins_at_the_end) {
    append({.records = 3});
    partition_.roll();
    EXPECT_EQ(log().segments().size(), 2U);
    EXPECT_EQ(log().segments()[1].base, Offset{3});
    EXPECT_EQ(log().segments()[1].position, log().end().position);
    EXPECT_EQ(log().newest(), (IndexEntry{.at = {Offset{3}, 0}}));
    append();
    EXPECT_EQ(log().end().offset, Offset{4});
    EXPECT_EQ(log().place_of({Offset{3}, batches_[1].position}).position, 0U);
    EXPECT_EQ(log().place_of(log().end()).segment, Offset{3});
    EXPECT_EQ(log().place_of(log().end()).position, batches_[1].size);
    EXPECT_EQ(log().place_of({Offset{0}, 0}).segment, Offset{0});
    EXPECT_EQ(test::names(*log().directory()),
              "00000000000000000000.index 00000000000000000000.log 00000000000000000003.log ");
    auto index = Index::open(*log().directory(), Offset{0}).value();
    ASSERT_EQ(index.size(), 1U);  // Its end, and what time says of it.
    EXPECT_EQ(index.entry(0), (IndexEntry{{Offset{3}, batches_[0].size}, Timestamp{1002}, test::usual_wall}));
    EXPECT_EQ(log().size_bytes(), batches_[0].size + batches_[1].size);
}

// Every offset, every limit, and sizes around those of batches, against what was appended.
TEST_F(SegmentedLog, reads_go_to_the_end_of_a_segment_and_no_further) {
    fill(3);
    for (std::size_t limit_at = 0; limit_at <= batches_.size(); ++limit_at) {
        bool whole = limit_at == batches_.size();
        LogPoint limit = whole ? log().end() : LogPoint{batches_[limit_at].base, batches_[limit_at].position};
        for (std::size_t n = 0; n < limit_at; ++n) {
            auto& batch = batches_[n];
            std::uint64_t until = limit.position;  // Of what there is of its segment.
            for (auto& other : batches_)
                if (other.segment == batch.segment + 1) {
                    until = std::min(until, other.position);
                    break;
                }
            auto there = until - batch.position;
            for (auto at = batch.base; at < batch.next; at = at + 1) {
                for (auto most : {std::uint64_t(0), std::uint64_t(1), batch.size - 1, batch.size,
                                  batch.size + 1, batch.size + 100, std::uint64_t(100'000)}) {
                    for (bool at_least_one : {false, true}) {
                        auto slice = test::read(log(), at, limit, most, at_least_one, 5);
                        ASSERT_TRUE(slice);
                        auto length = most >= batch.size ? std::min<std::uint64_t>(most, there)
                                      : at_least_one     ? batch.size
                                                         : 0;
                        ASSERT_EQ(slice->range.length, length);
                        if (length == 0) continue;
                        ASSERT_EQ(slice->base, batch.base);
                        ASSERT_EQ(slice->first_bytes, batch.size);
                        ASSERT_EQ(slice->range.position, batch.in_file);
                        ASSERT_EQ(slice->range.file, log().segments()[batch.segment].file);
                        // Whoever came to a segment's end need not wait for more.
                        if (length == there) ASSERT_EQ(slice->goes_on, limit.position > until);
                    }
                }
            }
        }
        auto slice = test::read(log(), limit.offset, limit, 1000, true);
        ASSERT_TRUE(slice);
        ASSERT_EQ(slice->range.length, 0U);
    }
}

TEST_F(SegmentedLog, what_is_new_is_read_at_once_and_what_is_old_by_a_job) {
    fill(2);
    for (auto& batch : batches_)
        EXPECT_EQ(log().read(batch.base, log().end(), 100, true).has_value(), batch.segment == 1);
}

TEST_F(SegmentedLog, a_view_holds_what_it_shows_while_it_is_deleted_and_appended_to) {
    fill(3);
    auto view = log().view(Offset{0}, log().end(), 5, test::usual_wall);
    EXPECT_EQ(view.size(), 3U);
    auto end = log().end();
    auto gone = log().advance_start(log().segments()[2].base);
    ASSERT_EQ(gone.size(), 2U);
    auto kept = test::text_of({gone[0].file, 0, gone[0].file->size().value()});
    for (auto& segment : gone) ASSERT_TRUE(log().directory()->remove(log_file_name(segment.base)));
    append();
    auto slice = view.read(Offset{0}, 100'000, true);
    ASSERT_TRUE(slice);
    EXPECT_EQ(test::text_of(slice->range), kept);
    EXPECT_EQ(view.size_of(2), end.position - batches_[10].position);
    for (auto& news : view.news()) log().learn(news);  // Of what is gone nothing is remembered.
    EXPECT_EQ(log().segments().size(), 1U);
}

TEST_F(SegmentedLog, rolls_by_size_and_age_and_index) {
    RollRules rules{.segment_bytes = 400, .age = Millis(1000), .index_bytes_max = 10 << 20};
    auto must_roll = [&](const test::BatchOf& of, Timestamp wall = test::usual_wall) {
        return log().must_roll(test::produced(of), rules, wall);
    };
    EXPECT_FALSE(must_roll({.bytes = 1000, .stamp = 1'000'000}));  // Never one that is empty.
    append({.bytes = 100, .stamp = 1000});
    auto one = test::produced({.bytes = 100}).size();
    rules.segment_bytes = 2 * one;
    EXPECT_FALSE(must_roll({.bytes = 100}));
    rules.segment_bytes = 2 * one - 1;
    EXPECT_TRUE(must_roll({.bytes = 100}));
    rules.segment_bytes = 1 << 20;
    EXPECT_FALSE(must_roll({.stamp = 2000}));
    EXPECT_TRUE(must_roll({.stamp = 2001}));
    EXPECT_FALSE(must_roll({.stamp = -1}));
    EXPECT_FALSE(must_roll({.stamp = 1000}, test::usual_wall + Millis(1'000'000)));  // By its own time stamp.
    rules.age = Millis::max();
    rules.index_bytes_max = 3 * Index::entry_bytes;
    partition_.index_interval_bytes = 1;
    EXPECT_FALSE(must_roll({}));
    append();
    EXPECT_FALSE(must_roll({}));
    append();
    EXPECT_TRUE(must_roll({}));  // With the entry of its end it is full.
}

TEST_F(SegmentedLog, without_time_stamps_age_is_that_of_the_append) {
    append({.stamp = -1});
    RollRules rules{.age = Millis(1000)};
    auto batch = test::produced({.stamp = -1});
    EXPECT_FALSE(log().must_roll(batch, rules, test::usual_wall + Millis(1000)));
    EXPECT_TRUE(log().must_roll(batch, rules, test::usual_wall + Millis(1001)));
}

TEST_F(SegmentedLog, the_files_to_sync_are_those_behind_the_durable_end) {
    auto files = [&](LogPoint durable) {
        std::string all;
        for (auto& file : log().unsynced_files(durable))
            for (std::size_t n = 0; n < log().segments().size(); ++n) {
                if (file == log().segments()[n].file) all += "log" + std::to_string(n) + " ";
                if (file == log().segments()[n].index.file()) all += "index" + std::to_string(n) + " ";
            }
        return all;
    };
    fill(3);
    EXPECT_EQ(files({}), "index0 log0 index1 log1 log2 ");
    EXPECT_EQ(files({batches_[4].base, batches_[4].position}), "index0 log0 index1 log1 log2 ");
    EXPECT_EQ(files({batches_[7].base, batches_[7].position}), "index1 log1 log2 ");
    // The first had its last index entries only when the second began.
    EXPECT_EQ(files({batches_[5].base, batches_[5].position}), "index0 log0 index1 log1 log2 ");
    EXPECT_EQ(files({batches_[11].base, batches_[11].position}), "log2 ");
    EXPECT_EQ(files(log().end()), "log2 ");
}

TEST_F(SegmentedLog, the_start_moves_and_segments_in_front_of_it_go) {
    fill(4);
    auto size = log().size_bytes();
    EXPECT_TRUE(log().advance_start(Offset{0}).empty());
    EXPECT_TRUE(log().advance_start(batches_[9].next + -1).size() == 1);  // Into the second.
    EXPECT_EQ(log().start(), batches_[9].next + -1);
    EXPECT_EQ(log().size_bytes(), size - batches_[5].position);
    EXPECT_EQ(test::read(log(), log().start(), log().end(), 1, true)->base, batches_[9].base);
    auto gone = log().advance_start(batches_[15].base);
    ASSERT_EQ(gone.size(), 2U);
    EXPECT_EQ(gone[1].base, batches_[10].base);
    EXPECT_EQ(log().segments().size(), 1U);
    EXPECT_TRUE(log().advance_start(log().end().offset).empty());  // The active one stays, empty for readers.
    EXPECT_EQ(test::read(log(), log().start(), log().end(), 1000, true)->range.length, 0U);
    append();
    EXPECT_EQ(test::read(log(), batches_[20].base, log().end(), 1, true)->base, batches_[20].base);
}

TEST_F(SegmentedLog, what_a_job_has_learned_counts_only_for_its_own_segment) {
    fill(2);
    auto first = log().segments()[0].base, second = log().segments()[1].base;
    IndexEntry last{.at = {second, 1}};
    log().learn({.segment = first + 1, .last = last});
    log().learn(
        {.segment = second, .index = Index(Offset{99}), .last = last});  // Its own writer knows better.
    EXPECT_FALSE(log().segments()[1].last);
    EXPECT_EQ(log().segments()[1].index.base(), second);
    log().learn({.segment = first, .index = Index(Offset{99}), .last = last});
    EXPECT_EQ(log().segments()[0].last, last);
    EXPECT_EQ(log().segments()[0].index.base(), Offset{99});
}

TEST_F(SegmentedLog, on_a_full_disk_it_rolls_without_an_index) {
    partition_.index_interval_bytes = 1;
    for (int n = 0; n < 5; ++n) append();
    auto file = make_segment(*log().directory(), log().end().offset).value();
    world_.power.full_for = 1;
    ASSERT_TRUE(log().write_index());
    log().roll(file);
    append();
    for (auto& batch : batches_)
        EXPECT_EQ(test::read(log(), batch.base, log().end(), 1, true, 5)->base, batch.base);
    auto view = log().view(Offset{0}, log().end(), 5, test::usual_wall);
    EXPECT_EQ(view.last_entry(0)->appended_before, test::usual_wall);
}

// However a disk without room thins it out, the index of the active segment stays small, and right.
TEST_F(SegmentedLog, an_index_that_finds_no_room_gets_coarser) {
    partition_.index_interval_bytes = 1;
    int refused = 0;
    for (int n = 0; n < 2000; ++n) {
        bool writes = log().unwritten_entries() >= 2 * PartitionLog::tail_entries;
        if (writes && n % 3) world_.power.fails_at = 2, world_.power.failure = Error::full, ++refused;
        append({.bytes = 1});
        world_.power.full_for = 0, world_.power.fails_at = 0;
        ASSERT_LE(log().unwritten_entries(), 2 * PartitionLog::tail_entries + 1);
    }
    EXPECT_GT(refused, 10);
    for (auto& batch : batches_)
        ASSERT_EQ(test::read(log(), batch.base, log().end(), 1, true, 5)->base, batch.base);
}

// As a partition rolls: the producers' snapshot first, then the file.
Result<> roll(PartitionLog& log, const Sequences& sequences) {
    auto base = log.end().offset;
    auto written = write_snapshot(*log.directory(), {base, base, 0, sequences.states()}, true, base);
    if (!written) return written;
    auto file = make_segment(*log.directory(), base);
    if (!file) return std::unexpected(file.error());
    if (auto indexed = log.write_index(); !indexed) return indexed;
    return log.roll(*file), Result<>();
}

TEST(SegmentedLogCrash, through_every_death_while_it_rolls_nothing_acknowledged_is_lost) {
    RecoveryPoint point;
    LogPoint acknowledged;
    const RecoveryRules rules{.leader_epoch_max = 5, .clocks = {}};
    auto sequence_behind = [](const Sequences& sequences) {
        auto states = sequences.states();
        return states.empty() ? 0 : states[0].expected;
    };
    for (bool knows_point : {false, true}) {
        test::at_every_death(
            [&](Directory& data) {
                test::Partition made(data);
                for (int n = 0; n < 3; ++n) made.append({.producer = {ProducerId{4}, 0, n}});
                made.sync();
                point = knows_point ? made.point() : RecoveryPoint{};
                acknowledged = made.log.end();
            },
            [&](Directory& data) {
                auto found = recover(data, partition_name, point, rules);
                if (!found) return;
                auto& log = found->log;
                for (int n = 0; n < 6; ++n) {
                    auto durable = log.end();
                    if (n % 2 == 1 && !roll(log, found->sequences)) return;
                    auto batch = test::produced({.bytes = 700, .producer = {ProducerId{4}, 0, 3 + n}});
                    if (!log.append(batch, 5, test::usual_wall, 1)) return;
                    found->sequences.appended(Sequences::Batch::of(batch.view()), {});
                    for (auto& file : log.unsynced_files(durable))
                        if (!file->sync()) return;
                    acknowledged = log.end();
                }
            },
            [&](Directory& data, bool through) {
                auto found = recover(data, partition_name, point, rules);
                ASSERT_TRUE(found);
                EXPECT_FALSE(found->damaged);
                auto end = found->log.end();
                EXPECT_GE(end, acknowledged);
                if (through) EXPECT_EQ(end.offset, Offset{9});
                EXPECT_EQ(sequence_behind(found->sequences), std::to_underlying(end.offset));
                for (auto at = Offset{0}; at < end.offset; at = at + 1)
                    EXPECT_EQ(test::read(found->log, at, end, 1, true, 5)->base, at);
                // And it goes on.
                test::Partition again(std::move(found->log));
                if (again.log.newest().at.position > 0) again.roll();
                EXPECT_EQ(again.append().offset, end.offset + 1);
            });
    }
}

}  // namespace
}  // namespace fulmar
