#include "log/producer_snapshot.h"

#include <random>

#include "tests/log/log_world.h"

namespace fulmar {
namespace {

using test::DiskWorld, test::partition_name;

std::string text_of(const std::vector<Sequences::State>& states) {
    std::string text;
    for (auto& state : states) {
        text += std::to_string(std::to_underlying(state.id)) + "/" + std::to_string(state.epoch) + ":" +
                std::to_string(state.expected);
        for (auto& batch : state.batches)
            text += " " + std::to_string(batch.first_sequence) + "-" + std::to_string(batch.last_sequence) +
                    "@" + std::to_string(std::to_underlying(batch.last_offset)) + "," +
                    std::to_string(std::to_underlying(batch.timestamp)) + "," +
                    std::to_string(std::to_underlying(batch.producer)) + "/" + std::to_string(batch.epoch);
        text += "\n";
    }
    return text;
}
// No recovery needs an older one.
constexpr Offset newest_alone{INT64_MAX};
ProducerSnapshot snapshot_at(std::int64_t offset, int producers) {
    Sequences sequences;
    std::mt19937_64 random(static_cast<std::uint64_t>(offset) + 1);
    for (int n = 0; n < 3 * producers; ++n) {
        auto id = std::int64_t(random() % std::uint64_t(producers));
        auto first = std::int32_t(random() % 1000);
        sequences.appended({ProducerId{id}, std::int16_t(random() % 2), first, first + 3,
                            Offset{offset - 100 + n}, Timestamp{std::int64_t(random() % 9999)}},
                           {});
    }
    return {Offset{offset}, Offset{offset - offset % 100}, std::uint64_t(offset) * 7, sequences.states()};
}
bool same(const ProducerSnapshot& a, const ProducerSnapshot& b) {
    return a.offset == b.offset && a.segment == b.segment && a.position == b.position &&
           text_of(a.producers) == text_of(b.producers);
}
std::vector<Offset> snapshots_in(Directory& directory) {
    std::vector<Offset> found;
    for (auto& entry : directory.list().value())
        if (entry.name.ends_with(".producers")) found.push_back(Offset{std::stoll(entry.name.substr(0, 20))});
    return found;
}
std::optional<ProducerSnapshot> newest(Directory& directory, std::int64_t until = INT64_MAX) {
    auto found = newest_snapshot(directory, snapshots_in(directory), Offset{until});
    EXPECT_TRUE(found);
    return found ? *found : std::nullopt;
}

TEST(ProducerSnapshotFile, is_named_by_the_offset_it_stands_at) {
    EXPECT_EQ(snapshot_file_name(Offset{42}), "00000000000000000042.producers");
}

TEST(ProducerSnapshotFile, what_is_known_of_producers_is_read_back) {
    for (int producers : {0, 1, 7, 300}) {
        DiskWorld world;
        auto written = snapshot_at(4711, std::max(producers, 1));
        if (producers == 0) written.producers.clear();
        ASSERT_TRUE(write_snapshot(*world.data, written, true, newest_alone));
        auto found = newest(world.restart());
        ASSERT_TRUE(found);
        EXPECT_TRUE(same(*found, written));
    }
}

TEST(ProducerSnapshotFile, the_newest_whole_one_in_front_counts) {
    DiskWorld world;
    for (auto at : {100, 150, 180})
        ASSERT_TRUE(write_snapshot(*world.data, snapshot_at(at, 3), false, newest_alone));
    EXPECT_EQ(newest(*world.data)->offset, Offset{180});
    EXPECT_EQ(newest(*world.data, 180)->offset, Offset{180});
    EXPECT_EQ(newest(*world.data, 179)->offset, Offset{150});
    EXPECT_EQ(newest(*world.data, 149)->offset, Offset{100});
    EXPECT_FALSE(newest(*world.data, 99));
    auto file = world.data->open(snapshot_file_name(Offset{180})).value();
    auto text = test::read_all(*file);
    for (std::size_t at = 0; at < text.size(); ++at) {
        auto bad = text;
        bad[at] = char(bad[at] ^ 0x40);
        for (auto& left : {bad, text.substr(0, at), text + "x"}) {
            test::write_all(*file, left);
            auto found = newest(*world.data);
            ASSERT_TRUE(found && same(*found, snapshot_at(150, 3))) << at;
        }
    }
    test::write_all(*file, test::read_all(*world.data->open(snapshot_file_name(Offset{150})).value()));
    EXPECT_EQ(newest(*world.data)->offset, Offset{150});  // One of another name is none.
}

TEST(ProducerSnapshotFile, a_huge_file_is_not_read_into_memory) {
    DiskWorld world;
    auto file = world.data->create(snapshot_file_name(Offset{5})).value();
    Bytes one = bytes_of("x");
    ASSERT_TRUE(file->write(64 << 20, std::span(&one, 1)));
    EXPECT_FALSE(newest(*world.data));
}

TEST(ProducerSnapshotFile, a_disk_that_fails_is_no_damage) {
    DiskWorld world;
    ASSERT_TRUE(write_snapshot(*world.data, snapshot_at(5, 3), true, newest_alone));
    auto offsets = snapshots_in(*world.data);
    for (int at = 1; at <= 3; ++at) {
        world.power.fails_at = at;
        EXPECT_FALSE(newest_snapshot(*world.data, offsets, Offset{9})) << at;
    }
}

TEST(ProducerSnapshotFile, the_newest_two_are_kept_and_that_of_the_segment) {
    DiskWorld world;
    for (auto at : {100, 110, 120, 130, 200, 210})
        ASSERT_TRUE(write_snapshot(*world.data, snapshot_at(at, 2), false, newest_alone));
    EXPECT_EQ(snapshots_in(*world.data), (std::vector{Offset{130}, Offset{200}, Offset{210}}));
    for (auto at : {220, 230})
        ASSERT_TRUE(write_snapshot(*world.data, snapshot_at(at, 2), false, newest_alone));
    EXPECT_EQ(snapshots_in(*world.data), (std::vector{Offset{200}, Offset{220}, Offset{230}}));
}

// However many segments have begun since the last checkpoint, and whatever is compacted in front of it.
TEST(ProducerSnapshotFile, those_are_kept_that_a_recovery_may_begin_with) {
    DiskWorld world;
    for (auto at : {100, 150, 200, 300, 400, 500})
        ASSERT_TRUE(write_snapshot(*world.data, snapshot_at(at, 2), false, Offset{200}));
    EXPECT_EQ(snapshots_in(*world.data), (std::vector{Offset{200}, Offset{300}, Offset{400}, Offset{500}}));
    ASSERT_TRUE(write_snapshot(*world.data, snapshot_at(600, 2), false, Offset{400}));
    EXPECT_EQ(snapshots_in(*world.data), (std::vector{Offset{400}, Offset{500}, Offset{600}}));
}

TEST(ProducerSnapshotFile, through_every_death_one_that_was_durable_is_there_or_a_newer) {
    test::at_every_death(
        [](Directory& data) { ASSERT_TRUE(write_snapshot(data, snapshot_at(100, 40), true, newest_alone)); },
        [](Directory& data) {
            for (auto at : {150, 160, 170, 180})
                if (!write_snapshot(data, snapshot_at(at, 40), at == 180, newest_alone)) return;
        },
        [](Directory& data, bool through) {
            auto found = newest(data);
            ASSERT_TRUE(found);
            EXPECT_TRUE(same(*found, snapshot_at(std::to_underlying(found->offset), 40)));
            if (through) EXPECT_EQ(found->offset, Offset{180});
        });
}

// --- in a log ------------------------------------------------------------------------------------

// Four segments; several producers write, and snapshots are taken now and then, as a partition does.
class ProducersOfALog : public testing::Test {
protected:
    ProducersOfALog() {
        test::Partition made(*world_.data);
        made.index_interval_bytes = 400;
        Sequences sequences;
        auto& log = made.log;
        std::map<std::int64_t, std::int32_t> next;
        auto snapshot = [&](bool durable, std::int64_t base, std::uint64_t position) {
            EXPECT_TRUE(write_snapshot(*log.directory(),
                                       {log.end().offset, Offset{base}, position, sequences.states()},
                                       durable, newest_alone));
        };
        for (int n = 0; n < 120; ++n) {
            if (n > 0 && n % 30 == 0) {
                snapshot(true, std::to_underlying(log.end().offset), 0);
                made.roll();
            } else if (n % 11 == 7) {
                auto place = log.place_of(log.end());
                snapshot(false, std::to_underlying(place.segment), place.position);
            }
            std::int64_t id = n * 7 % 5;
            int records = 1 + n % 3;
            auto batch =
                test::produced({.records = records,
                                .bytes = std::size_t(n % 50),
                                .stamp = n * 31 % 100,
                                .producer = {ProducerId{id}, std::int16_t(n > 60 && id == 2), next[id]}});
            if (n == 61 || (n > 60 && id == 2 && next[id] > 0 && !fenced_)) {
                fenced_ = true;
                next[2] = 0;
                batch = test::produced({.records = records, .producer = {ProducerId{2}, 1, 0}});
                id = 2;
            }
            next[id] += records;
            EXPECT_TRUE(log.append(batch, 5, test::usual_wall, 400));
            sequences.appended(Sequences::Batch::of(batch.view()), {});
            points_.push_back(made.point());
            states_.push_back(text_of(sequences.states()));
        }
        EXPECT_TRUE(log.write_index());
        made.sync();
        EXPECT_TRUE(log.directory()->sync());
        for (auto& entry : log.directory()->list().value()) files_[entry.name] = text(entry.name);
    }
    std::string text(const std::string& name) { return test::read_all(*test::open_file(*world_.data, name)); }
    // Every file as it was.
    void restore() {
        auto directory = world_.data->open_directory(partition_name).value();
        for (auto& entry : directory->list().value())
            if (!files_.contains(entry.name)) ASSERT_TRUE(directory->remove(entry.name));
        for (auto& [name, text] : files_) {
            auto file = directory->open(name);
            if (!file) file = directory->create(name);
            test::write_all(**file, text);
        }
    }
    void expect_states(const RecoveryPoint& point, bool clean, const std::string& why) {
        auto found = recover(*world_.data, partition_name, point,
                             {.clean = clean, .leader_epoch_max = 5, .clocks = {}});
        ASSERT_TRUE(found);
        EXPECT_FALSE(found->damaged);
        EXPECT_EQ(found->log.end().offset, points_.back().offset);
        // Who was silent longest may come in another order only where a snapshot and the log are joined.
        EXPECT_EQ(text_of(found->sequences.states()), states_.back()) << why;
    }

