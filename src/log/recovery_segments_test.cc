// Recovery of a log of several segments: where it ends, where it starts, and what is there of its index.
#include <random>

#include "log/epochs_file.h"
#include "log/partition_files.h"
#include "tests/log/log_world.h"

namespace fulmar {
namespace {

using test::DiskWorld, test::partition_name;
constexpr RecoveryRules after_kill{.leader_epoch_max = 5, .clocks = {Instant{5000}, Timestamp{3000}}};

// Segments of three batches each on a disk, for one damage at a time.
class RecoverySegments : public testing::Test {
protected:
    struct Batch {
        LogPoint begin, end;
        RecoveryPoint behind;
        std::size_t segment, in_file;  // Where it ends in its segment's file.
    };
    RecoverySegments() {
        test::Partition made(*world_.data);
        made.index_interval_bytes = 1;
        for (std::size_t segment = 0; segment < 4; ++segment) {
            if (segment > 0) made.roll();
            bases_.push_back(made.log.end().offset);
            for (int n = 0; n < 3; ++n) {
                auto begin = made.log.end();
                made.append({.records = 1 + n % 2,
                             .bytes = std::size_t(10 + n),
                             .stamp = 1000 - n,
                             .producer = {ProducerId{4}, 0, std::int32_t(std::to_underlying(begin.offset))}});
                batches_.push_back({begin, made.log.end(), made.point(), segment,
                                    std::size_t(made.log.newest().at.position)});
            }
            texts_.push_back(test::read_all(*made.file()));
        }
        EXPECT_TRUE(made.log.write_index());
        made.sync();
        EXPECT_TRUE(directory()->sync());
        for (auto& entry : directory()->list().value())
            files_[entry.name] = test::read_all(*test::open_file(*world_.data, entry.name));
    }
    std::shared_ptr<Directory> directory() { return world_.data->open_directory(partition_name).value(); }
    void restore() {
        auto here = directory();
        for (auto& entry : here->list().value())
            if (!files_.contains(entry.name)) EXPECT_TRUE(here->remove(entry.name));
        for (auto& [name, text] : files_) {
            auto file = here->open(name);
            if (!file) file = here->create(name);
            test::write_all(**file, text);
            EXPECT_TRUE((*file)->sync());
        }
        EXPECT_TRUE(here->sync());
    }
    Recovered recovered(const RecoveryPoint& point = {}, bool clean = false) {
        auto rules = after_kill;
        rules.clean = clean;
        auto found = recover(*world_.data, partition_name, point, rules);
        EXPECT_TRUE(found);
        return found ? std::move(*found) : Recovered{};
    }
    void lies(std::size_t segment, std::string_view text) {
        auto file = test::open_file(*world_.data, log_file_name(bases_[segment]));
        test::write_all(*file, text);
        EXPECT_TRUE(file->sync());
    }
    // The first `batches` are all there is, and are served; the next goes behind them.
    void expect_log(Recovered& found, std::size_t batches) {
        auto end = batches == 0 ? LogPoint{} : batches_[batches - 1].end;
        auto& log = found.log;
        EXPECT_EQ(log.end(), end);
        EXPECT_FALSE(found.damaged);
        for (std::size_t n = 0; n < batches; ++n) {
            auto slice = test::read(log, batches_[n].begin.offset, log.end(), 1, true, 5);
            ASSERT_TRUE(slice);
            EXPECT_EQ(slice->base, batches_[n].begin.offset);
            EXPECT_EQ(test::text_of(slice->range),
                      texts_[batches_[n].segment].substr(slice->range.position, slice->range.length));
        }
        auto states = found.sequences.states();
        EXPECT_EQ(states.size(), batches == 0 ? 0U : 1U);
        if (batches > 0) EXPECT_EQ(states[0].expected, std::int32_t(std::to_underlying(end.offset)));
    }
    void expect_goes_on(Recovered& found) {
        auto end = found.log.end();
        test::Partition again(std::move(found.log));
        again.append();
        EXPECT_EQ(test::read(again.log, end.offset, again.log.end(), 1, true, 5)->base, end.offset);
    }
    std::string segments() {
        std::string all;
        for (auto& entry : directory()->list().value())
            if (entry.name.ends_with(".log"))
                all += std::to_string(std::stoll(entry.name.substr(0, 20))) + " ";
        return all;
    }
    std::vector<std::string> quarantine() {
        std::vector<std::string> names;
        if (auto kept = world_.data->open_directory("quarantine"))
            for (auto& entry : (*kept)->list().value()) names.push_back(entry.name);
        return names;
    }
    // How many of the batches in front end at or in front of a position in a segment's file.
    std::size_t batches_until(std::size_t segment, std::size_t position) const {
        std::size_t count = 0;
        for (auto& batch : batches_)
            count += batch.segment < segment || (batch.segment == segment && batch.in_file <= position);
        return count;
    }

