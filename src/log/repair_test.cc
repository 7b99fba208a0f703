#include "log/repair.h"

#include <fmt/format.h>

#include <functional>
#include <random>

#include "log/producer_snapshot.h"
#include "log/repair_plan.h"
#include "tests/log/log_world.h"

namespace fulmar {
namespace {

using test::DiskWorld, test::partition_name;

const PartitionId orders{uuid_from(7, 7), 3};
const DirectoryMeta ours{uuid_from(1, 1), uuid_from(2, 2), BrokerId{1}};
constexpr Clocks clocks{.now = Instant{5}, .wall = Timestamp{9000}};

std::expected<DataDirectory, std::string> look(DiskWorld& world, bool finish = true) {
    world.disk.locks.clear();
    return DataDirectory::open_to_look(world.data, "/data", "process 1", finish);
}

// A log of three segments of ten batches of two records each, as a stop has left it.
class RepairTest : public testing::Test {
protected:
    RepairTest() { write(world_); }

    void write(DiskWorld& world, bool clean = true) {
        auto founded = DataDirectory::open(world.data, "/data", ours, "process 1");
        ASSERT_TRUE(founded);
        test::Partition made(*world.data);
        made.index_interval_bytes = 300;
        ends_.clear();
        for (int n = 0; n < 30; ++n) {
            if (n == 10 || n == 20) {
                snapshot(made, n);
                made.roll();
            }
            ends_.push_back(made.append(
                {.records = 2, .bytes = 50, .stamp = 1000 + n, .producer = {ProducerId{4}, 0, 2 * n}}));
            if (n == 24) snapshot(made, 25);
        }
        ASSERT_TRUE(made.log.write_index());
        made.sync();
        ASSERT_TRUE(made.log.segments().back().index.file()->sync());
        point_ = made.point();
        DataDirectory::Points points{{orders, point_}};
        ASSERT_TRUE(clean ? founded->close_clean(points, Timestamp{8000})
                          : founded->write_checkpoint(points, Timestamp{8000}));
        ASSERT_TRUE(made.log.directory()->sync() && world.data->sync());
    }
    // Of what the first `batches` have written.
    static void snapshot(test::Partition& made, int batches) {
        ProducerSnapshot taken;
        taken.offset = made.log.end().offset;
        auto place = made.log.place_of(made.log.end());
        bool rolls = batches % 10 == 0;
        taken.segment = rolls ? taken.offset : place.segment;
        taken.position = rolls ? 0 : place.position;
        taken.producers = {{.id = ProducerId{4}, .epoch = 0, .expected = 2 * batches, .batches = {}}};
        ASSERT_TRUE(write_snapshot(*made.log.directory(), taken, true));
    }

    std::string text(DiskWorld& world, const std::string& name) {
        return test::read_all(*test::open_file(*world.data, name));
    }
    void put(DiskWorld& world, const std::string& name, std::string_view bytes) {
        auto file = test::open_file(*world.data, name);
        test::write_all(*file, bytes);
        ASSERT_TRUE(file->sync());
    }
    // Turns a byte of the n-th batch over, `at` from its start.
    void spoil(DiskWorld& world, int n, std::size_t at) {
        auto base = Offset{n / 10 * 20};
        auto bytes = text(world, log_file_name(base));
        bytes[batch_bytes() * std::size_t(n % 10) + at] ^= 0x10;
        put(world, log_file_name(base), bytes);
    }
    std::size_t batch_bytes() const { return ends_[0].position; }
    void remove(DiskWorld& world, const std::string& name) {
        auto directory = world.data->open_directory(partition_name).value();
        ASSERT_TRUE(directory->remove(name) && directory->sync());
    }

    static std::int32_t epoch_of(std::string_view batch) {
        return load_big<std::int32_t>(bytes_of(batch).data() + 12);
    }

    static Result<PartitionAudit> audit(const DataDirectory& data) {
        bool there = data.partitions().contains(orders);
        return audit_partition(*data.root(), orders, there ? data.partitions().at(orders) : "",
                               data.recovery_point(orders),
                               {.clean = data.was_clean(), .checkpoint_damaged = data.checkpoint_damaged()});
    }
    std::vector<Damage> damage(DiskWorld& world) {
        auto data = look(world);
        EXPECT_TRUE(data) << (data ? "" : data.error());
        auto found = audit(*data);
        EXPECT_TRUE(found);
        return found->damage;
    }
    // Gives what it says it does.
    std::vector<std::string> mend(DiskWorld& world) {
        auto data = look(world);
        EXPECT_TRUE(data) << (data ? "" : data.error());
        auto found = audit(*data);
        EXPECT_TRUE(found);
        auto decided = repair_of(*found, data->was_clean());
        EXPECT_TRUE(decided);
        if (!decided) return {};
        EXPECT_EQ(test::error_of(repair(*data, {*decided}, clocks)), std::nullopt);
        return decided->says;
    }
    // As a broker does, which serves all but `lost`.
    Recovered served(DiskWorld& world, std::vector<int> lost, bool clean = true) {
        world.disk.locks.clear();
        auto data = DataDirectory::open(world.data, "/data", ours, "process 1");
        EXPECT_TRUE(data) << (data ? "" : data.error());
        EXPECT_EQ(data->was_clean(), clean);
        auto found = recover(*world.data, data->partitions().at(orders), data->recovery_point(orders),
                             {.clean = clean, .clocks = clocks});
        EXPECT_TRUE(found);
        EXPECT_FALSE(found->damaged);
        auto& log = found->log;
        for (Offset at = log.start(); at < log.end().offset;) {
            auto slice = test::read(log, at, log.end(), 1 << 20, true);
            EXPECT_TRUE(slice) << std::to_underlying(at);
            if (!slice) break;
            auto bytes = test::text_of(slice->range);
            for (Bytes left = bytes_of(bytes); left.size() >= wire::batch_header_bytes;) {
                auto batch = wire::BatchView::whole(left);
                if (!batch) break;
                EXPECT_TRUE(batch->crc_matches());
                EXPECT_EQ(batch->base_offset(), at);
                auto n = std::to_underlying(at) / 2;
                bool is_lost = std::ranges::find(lost, n) != lost.end();
                if (at < Offset{60}) EXPECT_EQ(batch->count() == 0, is_lost) << n;
                at = batch->next_offset();
                left = left.subspan(batch->size());
            }
        }
        return std::move(*found);
    }