    DiskWorld world_;
    std::vector<RecoveryPoint> points_;
    std::vector<std::string> states_;
    std::map<std::string, std::string> files_;
    bool fenced_ = false;
};

TEST_F(ProducersOfALog, are_known_again_from_any_recovery_point) {
    expect_states({}, false, "from the start");
    for (auto& point : points_) {
        restore();
        expect_states(point, false, std::to_string(std::to_underlying(point.offset)));
    }
    restore();
    expect_states(points_.back(), true, "clean");
}

TEST_F(ProducersOfALog, are_the_same_whatever_single_side_file_is_lost_or_damaged) {
    int harmed = 0;
    for (auto& [name, right] : files_) {
        if (name.ends_with(".log")) continue;
        ++harmed;
        for (auto& point : {points_[65], points_[100], points_.back()}) {
            for (int how = 0; how < 5; ++how) {
                restore();
                auto bad = right;
                if (how == 0) bad.clear();
                if (how == 1) bad.resize(bad.size() / 2);
                if (how == 2) bad[bad.size() / 2] = char(bad[bad.size() / 2] ^ 8);
                if (how == 3) std::ranges::fill(bad, '\0');
                if (how == 4) ASSERT_TRUE(world_.data->open_directory(partition_name).value()->remove(name));
                else test::write_all(*test::open_file(*world_.data, name), bad);
                expect_states(point, false, name + ", " + std::to_string(how));
                ASSERT_FALSE(HasFailure());
            }
        }
    }
    EXPECT_GT(harmed, 6);
}

TEST_F(ProducersOfALog, without_any_side_file_are_those_of_a_full_walk) {
    for (auto& [name, text] : files_)
        if (!name.ends_with(".log"))
            ASSERT_TRUE(world_.data->open_directory(partition_name).value()->remove(name));
    expect_states(points_.back(), true, "all");
}

// The log's front is deleted, with it what some of them wrote; the snapshot still knows.
TEST_F(ProducersOfALog, outlive_the_segments_they_wrote_to) {
    for (int segments = 1; segments <= 3; ++segments) {
        restore();
        auto point = points_.back();
        auto directory = world_.data->open_directory(partition_name).value();
        std::vector<std::string> logs;
        for (auto& entry : directory->list().value())
            if (entry.name.ends_with(".log")) logs.push_back(entry.name);
        point.log_start = Offset{std::stoll(logs[std::size_t(segments)].substr(0, 20))};
        expect_states(point, true, std::to_string(segments));
    }
}

// One that is whole, but of another partition or of a log that was cut off since: who is believed on its word
// takes a batch twice, or refuses one that is new.
class StrangeSnapshot : public ProducersOfALog {
protected:
    // Of producers that never wrote here, and of one that did, with other sequences.
    static std::vector<Sequences::State> strangers(Offset at) {
        Sequences sequences;
        sequences.appended({ProducerId{77}, 3, 0, 4, at + -1, Timestamp{5}}, {});
        sequences.appended({ProducerId{1}, 9, 500, 504, at + -1, Timestamp{5}}, {});
        return sequences.states();
    }
    void put(Offset offset, Offset segment, std::uint64_t position) {
        auto directory = world_.data->open_directory(partition_name).value();
        auto name = snapshot_file_name(offset);
        auto gone = directory->remove(name);
        ASSERT_TRUE(gone || gone.error() == Error::missing);
        ASSERT_TRUE(write_snapshot_file(*directory, name, {offset, segment, position, strangers(offset)}));
    }
    bool is_there(Offset offset) {
        auto directory = world_.data->open_directory(partition_name).value();
        return directory->open(snapshot_file_name(offset)).has_value();
    }
};

TEST_F(StrangeSnapshot, where_no_batch_begins_it_is_not_believed) {
    int forged = 0;
    for (auto& point : {points_[40], points_[65], points_.back()}) {
        for (std::size_t n = 3; n < points_.size() && points_[n].offset <= point.offset; n += 4) {
            auto& right = points_[n];
            auto& other = points_[n - 3];
            bool same_segment = other.segment == right.segment;
            std::vector<std::pair<Offset, std::uint64_t>> places{
                {right.segment, right.position - 1},
                {right.segment, right.position + 1},
                {right.segment, right.position + (1 << 20)},
                {right.segment, UINT64_MAX},
                {right.segment, 0},
                {right.segment + 1, right.position},
                {Offset{7'000'000}, 0},
                {Offset{-1}, 0},
                {Offset{INT64_MIN}, right.position},
            };
            if (same_segment) places.push_back({right.segment, other.position});
            for (auto& [segment, position] : places) {
                ++forged;
                for (bool clean : {false, true}) {
                    if (clean && point != points_.back()) continue;
                    restore();
                    put(right.offset, segment, position);
                    expect_states(point, clean,
                                  std::to_string(std::to_underlying(right.offset)) + " at " +
                                      std::to_string(std::to_underlying(segment)) + ", " +
                                      std::to_string(position));
                    ASSERT_FALSE(HasFailure());
                }
            }
        }
    }
    EXPECT_GT(forged, 300);
}
// It goes, for good: the log will come there again, with other batches.
TEST_F(StrangeSnapshot, ahead_of_the_log_it_is_not_believed_and_goes) {
    auto& end = points_.back();
    for (bool checkpoint : {false, true}) {
        for (auto ahead : {1, 2, 500}) {
            restore();
            ASSERT_TRUE(world_.data->open_directory(partition_name).value()->sync());
            auto offset = end.offset + ahead;
            put(offset, end.segment, end.position + std::uint64_t(ahead) * 100);
            ASSERT_TRUE(world_.data->open_directory(partition_name).value()->sync());
            expect_states(checkpoint ? points_[100] : RecoveryPoint{}, false, std::to_string(ahead));
            EXPECT_FALSE(is_there(offset));
            world_.restart(sim::Loss::all_lost);
            EXPECT_FALSE(is_there(offset));
        }
    }
}
// A life that was ahead has left it; its log was lost with the power.
TEST_F(StrangeSnapshot, of_a_log_that_was_lost_it_does_not_outlive_the_next) {
    auto directory = world_.data->open_directory(partition_name).value();
    auto& kept = points_[94];
    restore();
    // The log ends there; the snapshots behind it stay, as if they alone had reached the disk.
    auto file = directory->open(log_file_name(kept.segment)).value();
    ASSERT_TRUE(file->truncate(kept.position) && directory->sync());
    for (auto& entry : directory->list().value()) ASSERT_TRUE(directory->open(entry.name).value()->sync());
    auto found = recover(*world_.data, partition_name, points_[92], {.leader_epoch_max = 5, .clocks = {}});
    ASSERT_TRUE(found);
    EXPECT_EQ(found->log.end().offset, kept.offset);
    EXPECT_EQ(text_of(found->sequences.states()), states_[94]);
    // Others write batches of the same sizes now, so that each begins where one of the lost ones did.
    test::Partition again(std::move(found->log));
    auto sequences = found->sequences;
    std::map<int, std::int32_t> next;
    for (int n = 95; n < 120; ++n) {
        auto producer = wire::BatchProducer{ProducerId{50 + n % 3}, 0, next[n % 3]};
        auto batch = test::produced({1 + n % 3, std::size_t(n % 50), n * 31 % 100, producer});
        next[n % 3] += 1 + n % 3;
        ASSERT_TRUE(again.log.append(batch, 5, test::usual_wall, 400));
        sequences.appended(Sequences::Batch::of(batch.view()), {});
        ASSERT_EQ(again.log.end(), (LogPoint{points_[std::size_t(n)].offset, again.log.end().position}));
        ASSERT_EQ(again.point().position, points_[std::size_t(n)].position);
    }
    auto point = again.point();
    again.sync();
    again = test::Partition(PartitionLog());
    world_.restart(sim::Loss::all_lost);
    found = recover(*world_.data, partition_name, point, {.leader_epoch_max = 5, .clocks = {}});
    ASSERT_TRUE(found);
    EXPECT_EQ(text_of(found->sequences.states()), text_of(sequences.states()));
}

}  // namespace
}  // namespace fulmar
