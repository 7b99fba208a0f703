#include "log/repair.h"

#include <fmt/format.h>

#include <functional>
#include <random>

#include "log/epochs_file.h"
#include "log/repair_plan.h"
#include "tests/log/stopped_partition.h"

namespace fulmar {
namespace {

using test::DiskWorld, test::partition_name, test::look, test::orders, test::ours, test::clocks;

class RepairTest : public test::StoppedPartition {};

TEST_F(RepairTest, a_damaged_batch_becomes_a_hole_and_all_others_are_served) {
    for (int n : {0, 4, 9, 10, 15, 20, 22, 24, 27, 29})
        for (std::size_t at : {0, 9, 16, 20, 70}) {
            SCOPED_TRACE(testing::Message() << n << " at " << at);
            DiskWorld world;
            write(world);
            spoil(world, n, at);
            auto spoilt = text(world, log_file_name(Offset{n / 10 * 20}))
                              .substr(batch_bytes() * std::size_t(n % 10), batch_bytes());
            auto found = damage(world);
            ASSERT_EQ(found.size(), 1U);
            EXPECT_EQ(found[0].file, log_file_name(Offset{n / 10 * 20}));
            EXPECT_EQ(found[0].from, Offset{2 * n});
            EXPECT_EQ(found[0].until, Offset{2 * n + 2});
            mend(world);
            EXPECT_EQ(damage(world), std::vector<Damage>());
            bool placed = at == 0;  // No checksum covers the offset, and nothing but that is wrong.
            auto log = served(world, placed ? std::vector<int>() : std::vector{n});
            EXPECT_EQ(log.log.end().offset, Offset{60});
            // Its producer's next is the one that follows what is left.
            EXPECT_EQ(log.sequences.states().at(0).expected, n == 29 && !placed ? 58 : 60);
            auto kept = world.data->open_directory("quarantine");
            EXPECT_EQ(kept.has_value(), !placed);
            if (placed) continue;
            auto name = fmt::format("{}.{}.damaged.0", partition_name, 2 * n);
            EXPECT_EQ(test::names(**kept), name + " ");
            EXPECT_EQ(test::read_all(*(*kept)->open(name).value()), spoilt);
        }
}

// Of a log of two epochs: what it says is made anew from the batches.
TEST_F(RepairTest, a_damaged_epochs_file_is_made_anew) {
    const std::vector<EpochStart> right{{5, Offset{0}}, {6, Offset{8}}};
    for (int how = 0; how < 3; ++how) {
        SCOPED_TRACE(how);
        DiskWorld world;
        {
            auto founded = DataDirectory::open(world.data, "/data", ours, "process 1");
            ASSERT_TRUE(founded);
            test::Partition made(*world.data);
            for (int n = 0; n < 8; ++n) {
                if (n == 4) ASSERT_TRUE(write_epochs(*made.log.directory(), right));
                auto batch = test::produced({.records = 2});
                ASSERT_TRUE(made.log.append(batch, n < 4 ? 5 : 6, test::usual_wall));
            }
            made.sync();
            ASSERT_TRUE(founded->close_clean({{orders, made.point()}}, Timestamp{8000}));
        }
        EXPECT_EQ(damage(world), std::vector<Damage>());
        auto directory = world.data->open_directory(partition_name).value();
        auto file = text(world, "epochs");
        if (how == 0) file[file.size() / 2] ^= 4;
        if (how == 1) file.clear();
        if (how == 2) file.resize(file.size() - 1);
        put(world, "epochs", file);
        auto found = damage(world);
        ASSERT_EQ(found.size(), 1U);
        EXPECT_EQ(found[0].file, "epochs");
        mend(world);
        EXPECT_EQ(damage(world), std::vector<Damage>());
        auto epochs = read_epochs(*directory);
        ASSERT_TRUE(epochs);
        EXPECT_TRUE(*epochs == right);
    }
}

// Whatever a disk does to a stopped broker's partition: what can be read is served as it was, and appends go
// on behind every offset that was given.
TEST_F(RepairTest, after_any_damage_the_rest_is_served_as_it_was) {
    for (std::uint64_t seed = 0; seed < 1000; ++seed) {
        SCOPED_TRACE(seed);
        DiskWorld world{seed};
        bool clean = seed % 3 != 0;
        write(world, clean);
        std::mt19937_64 random(seed);
        auto below = [&](std::size_t n) { return std::size_t(random() % n); };
        auto directory = world.data->open_directory(partition_name).value();
        std::string was;
        for (int base : {0, 20, 40}) was += text(world, log_file_name(Offset{base}));
        auto times = 1 + below(4);
        for (std::uint64_t n = 0; n < times; ++n) {
            auto entries = directory->list().value();
            auto& name = entries[below(entries.size())].name;
            auto bytes = text(world, name);
            auto at = bytes.empty() ? 0 : below(bytes.size());
            switch (below(5)) {
                case 0: remove(world, name); continue;
                case 1: bytes.resize(at); break;
                case 2:
                    for (auto i = at; i < std::min<std::size_t>(bytes.size(), at + 512); ++i) bytes[i] = 0;
                    break;
                case 3: bytes.insert(at, bytes.substr(at / 2, 100)); break;
                default:
                    if (!bytes.empty()) bytes[at] ^= char(1 + below(255));
            }
            put(world, name, bytes);
            if (directory->list().value().empty()) break;
        }
        auto data = look(world);
        ASSERT_TRUE(data);
        auto found = audit(*data);
        ASSERT_TRUE(found);
        auto decided = repair_of(*found, clean);
        if (decided) EXPECT_EQ(test::error_of(repair(*data, {*decided}, clocks)), std::nullopt);
        data = std::unexpected("");
        EXPECT_EQ(damage(world), std::vector<Damage>());
        world.disk.locks.clear();
        auto opened = DataDirectory::open(world.data, "/data", ours, "process 1");
        ASSERT_TRUE(opened);
        auto log = recover(*world.data, partition_name, opened->recovery_point(orders),
                           {.clean = clean, .clocks = clocks});
        ASSERT_TRUE(log);
        EXPECT_FALSE(log->damaged);
        EXPECT_GE(log->log.end().offset, Offset{60});
        for (Offset at = log->log.start(); at < log->log.end().offset;) {
            auto slice = test::read(log->log, at, log->log.end(), 1, true);
            ASSERT_TRUE(slice) << std::to_underlying(at);
            auto bytes = test::text_of(slice->range);
            auto batch = wire::BatchView::whole(bytes_of(bytes));
            ASSERT_TRUE(batch && batch->crc_matches());
            // A batch stands where it stood, byte for byte, but for its epoch, which nothing covers.
            if (batch->count() > 0) {
                auto number = std::size_t(std::to_underlying(batch->base_offset())) / 2;
                auto stood = was.substr(number * batch_bytes(), bytes.size());
                EXPECT_EQ(bytes.substr(0, 12) + bytes.substr(16), stood.substr(0, 12) + stood.substr(16));
            }
            at = batch->next_offset();
        }
        if (testing::Test::HasFatalFailure() || testing::Test::HasNonfatalFailure()) return;
    }
}

TEST_F(RepairTest, dying_at_any_moment_leaves_the_old_or_the_new_state) {
    std::vector<std::pair<std::vector<int>, std::function<void(DiskWorld&)>>> harms{
        {{4, 22},
         [&](DiskWorld& world) {
             spoil(world, 4, 70);
             spoil(world, 22, 70);
         }},
        {{28, 29},
         [&](DiskWorld& world) {
             auto name = log_file_name(Offset{40});
             put(world, name, text(world, name).substr(0, 8 * batch_bytes() + 9));
         }},
        {{10, 11, 12, 13, 14, 15, 16, 17, 18, 19},
         [&](DiskWorld& world) { remove(world, log_file_name(Offset{20})); }},
    };
    for (auto& [lost, harm] : harms)
        for (bool clean : {true, false})
            for (auto loss : test::every_loss) {
                bool through = false;
                for (int at = 1; !through; ++at) {
                    ASSERT_LT(at, 1000);
                    SCOPED_TRACE(testing::Message() << lost[0] << (clean ? " clean" : "") << ", dies at "
                                                    << at << ", loss " << (loss ? int(*loss) : -1));
                    DiskWorld world{std::uint64_t(at)};
                    write(world, clean);
                    harm(world);
                    auto data = look(world);
                    ASSERT_TRUE(data);
                    auto before = audit(*data).value();
                    auto decided = repair_of(before, clean);
                    ASSERT_TRUE(decided);
                    world.power.dies_at = at;
                    (void)repair(*data, {*decided}, clocks);
                    through = !world.died();
                    world.restart(loss);
                    auto after = look(world);
                    ASSERT_TRUE(after) << after.error();
                    EXPECT_EQ(after->was_clean(), clean);
                    auto found = audit(*after).value();
                    EXPECT_TRUE(found.damage.empty() || (!through && found.damage == before.damage));
                    if (found.damage.empty()) {
                        after = std::unexpected("");
                        EXPECT_EQ(served(world, lost, clean).log.end().offset, decided->end);
                    }
                    if (testing::Test::HasFatalFailure() || testing::Test::HasNonfatalFailure()) return;
                }
            }
}

TEST_F(RepairTest, a_log_whose_end_is_lost_goes_on_behind_all_that_was_given) {
    for (bool clean : {true, false})
        for (std::size_t left :
             {std::size_t(0), std::size_t(30), 3 * batch_bytes(), 3 * batch_bytes() + 70}) {
            SCOPED_TRACE(testing::Message() << clean << " " << left);
            DiskWorld world;
            write(world, clean);
            put(world, log_file_name(Offset{40}), text(world, log_file_name(Offset{40})).substr(0, left));
            ASSERT_FALSE(damage(world).empty());
            mend(world);
            EXPECT_EQ(damage(world), std::vector<Damage>());
            std::vector<int> lost;
            for (int n = 20 + int(left / batch_bytes()); n < 30; ++n) lost.push_back(n);
            auto log = served(world, lost, clean);
            EXPECT_EQ(log.log.end().offset, Offset{60} + (clean ? 0 : unknown_offsets));
            // The snapshot behind what is left tells what was written there.
            EXPECT_EQ(log.sequences.states().at(0).expected, 50);
            auto batch = test::produced({});
            EXPECT_TRUE(log.log.append(batch, 6, test::usual_wall));
        }
}

TEST_F(RepairTest, a_missing_segment_becomes_a_hole) {
    for (int which : {0, 1, 2}) {
        SCOPED_TRACE(which);
        DiskWorld world;
        write(world);
        remove(world, log_file_name(Offset{20 * which}));
        ASSERT_FALSE(damage(world).empty());
        mend(world);
        EXPECT_EQ(damage(world), std::vector<Damage>());
        std::vector<int> lost;
        for (int n = 10 * which; n < 10 * which + 10; ++n) lost.push_back(n);
        auto log = served(world, lost);
        EXPECT_EQ(log.log.start(), Offset{0});
        EXPECT_EQ(log.log.end().offset, Offset{60});
        if (which < 2) EXPECT_EQ(log.sequences.states().at(0).expected, 60);
    }
}

TEST_F(RepairTest, a_partition_without_its_directory_goes_on_behind_what_was_durable) {
    auto directory = world_.data->open_directory(partition_name).value();
    for (auto& entry : directory->list().value()) ASSERT_TRUE(directory->remove(entry.name));
    ASSERT_TRUE(world_.data->remove(partition_name) && world_.data->sync());
    auto found = damage(world_);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].until, Offset{60});
    mend(world_);
    EXPECT_EQ(damage(world_), std::vector<Damage>());
    auto log = served(world_, [] {
        std::vector<int> all(30);
        for (int n = 0; n < 30; ++n) all[std::size_t(n)] = n;
        return all;
    }());
    EXPECT_EQ(log.log.end().offset, Offset{60});
}

