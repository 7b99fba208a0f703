// Files whose bytes are right and not what belongs there: two segments exchanged, what an older copy of a
// file gives back, what a disk has kept that only said that it did. No checksum of a batch sees that; offsets
// do.
#include "tests/log/stopped_partition.h"

namespace fulmar {
namespace {

using test::DiskWorld, test::partition_name, test::look, test::orders, test::ours, test::clocks;

class DisplacedFiles : public test::StoppedPartition {
protected:
    // Of what stands at an offset: error `damaged`, or just what was written there.
    void expect_never_wrong(PartitionLog& log, const std::string& was, std::vector<int>& lost) {
        for (int n = 0; n < 30; ++n) {
            Offset at{2 * n};
            if (at >= log.end().offset) {
                lost.push_back(n);
                continue;
            }
            auto slice = test::read(log, at, log.end(), 1, true);
            if (!slice) {
                EXPECT_EQ(slice.error(), Error::damaged);
                lost.push_back(n);
                continue;
            }
            EXPECT_EQ(slice->base, at);
            EXPECT_EQ(test::text_of(slice->range), was.substr(std::size_t(n) * batch_bytes(), batch_bytes()));
        }
    }
    std::string all_text(DiskWorld& world) {
        std::string all;
        for (int base : {0, 20, 40}) all += text(world, log_file_name(Offset{base}));
        return all;
    }
    void exchange(DiskWorld& world, const std::string& a, const std::string& b) {
        auto of_a = text(world, a), of_b = text(world, b);
        put(world, a, of_b);
        put(world, b, of_a);
    }
    static std::vector<int> batches_of(std::vector<int> segments) {
        std::vector<int> batches;
        for (auto segment : segments)
            for (int n = 0; n < 10; ++n) batches.push_back(10 * segment + n);
        return batches;
    }
    Result<Recovered> next_life(DiskWorld& world, bool clean) {
        world.disk.locks.clear();
        auto data = DataDirectory::open(world.data, "/data", ours, "process 1");
        EXPECT_TRUE(data) << (data ? "" : data.error().why);
        return recover(*world.data, partition_name, data->recovery_point(orders),
                       {.clean = data->was_clean() && clean, .clocks = clocks});
    }
};

struct Pair {
    int a, b;
};
constexpr Pair pairs[] = {{0, 1}, {0, 2}, {1, 2}};

TEST_F(DisplacedFiles, two_segments_that_were_exchanged_are_damage_and_the_rest_is_served) {
    for (auto [a, b] : pairs)
        for (bool clean : {false, true})
            for (bool with_indexes : {false, true}) {
                SCOPED_TRACE(testing::Message()
                             << a << " and " << b << ", clean " << clean << ", indexes " << with_indexes);
                DiskWorld world;
                write(world, clean);
                auto was = all_text(world);
                exchange(world, log_file_name(Offset{20 * a}), log_file_name(Offset{20 * b}));
                if (with_indexes)
                    exchange(world, index_file_name(Offset{20 * a}), index_file_name(Offset{20 * b}));
                auto found = next_life(world, clean);
                ASSERT_TRUE(found);
                std::vector<int> lost;
                expect_never_wrong(found->log, was, lost);
                EXPECT_EQ(lost, batches_of({a, b}));
                if (found->damaged) continue;
                // What is appended goes behind all that was acknowledged.
                EXPECT_EQ(found->log.end().offset, Offset{60});
            }
}
// Under a log that is open, as a disk does that reads the wrong sectors.
TEST_F(DisplacedFiles, segments_exchanged_under_a_log_that_is_open_are_never_taken_for_each_other) {
    for (auto [a, b] : pairs) {
        SCOPED_TRACE(testing::Message() << a << " and " << b);
        DiskWorld world;
        write(world);
        auto was = all_text(world);
        auto found = next_life(world, true);
        ASSERT_TRUE(found);
        std::vector<int> lost;
        expect_never_wrong(found->log, was, lost);  // All of it is read once, and known to be right.
        EXPECT_EQ(lost, std::vector<int>());
        exchange(world, log_file_name(Offset{20 * a}), log_file_name(Offset{20 * b}));
        expect_never_wrong(found->log, was, lost);
        EXPECT_EQ(lost, batches_of({a, b}));
    }
}
TEST_F(DisplacedFiles, verify_names_them_and_repair_gives_up_what_was_in_them_alone) {
    for (auto [a, b] : pairs) {
        SCOPED_TRACE(testing::Message() << a << " and " << b);
        DiskWorld world;
        write(world);
        exchange(world, log_file_name(Offset{20 * a}), log_file_name(Offset{20 * b}));
        auto found = damage(world);
        for (auto segment : {a, b})
            EXPECT_TRUE(std::ranges::any_of(
                found, [&](auto& one) { return one.file == log_file_name(Offset{20 * segment}); }));
        mend(world);
        for (auto& left : damage(world)) ADD_FAILURE() << left.file << ": " << left.what;
        auto log = served(world, batches_of({a, b}));
        EXPECT_EQ(log.log.end().offset, Offset{60});
    }
}

// --- older copies --------------------------------------------------------------------------------

// A stop at 40 batches, one at 60, and of what the first has left some files are put back.
class StaleFiles : public DisplacedFiles {
protected:
    static constexpr int early = 24;
    using Files = std::map<std::string, std::string>;
    Files files(Directory& directory) {
        Files all;
        for (auto& entry : directory.list().value())
            if (!entry.directory) all[entry.name] = test::read_all(*directory.open(entry.name).value());
        return all;
    }
    static void put_back(Directory& directory, const std::string& name, const std::string& bytes) {
        auto file = directory.open(name);
        if (!file) file = directory.create(name);
        test::write_all(**file, bytes);
        ASSERT_TRUE((*file)->sync() && directory.sync());
    }
    // As `write`, with a stop after the first `early` batches.
    void write_in_two_lives(DiskWorld& world, bool clean, Files& root, Files& partition) {
        auto founded = DataDirectory::open(world.data, "/data", ours, "process 1");
        ASSERT_TRUE(founded);
        test::Partition made(*world.data);
        made.index_interval_bytes = 300;
        auto stop = [&](bool last) {
            ASSERT_TRUE(made.log.write_index());
            made.sync();
            DataDirectory::Points points{{orders, made.point()}};
            ASSERT_TRUE(!last || clean ? founded->close_clean(points, Timestamp{8000})
                                       : founded->write_checkpoint(points, Timestamp{8000}));
            ASSERT_TRUE(made.log.directory()->sync() && world.data->sync());
        };
        ends_.clear();
        for (int n = 0; n < 30; ++n) {
            if (n == 10 || n == 20) {
                snapshot(made, n);
                made.roll();
            }
            ends_.push_back(made.append(
                {.records = 2, .bytes = 50, .stamp = 1000 + n, .producer = {ProducerId{4}, 0, 2 * n}}));
            if (n == 26) snapshot(made, 27);
            if (n + 1 != early) continue;
            snapshot(made, early);
            stop(false);
            root = files(*world.data);
            partition = files(*made.log.directory());
            // As the next start does.
            founded = std::unexpected(DataDirectory::Unusable{});
            world.disk.locks.clear();
            founded = DataDirectory::open(world.data, "/data", ours, "process 1");
            ASSERT_TRUE(founded);
        }
        stop(true);
    }
};

TEST_F(StaleFiles, an_older_copy_of_one_loses_what_is_told_or_nothing) {
    int looked = 0;
    for (bool clean : {false, true}) {
        DiskWorld names;
        Files root, partition;
        write_in_two_lives(names, clean, root, partition);
        for (auto* all : {&root, &partition})
            for (auto& [name, old] : *all) {
                if (name == "LOCK") continue;
                SCOPED_TRACE(testing::Message() << name << ", clean " << clean);
                DiskWorld world;
                Files unused, unused_too;
                write_in_two_lives(world, clean, unused, unused_too);
                auto was = all_text(world);
                auto directory = world.data->open_directory(partition_name).value();
                put_back(all == &root ? *world.data : *directory, name, old);
                ++looked;
                auto found = next_life(world, clean);
                ASSERT_TRUE(found);
                std::vector<int> lost;
                expect_never_wrong(found->log, was, lost);
                bool cut = name == log_file_name(Offset{40});
                EXPECT_EQ(found->damaged, cut);
                EXPECT_EQ(lost, cut ? (std::vector{24, 25, 26, 27, 28, 29}) : std::vector<int>());
                if (cut) continue;
                EXPECT_EQ(found->log.end().offset, Offset{60});
                EXPECT_EQ(found->sequences.states().at(0).expected, 60);
                EXPECT_EQ(found->log.epochs().size(), 1U);
            }
    }
    EXPECT_GT(looked, 14);
}
// As somebody copies it into the file that is there.
TEST_F(StaleFiles, an_older_copy_under_a_log_that_is_open_costs_what_is_missing_in_it) {
    DiskWorld names;
    Files root, partition;
    write_in_two_lives(names, true, root, partition);
    for (auto& [name, old] : partition) {
        SCOPED_TRACE(name);
        DiskWorld world;
        Files unused, unused_too;
        write_in_two_lives(world, true, unused, unused_too);
        auto was = all_text(world);
        auto found = next_life(world, true);
        ASSERT_TRUE(found);
        std::vector<int> lost;
        expect_never_wrong(found->log, was, lost);
        EXPECT_EQ(lost, std::vector<int>());
        put_back(*world.data->open_directory(partition_name).value(), name, old);
        expect_never_wrong(found->log, was, lost);
        bool cut = name == log_file_name(Offset{40});
        EXPECT_EQ(lost, cut ? (std::vector{24, 25, 26, 27, 28, 29}) : std::vector<int>());
    }
}
TEST_F(StaleFiles, verify_misses_the_end_of_an_older_copy_and_repair_goes_on_behind_it) {
    for (bool clean : {false, true}) {
        DiskWorld names;
        Files root, partition;
        write_in_two_lives(names, clean, root, partition);
        for (auto* all : {&root, &partition})
            for (auto& [name, old] : *all) {
                if (name == "LOCK") continue;
                SCOPED_TRACE(testing::Message() << name << ", clean " << clean);
                DiskWorld world;
                Files unused, unused_too;
                write_in_two_lives(world, clean, unused, unused_too);
                put_back(all == &root ? *world.data : *world.data->open_directory(partition_name).value(),
                         name, old);
                auto told = damage(world);
                bool cut = name == log_file_name(Offset{40});
                EXPECT_EQ(std::ranges::any_of(told, [&](auto& one) { return one.file == name; }), cut);
                if (!cut) continue;
                mend(world);
                EXPECT_EQ(damage(world).size(), 0U);
                auto left = served(world, {24, 25, 26, 27, 28, 29}, clean);
                EXPECT_GE(left.log.end().offset, Offset{60});
            }
    }
}
// That pair says that the log ended earlier, orderly. What is right behind it counts all the same.
TEST_F(StaleFiles, an_older_checkpoint_with_its_marker_cuts_nothing_off) {
    DiskWorld world;
    Files root, partition;
    write_in_two_lives(world, true, root, partition);
    auto was = all_text(world);
    for (auto* name : {"checkpoint", "CLEAN"}) put_back(*world.data, name, root.at(name));
    auto found = next_life(world, true);
    ASSERT_TRUE(found);
    std::vector<int> lost;
    expect_never_wrong(found->log, was, lost);
    EXPECT_EQ(lost, std::vector<int>());
    EXPECT_FALSE(found->damaged);
    EXPECT_EQ(found->log.end().offset, Offset{60});
    EXPECT_EQ(found->sequences.states().at(0).expected, 60);
}

// --- a disk whose syncs do nothing ----------------------------------------------------------------

class LyingDisk : public DisplacedFiles {
protected:
    static constexpr int honest = 14;
    // From batch `honest` on syncs lie: those of the log alone, or of the checkpoint too.
    std::string write_and_lose_power(DiskWorld& world, bool checkpoint_lies, std::optional<sim::Loss> loss) {
        auto founded = DataDirectory::open(world.data, "/data", ours, "process 1");
        EXPECT_TRUE(founded);
        test::Partition made(*world.data);
        auto checkpoint = [&] {
            made.sync();
            world.power.syncs_lie = world.power.syncs_lie && checkpoint_lies;
            EXPECT_TRUE(founded->write_checkpoint({{orders, made.point()}}, Timestamp{8000}));
        };
        ends_.clear();
        for (int n = 0; n < 30; ++n) {
            world.power.syncs_lie = n >= honest;
            if (n == 10 || n == 20) made.roll();
            ends_.push_back(made.append(
                {.records = 2, .bytes = 50, .stamp = 1000 + n, .producer = {ProducerId{4}, 0, 2 * n}}));
            if (n + 1 == honest || n == 29) checkpoint();
            if (n + 1 == honest) EXPECT_TRUE(made.log.directory()->sync() && world.data->sync());
        }
        auto was = all_text(world);
        world.restart(loss);
        return was;
    }
};
TEST_F(LyingDisk, what_a_checkpoint_knew_of_and_is_lost_is_told) {
    int told = 0, whole = 0;
    for (auto loss : test::every_loss)
        for (std::uint64_t seed = 0; seed < 20; ++seed) {
            SCOPED_TRACE(testing::Message() << "loss " << (loss ? int(*loss) : -1) << ", seed " << seed);
            DiskWorld world(seed);
            auto was = write_and_lose_power(world, false, loss);
            auto found = next_life(world, false);
            ASSERT_TRUE(found);
            std::vector<int> lost;
            expect_never_wrong(found->log, was, lost);
            // Nothing is appended in place of what was acknowledged; what is lost in the middle is an error.
            bool end_lost = found->log.end().offset < Offset{60};
            EXPECT_EQ(found->damaged, end_lost);
            for (auto n : lost) EXPECT_GE(n, honest);
            told += !lost.empty();
            whole += lost.empty();
        }
    EXPECT_GT(told, 40);
    EXPECT_GT(whole, 20);  // The page cache outlives a process, whatever the disk says.
}
// Then the old checkpoint stands, and what is lost behind it looks like a torn tail. Nobody can tell.
TEST_F(LyingDisk, what_no_checkpoint_knew_of_is_lost_and_nothing_else_is_served_for_it) {
    int silent = 0;
    for (auto loss : test::every_loss)
        for (std::uint64_t seed = 0; seed < 20; ++seed) {
            SCOPED_TRACE(testing::Message() << "loss " << (loss ? int(*loss) : -1) << ", seed " << seed);
            DiskWorld world(seed);
            auto was = write_and_lose_power(world, true, loss);
            auto found = next_life(world, false);
            ASSERT_TRUE(found);
            std::vector<int> lost;
            expect_never_wrong(found->log, was, lost);
            for (auto n : lost) EXPECT_GE(n, honest);
            silent += !lost.empty() && !found->damaged;
        }
    EXPECT_GT(silent, 20);
}

}  // namespace
}  // namespace fulmar