    DiskWorld world_;
    std::vector<Offset> bases_;
    std::vector<Batch> batches_;
    std::vector<std::string> texts_;
    std::map<std::string, std::string> files_;
};

TEST_F(RecoverySegments, a_whole_log_is_found_whole_from_every_point) {
    for (std::size_t n = 0; n <= batches_.size(); ++n) {
        restore();
        auto found = recovered(n == 0 ? RecoveryPoint{} : batches_[n - 1].behind);
        expect_log(found, batches_.size());
        EXPECT_EQ(found.bytes_cut, 0U);
        for (std::size_t segment = 0; segment < 4; ++segment)
            EXPECT_EQ(found.log.segments()[segment].base, bases_[segment]);
        // Time says the same of them as it did.
        auto view = found.log.view(Offset{0}, found.log.end(), 5);
        for (std::size_t segment = 0; segment < 3; ++segment)
            EXPECT_EQ(view.last_entry(segment)->largest_before, Timestamp{1000});
        expect_goes_on(found);
        ASSERT_FALSE(HasFailure()) << n;
    }
    EXPECT_TRUE(quarantine().empty());
}

// The torn tail of a power cut may begin in any segment behind the recovery point.
TEST_F(RecoverySegments, cut_at_every_byte_behind_the_point_it_ends_there_and_later_segments_are_kept_aside) {
    auto& point = batches_[3].behind;  // In the second segment.
    for (std::size_t segment = 1; segment < 4; ++segment) {
        for (std::size_t have = segment == 1 ? batches_[3].in_file : 0; have <= texts_[segment].size();
             ++have) {
            restore();
            lies(segment, texts_[segment].substr(0, have));
            auto aside = quarantine().size();
            auto found = recovered(point);
            bool whole = have == texts_[segment].size();
            auto batches = whole ? batches_.size() : batches_until(segment, have);
            expect_log(found, batches);
            EXPECT_EQ(found.loss_possible, !whole && segment < 3);
            // Of the segment that was cut its rest is kept, since something follows.
            auto end = batches_[batches - 1].segment == segment ? batches_[batches - 1].in_file : 0;
            bool rest = segment < 3 && have > end;
            EXPECT_EQ(quarantine().size() - aside, whole ? 0 : 3 - segment + rest);
            std::string expected;
            for (std::size_t n = 0; n <= (whole ? 3 : segment); ++n)
                expected += std::to_string(std::to_underlying(bases_[n])) + " ";
            EXPECT_EQ(segments(), expected);
            // It is for good, and found again.
            world_.restart();
            auto again = recovered(point);
            expect_log(again, batches);
            EXPECT_EQ(again.bytes_cut, 0U);
            expect_goes_on(again);
            ASSERT_FALSE(HasFailure()) << "segment " << segment << " cut at " << have;
        }
    }
}

TEST_F(RecoverySegments, flipped_at_every_byte_behind_the_point_it_ends_in_front_of_that_batch) {
    auto& point = batches_[4].behind;
    for (std::size_t segment = 1; segment < 4; ++segment) {
        for (std::size_t at = segment == 1 ? batches_[4].in_file : 0; at < texts_[segment].size(); ++at) {
            restore();
            auto text = texts_[segment];
            text[at] = char(text[at] ^ 0x10);
            lies(segment, text);
            auto found = recovered(point);
            expect_log(found, batches_until(segment, at));
            EXPECT_TRUE(found.loss_possible || at >= batches_[11].in_file - 80) << at;
            expect_goes_on(found);
            ASSERT_FALSE(HasFailure()) << "segment " << segment << " at " << at;
        }
    }
}

TEST_F(RecoverySegments, a_segment_that_is_missing_behind_the_point_ends_the_log) {
    for (std::size_t segment = 2; segment < 4; ++segment) {
        restore();
        ASSERT_TRUE(directory()->remove(log_file_name(bases_[segment])));
        auto found = recovered(batches_[3].behind);
        expect_log(found, 3 * segment);
        EXPECT_EQ(found.loss_possible, segment < 3);
        EXPECT_EQ(found.log.segments().size(), segment);
        expect_goes_on(found);
    }
}

TEST_F(RecoverySegments, its_end_is_lost_when_the_points_segment_is_missing_or_too_short) {
    auto& point = batches_[7].behind;  // In the third segment.
    for (bool missing : {true, false}) {
        restore();
        if (missing) ASSERT_TRUE(directory()->remove(log_file_name(bases_[2])));
        else lies(2, texts_[2].substr(0, batches_[7].in_file - 1));
        auto found = recovered(point);
        EXPECT_TRUE(found.damaged);
        EXPECT_EQ(found.log.end(), batches_[missing ? 5 : 6].end);
        EXPECT_EQ(segments(), missing ? "0 4 12 " : "0 4 8 12 ");  // Every file stays.
        for (std::size_t n = 0; n < (missing ? 6U : 7U); ++n)
            EXPECT_EQ(test::read(found.log, batches_[n].begin.offset, found.log.end(), 1, true, 5)->base,
                      batches_[n].begin.offset);
        EXPECT_TRUE(quarantine().empty());
    }
}

TEST_F(RecoverySegments, after_a_clean_stop_nothing_torn_may_stand_behind_the_end) {
    auto& point = batches_[8].behind;  // At the end of the third.
    auto found = recovered(point, true);
    expect_log(found, batches_.size());  // But whole batches, that go on where it ended.
    restore();
    lies(3, "no batch");
    EXPECT_TRUE(recovered(point, true).damaged);
    EXPECT_EQ(segments(), "0 4 8 12 ");
}

// --- the log start ---------------------------------------------------------------------------------

TEST_F(RecoverySegments, it_starts_where_the_checkpoint_says) {
    for (std::size_t n = 0; n <= batches_.size(); ++n) {
        restore();
        auto point = batches_.back().behind;
        point.log_start = n == 0 ? Offset{0} : batches_[n - 1].end.offset;
        auto found = recovered(point, true);
        EXPECT_EQ(found.log.start(), point.log_start);
        EXPECT_EQ(found.log.end().offset, point.offset);
        EXPECT_FALSE(found.damaged);
        auto first = std::min<std::size_t>(n / 3, 3);
        EXPECT_EQ(found.log.segments().front().base, bases_[first]);  // What is wholly in front is removed.
        EXPECT_EQ(segments(), [&] {
            std::string left;
            for (auto at = first; at < 4; ++at) left += std::to_string(std::to_underlying(bases_[at])) + " ";
            return left;
        }());
        for (std::size_t at = n; at < batches_.size(); ++at)
            EXPECT_EQ(test::read(found.log, batches_[at].begin.offset, found.log.end(), 1, true, 5)->base,
                      batches_[at].begin.offset);
        auto states = found.sequences.states();
        ASSERT_EQ(states.size(), 1U);
        EXPECT_EQ(states[0].expected, std::int32_t(std::to_underlying(found.log.end().offset)));
        expect_goes_on(found);
        ASSERT_FALSE(HasFailure()) << n;
    }
}

TEST_F(RecoverySegments, a_start_in_the_middle_of_a_batch_stays_there) {
    auto point = batches_.back().behind;
    point.log_start = batches_[4].begin.offset + 1;
    ASSERT_LT(point.log_start, batches_[4].end.offset);
    auto found = recovered(point);
    EXPECT_EQ(found.log.start(), point.log_start);
    EXPECT_EQ(test::read(found.log, point.log_start, found.log.end(), 1, true, 5)->base,
              batches_[4].begin.offset);
}

TEST_F(RecoverySegments, front_segments_that_were_deleted_are_not_missed) {
    for (std::size_t segments = 1; segments < 4; ++segments) {
        restore();
        for (std::size_t n = 0; n < segments; ++n) ASSERT_TRUE(directory()->remove(log_file_name(bases_[n])));
        auto point = batches_.back().behind;
        point.log_start = bases_[segments] + 1;
        auto found = recovered(point);
        EXPECT_FALSE(found.damaged);
        EXPECT_EQ(found.log.start(), point.log_start);
        EXPECT_EQ(found.log.end().offset, point.offset);
        EXPECT_EQ(found.log.end().position,
                  batches_.back().end.position - batches_[3 * segments].begin.position);
        expect_goes_on(found);
    }
}

TEST_F(RecoverySegments, a_front_segment_that_is_missing_is_damage_and_no_deletion) {
    for (std::size_t segments = 1; segments < 4; ++segments) {
        restore();
        for (std::size_t n = 0; n < segments; ++n) ASSERT_TRUE(directory()->remove(log_file_name(bases_[n])));
        auto found = recovered(batches_.back().behind);
        EXPECT_FALSE(found.damaged);  // Its end is known.
        EXPECT_EQ(found.log.start(), Offset{0});
        for (std::size_t n = 0; n < batches_.size(); ++n) {
            auto slice = test::read(found.log, batches_[n].begin.offset, found.log.end(), 1, true, 5);
            if (n < 3 * segments) EXPECT_EQ(test::error_of(slice), Error::damaged);
            else EXPECT_EQ(slice->base, batches_[n].begin.offset);
        }
        expect_goes_on(found);
    }
}

// --- the index -------------------------------------------------------------------------------------

// An index is written long before what it speaks of is durable. Entries of what a power cut took must not
// come back for other batches of the same sizes.
TEST(RecoveryIndex, entries_of_what_was_lost_do_not_come_back) {
    DiskWorld world;
    RecoveryPoint point;
    {
        test::Partition made(*world.data);
        made.index_interval_bytes = 1;
        for (int n = 0; n < 10; ++n) made.append({.stamp = 1000});
        made.sync();
        point = made.point();
        for (int n = 0; n < 190; ++n) made.append({.stamp = 1000});
        ASSERT_GT(made.log.segments()[0].index.size(), 60U);
        ASSERT_TRUE(made.log.segments()[0].index.file()->sync() && made.log.directory()->sync());
    }
    world.restart(sim::Loss::all_lost);
    {
        test::Partition again(std::move(recover(*world.data, partition_name, point, after_kill)->log));
        ASSERT_EQ(again.log.end().offset, Offset{10});
        again.index_interval_bytes = 1;
        for (int n = 0; n < 100; ++n) again.append({.stamp = 9000});
        again.sync();
        point = again.point();
    }
    world.restart(sim::Loss::all_lost);
    auto found = recover(*world.data, partition_name, point, after_kill);
    ASSERT_TRUE(found);
    ASSERT_EQ(found->log.end().offset, Offset{110});
    auto view = found->log.view(Offset{0}, found->log.end(), 5);
    EXPECT_EQ(view.find_time(Offset{0}, Timestamp{5000})->offset, Offset{10});
}

// --- strangers, and deaths -------------------------------------------------------------------------

TEST_F(RecoverySegments, strangers_are_put_aside_and_the_rest_is_served) {
    for (auto* name : {"notes.txt", "00000000000000000004.log.bak", "epochs.tmp"})
        test::write_all(*directory()->create(name).value(), "text");
    auto found = recovered(batches_.back().behind);
    expect_log(found, batches_.size());
    EXPECT_EQ(quarantine(), (std::vector<std::string>{partition_name + ".00000000000000000004.log.bak.0",
                                                      partition_name + ".notes.txt.0"}));
    EXPECT_EQ(directory()->list()->size(), files_.size());
}

TEST(RecoverySegmentsCrash, dying_while_it_recovers_a_log_torn_in_an_older_segment_loses_nothing_durable) {
    RecoveryPoint point;
    Offset kept;
    test::at_every_death(
        [&](Directory& data) {
            test::Partition made(data);
            made.index_interval_bytes = 1;
            for (int n = 0; n < 4; ++n) {
                if (n == 2) made.roll();
                made.append({.bytes = 100, .producer = {ProducerId{4}, 0, n}});
            }
            point = made.point();
            made.append({.bytes = 100, .producer = {ProducerId{4}, 0, 4}});
            kept = made.log.end().offset;
            auto torn = made.append({.bytes = 100, .producer = {ProducerId{4}, 0, 5}});
            auto place = made.log.place_of(torn);
            auto segment = made.file();
            made.roll();
            made.append({.bytes = 100, .producer = {ProducerId{4}, 0, 6}});
            made.sync();
            ASSERT_TRUE(made.log.directory()->sync() && data.sync());
            auto hole = bytes_of("hole");
            ASSERT_TRUE(segment->write(place.position - 20, std::span(&hole, 1)) && segment->sync());
        },
        [&](Directory& data) { (void)recover(data, partition_name, point, after_kill); },
        [&](Directory& data, bool) {
            auto found = recover(data, partition_name, point, after_kill);
            ASSERT_TRUE(found);
            EXPECT_FALSE(found->damaged);
            EXPECT_EQ(found->log.end().offset, kept);
            EXPECT_EQ(found->sequences.states().at(0).expected, 5);
            for (auto at = Offset{0}; at < kept; at = at + 1)
                EXPECT_EQ(test::read(found->log, at, found->log.end(), 1, true, 5)->base, at);
            EXPECT_EQ(found->log.segments().size(), 2U);
        });
}

}  // namespace
}  // namespace fulmar