TEST_F(RepairTest, what_stands_beside_the_log_is_made_anew) {
    auto segment = text(world_, log_file_name(Offset{20}));
    auto index = text(world_, index_file_name(Offset{20}));
    index[Index::entry_bytes + 2] ^= 1;
    put(world_, index_file_name(Offset{20}), index);
    put(world_, snapshot_file_name(Offset{50}), "no snapshot");
    auto found = damage(world_);
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].file, index_file_name(Offset{20}));
    EXPECT_EQ(found[1].file, snapshot_file_name(Offset{50}));
    mend(world_);
    EXPECT_EQ(damage(world_), std::vector<Damage>());
    EXPECT_EQ(text(world_, log_file_name(Offset{20})), segment);
    EXPECT_EQ(served(world_, {}).sequences.states().at(0).expected, 60);
    auto kept = world_.data->open_directory("quarantine").value();
    EXPECT_EQ(test::names(*kept), fmt::format("{0}.{1}.0 {0}.{2}.0 ", partition_name,
                                              index_file_name(Offset{20}), snapshot_file_name(Offset{50})));
}

TEST_F(RepairTest, with_a_damaged_checkpoint_no_right_batch_is_given_up) {
    for (bool clean : {true, false}) {
        DiskWorld world;
        write(world, clean);
        spoil(world, 4, 70);
        test::write_all(*world.data->open("checkpoint").value(), "nothing");
        auto data = look(world);
        ASSERT_TRUE(data && data->checkpoint_damaged());
        data = std::unexpected("");
        mend(world);
        auto log = served(world, {4}, false);
        EXPECT_EQ(log.log.end().offset, Offset{60});
    }
}