    DiskWorld world_;
    std::vector<LogPoint> ends_;
    RecoveryPoint point_;
};

TEST_F(RepairTest, a_sound_log_is_said_to_be_so_and_left_alone) {
    auto data = look(world_);
    ASSERT_TRUE(data);
    auto found = audit(*data);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->damage, std::vector<Damage>());
    EXPECT_EQ(found->batches, 30U);
    EXPECT_EQ(found->records, 60U);
    EXPECT_EQ(found->bytes, 30 * batch_bytes());
    EXPECT_EQ(found->holes, 0U);
    EXPECT_EQ(found->end, Offset{60});
    EXPECT_FALSE(repair_of(*found, true));
    EXPECT_TRUE(served(world_, {}).log.end().offset == Offset{60});
}

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

TEST_F(RepairTest, every_bit_of_a_header_is_missed_when_it_is_wrong) {
    for (int n : {0, 9, 10, 15, 29})
        for (std::size_t bit = 0; bit < 8 * wire::batch_header_bytes; ++bit) {
            SCOPED_TRACE(testing::Message() << n << " bit " << bit);
            auto name = log_file_name(Offset{n / 10 * 20});
            auto right = text(world_, name), wrong = right;
            wrong[batch_bytes() * std::size_t(n % 10) + bit / 8] ^= char(1 << bit % 8);
            put(world_, name, wrong);
            auto found = damage(world_);
            // The first may be of an earlier epoch than those behind it.
            if (n == 0 && found.empty() && epoch_of(wrong) < 5) continue;
            ASSERT_EQ(found.size(), 1U);
            EXPECT_EQ(found[0].bytes, batch_bytes());
            EXPECT_EQ(found[0].from, Offset{2 * n});
            EXPECT_EQ(found[0].until, Offset{2 * n + 2});
            put(world_, name, right);
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
                case 0:
                    // An index tells of a segment that is gone; without either it is as if compacted.
                    if (!name.ends_with(".index")) {
                        remove(world, name);
                        continue;
                    }
                    bytes.clear();
                    break;
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
                auto number = std::size_t(std::to_underlying(at)) / 2;
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

TEST_F(RepairTest, an_index_that_lies_is_found) {
    // Right by its own checksum, and of another segment: it says that what is here is older than it is.
    auto right = text(world_, index_file_name(Offset{20}));
    put(world_, index_file_name(Offset{20}), text(world_, index_file_name(Offset{0})));
    EXPECT_EQ(damage(world_).size(), 1U);
    put(world_, index_file_name(Offset{20}), right);
    EXPECT_EQ(damage(world_).size(), 0U);
    // Its offsets stand at other places.
    test::Partition other(*world_.data->create_directory("other").value());
    other.index_interval_bytes = 1;
    for (int n = 0; n < 9; ++n) other.append({.bytes = 33});
    ASSERT_TRUE(other.log.write_index());
    put(world_, index_file_name(Offset{20}), test::read_all(*other.log.segments()[0].index.file()));
    EXPECT_EQ(damage(world_).size(), 1U);
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

TEST_F(RepairTest, offsets_that_are_left_out_are_sound) {
    auto whole = text(world_, log_file_name(Offset{0}));
    auto size = batch_bytes();
    put(world_, log_file_name(Offset{0}), whole.substr(0, size) + whole.substr(3 * size));
    remove(world_, index_file_name(Offset{0}));
    auto data = look(world_);
    ASSERT_TRUE(data);
    auto found = audit(*data).value();
    EXPECT_TRUE(found.damage.empty());
    EXPECT_EQ(found.holes, 1U);
    EXPECT_EQ(found.offsets_left_out, 4U);
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

TEST(OpenToLook, changes_nothing_and_refuses_what_is_in_use_or_not_ours) {
    DiskWorld world;
    auto looked = DataDirectory::open_to_look(world.data, "/d", "process 1", false);
    ASSERT_FALSE(looked);
    EXPECT_EQ(looked.error(),
              "/d is no data directory of Fulmar's (it has no meta file); name one with --data");
    EXPECT_EQ(test::names(*world.data), "");
    auto used = DataDirectory::open(world.data, "/d", ours, "process 42");
    ASSERT_TRUE(used);
    looked = DataDirectory::open_to_look(world.data, "/d", "process 1", false);
    ASSERT_FALSE(looked);
    EXPECT_EQ(
        looked.error(),
        "the data directory /d is in use by another Fulmar (process 42); stop that one, or name another "
        "directory with --data");
    ASSERT_TRUE(used->close_clean({}, Timestamp{5}));
    used = std::unexpected("");
    world.disk.locks.clear();
    ASSERT_TRUE(world.data->create("stray") && world.data->create("checkpoint.tmp"));
    auto before = test::names(*world.data);
    looked = DataDirectory::open_to_look(world.data, "/d", "process 1", false);
    ASSERT_TRUE(looked);
    EXPECT_TRUE(looked->was_clean());
    EXPECT_EQ(looked->strays(), std::vector<std::string>{"stray"});
    EXPECT_EQ(test::names(*world.data), before);
}

}  // namespace
}  // namespace fulmar