TEST_F(RepairTest, what_a_crash_has_left_torn_is_no_damage) {
    DiskWorld world;
    write(world, false);
    auto whole = text(world, log_file_name(Offset{40}));
    put(world, log_file_name(Offset{40}), whole + whole.substr(0, 50));
    auto data = look(world);
    ASSERT_TRUE(data);
    auto found = audit(*data).value();
    EXPECT_TRUE(found.damage.empty());
    EXPECT_EQ(found.torn_bytes, 50U);
    data = std::unexpected("");
    spoil(world, 21, 70);  // And stays what it is when something else is mended.
    mend(world);
    EXPECT_EQ(served(world, {21}, false).log.end().offset, Offset{60});
}

TEST_F(RepairTest, what_stands_behind_a_clean_end_is_cut_off_and_kept) {
    auto whole = text(world_, log_file_name(Offset{40}));
    put(world_, log_file_name(Offset{40}), whole + "what nobody wrote");
    EXPECT_EQ(damage(world_).size(), 1U);
    mend(world_);
    EXPECT_EQ(served(world_, {}).log.end().offset, Offset{60});
    EXPECT_EQ(text(world_, log_file_name(Offset{40})), whole);
    auto kept = world_.data->open_directory("quarantine").value();
    EXPECT_EQ(test::read_all(*kept->open(partition_name + ".60.damaged.0").value()), "what nobody wrote");
}

TEST_F(RepairTest, an_interrupted_repair_is_told_and_finished_by_whoever_comes_next) {
    ASSERT_TRUE(commit_repair(*world_.data, {.steps = {}, .clean = true, .checkpoint = "time=1\n"}));
    auto data = look(world_, false);
    ASSERT_FALSE(data);
    EXPECT_NE(data.error().find("a repair was interrupted"), std::string::npos);
    data = look(world_, true);
    ASSERT_TRUE(data);
    EXPECT_EQ(data->last_seen(), Timestamp{1});
    EXPECT_TRUE(data->was_clean());
    EXPECT_EQ(test::error_of(world_.data->open(repair_plan_name)), Error::missing);
}

}  // namespace
}  // namespace fulmar
