// Verify and repair of logs that were compacted.
#include <random>

#include "log/verify.h"
#include "tests/log/keyed_log.h"
#include "tests/log/stopped_partition.h"

namespace fulmar {
namespace {

using test::DiskWorld, test::Keyed, test::Records, test::all_of, test::clocks, test::look, test::orders,
    test::ours, test::partition_name;

// Compacted segments [0, 27) in two, plain ones from there on: [27, 36), [36, 45) and the last, up to 48.
class CompactedTest : public test::StoppedPartition {
protected:
    void write_compacted(DiskWorld& world, bool clean = true) {
        auto founded = DataDirectory::open(world.data, "/data", ours, "process 1");
        ASSERT_TRUE(founded);
        Keyed keyed(*world.data);
        sim::Chance rng(5, 0);
        for (int n = 0; n < 16; ++n) {
            keyed.append(test::some_writes(rng, 8, 3));
            if (n % 3 != 2) continue;
            keyed.roll();
            if (n != 8) continue;
            auto how = keyed.rules();
            how.segment_bytes = 700;
            ASSERT_TRUE(keyed.compact(std::move(how)));
        }
        auto& directory = *keyed.log().directory();
        for (auto& name : keyed.replaced) ASSERT_TRUE(remove_segment(directory, name));
        ASSERT_TRUE(keyed.log().write_index());
        keyed.partition.sync();
        for (auto& segment : keyed.log().segments()) {
            ASSERT_TRUE(segment.file->sync());
            if (segment.index.file()) ASSERT_TRUE(segment.index.file()->sync());
        }
        DataDirectory::Points points{{orders, keyed.partition.point()}};
        ASSERT_TRUE(clean ? founded->close_clean(points, Timestamp{8000})
                          : founded->write_checkpoint(points, Timestamp{8000}));
        ASSERT_TRUE(directory.sync() && world.data->sync());
        written_ = all_of(keyed.log());
        end_ = keyed.log().end().offset;
        names_.clear();
        for (auto& segment : keyed.log().segments()) names_.push_back(segment.name());
        ASSERT_EQ(names_.size(), 5U);
        ASSERT_TRUE(names_[0].compacted() && names_[1].compacted() && !names_[2].compacted());
    }
    // All records but those in [from, until), each batch where the one in front ends, and appends go on
    // behind, also after one more start.
    void expect_all_but(DiskWorld& world, Offset from, Offset until, bool clean = true) {
        for (int start = 0; start < 2; ++start) {
            world.disk.locks.clear();
            auto data = DataDirectory::open(world.data, "/data", ours, "process 1");
            ASSERT_TRUE(data);
            auto found = recover(*world.data, partition_name, data->recovery_point(orders),
                                 {.clean = clean && start == 0, .clocks = clocks});
            ASSERT_TRUE(found);
            ASSERT_FALSE(found->damaged);
            auto expected = written_;
            std::erase_if(expected, [&](auto& e) { return e.first >= from && e.first < until; });
            EXPECT_EQ(all_of(found->log), expected);
            EXPECT_GE(found->log.end().offset, end_);
            EXPECT_FALSE(found->log.segments().back().name().compacted());
            Keyed keyed(std::move(found->log));
            auto at = keyed.log().end().offset;
            keyed.append({{"new", "1"}});
            keyed.partition.sync();
            keyed.roll();
            written_[at] = {"new", "1"};
            end_ = keyed.log().end().offset;
            if (at >= until) continue;
            FAIL() << "an offset was given twice";
        }
    }
    std::size_t batch_end(DiskWorld& world, const SegmentName& name, int batches) {
        auto bytes = text(world, log_file_name(name));
        std::size_t at = 0;
        for (int n = 0; n < batches; ++n) at += wire::BatchView(bytes_of(bytes).subspan(at)).size();
        return at;
    }
    static std::vector<std::string> files(DiskWorld& world) {
        std::vector<std::string> all;
        auto directory = world.data->open_directory(partition_name).value();
        for (auto& entry : directory->list().value()) all.push_back(entry.name);
        return all;
    }

    Records written_;
    Offset end_{};
    std::vector<SegmentName> names_;
};

TEST_F(CompactedTest, is_sound_after_any_stop) {
    for (bool clean : {true, false}) {
        DiskWorld world;
        write_compacted(world, clean);
        auto data = look(world);
        ASSERT_TRUE(data);
        auto found = audit(*data).value();
        EXPECT_EQ(found.damage, std::vector<Damage>());
        EXPECT_EQ(found.records, written_.size());
        EXPECT_EQ(found.offsets_left_out, std::uint64_t(end_ - Offset{0}) - written_.size());
        EXPECT_GT(found.holes, 0U);
        EXPECT_FALSE(repair_of(found, clean));
    }
}

TEST_F(CompactedTest, a_batch_that_is_gone_from_between_others_is_missed_in_every_segment) {
    for (std::size_t n = 0; n < 4; ++n) {
        SCOPED_TRACE(n);
        DiskWorld world;
        write_compacted(world);
        auto& name = names_[n];
        auto bytes = text(world, log_file_name(name));
        auto first = batch_end(world, name, 1);
        ASSERT_LT(first, bytes.size());
        auto lost = wire::BatchView(bytes_of(bytes)).next_offset();
        put(world, log_file_name(name), bytes.substr(first));
        remove(world, index_file_name(name));
        auto found = damage(world);
        ASSERT_EQ(found.size(), 1U);
        EXPECT_EQ(found[0].file, log_file_name(name));
        EXPECT_EQ(found[0].from, name.base);
        EXPECT_EQ(found[0].until, lost);
        EXPECT_EQ(found[0].what, "what was here is missing");
        mend(world);
        EXPECT_EQ(damage(world), std::vector<Damage>());
        expect_all_but(world, name.base, lost);
    }
}

TEST_F(CompactedTest, one_that_ends_in_front_of_what_its_name_says_is_filled_up_to_there) {
    for (bool all : {false, true}) {
        DiskWorld world;
        write_compacted(world);
        auto& name = names_[1];
        auto left = all ? 0 : batch_end(world, name, 1);
        auto bytes = text(world, log_file_name(name));
        auto from = all ? name.base : wire::BatchView(bytes_of(bytes)).next_offset();
        ASSERT_LT(from, name.end);
        put(world, log_file_name(name), bytes.substr(0, left));
        remove(world, index_file_name(name));
        auto found = damage(world);
        ASSERT_EQ(found.size(), 1U);
        EXPECT_EQ(found[0].from, from);
        EXPECT_EQ(found[0].until, name.end);
        mend(world);
        EXPECT_EQ(damage(world), std::vector<Damage>());
        expect_all_but(world, from, name.end);
    }
}

TEST_F(CompactedTest, a_segment_missing_behind_it_becomes_one_of_its_own) {
    for (std::size_t n : {0U, 1U, 2U, 3U})
        for (bool clean : {true, false}) {
            SCOPED_TRACE(testing::Message() << n << (clean ? " clean" : ""));
            DiskWorld world;
            write_compacted(world, clean);
            std::vector<std::string> others;
            for (auto& name : names_)
                if (name != names_[n]) others.push_back(text(world, log_file_name(name)));
            remove(world, log_file_name(names_[n]));  // With its index: nothing else tells of it.
            remove(world, index_file_name(names_[n]));
            auto until = names_[n + 1].base;
            auto found = damage(world);
            ASSERT_EQ(found.size(), 1U);
            EXPECT_EQ(found[0].from, names_[n].base);
            EXPECT_EQ(found[0].until, until);
            mend(world);
            EXPECT_EQ(damage(world), std::vector<Damage>());
            std::vector<std::string> afterwards;
            for (auto& name : names_)
                if (name != names_[n]) afterwards.push_back(text(world, log_file_name(name)));
            EXPECT_EQ(afterwards, others);
            auto there = files(world);
            EXPECT_TRUE(std::ranges::count(there, log_file_name(names_[n].base)));
            expect_all_but(world, names_[n].base, until, clean);
        }
}

TEST_F(CompactedTest, appends_never_go_into_it) {
    for (bool clean : {true, false}) {
        SCOPED_TRACE(clean);
        DiskWorld world;
        write_compacted(world, clean);
        for (std::size_t n : {2U, 3U, 4U}) {
            remove(world, log_file_name(names_[n]));
            if (n != 3) remove(world, index_file_name(names_[n]));
        }
        ASSERT_FALSE(damage(world).empty());
        mend(world);
        EXPECT_EQ(damage(world), std::vector<Damage>());
        expect_all_but(world, names_[2].base, end_, clean);
    }
}

// The log ended just with it, and went on in a segment without a batch.
TEST_F(CompactedTest, an_empty_segment_missing_behind_it_is_made_again) {
    DiskWorld world;
    write_compacted(world);
    for (std::size_t n : {2U, 3U, 4U}) {
        remove(world, log_file_name(names_[n]));
        remove(world, index_file_name(names_[n]));
    }
    for (auto& file : files(world))
        if (file.ends_with(".producers")) remove(world, file);
    end_ = names_[1].end;
    std::erase_if(written_, [&](auto& e) { return e.first >= end_; });
    {
        world.disk.locks.clear();
        auto data = DataDirectory::open(world.data, "/data", ours, "process 1");
        ASSERT_TRUE(data);
        DataDirectory::Points points{{orders, {end_, end_, 0, Offset{0}, Timestamp{1}}}};
        ASSERT_TRUE(data->close_clean(points, Timestamp{8000}));
    }
    // A broker serves what is there, and appends nothing to what has ended for good.
    {
        auto data = look(world);
        auto found = recover(*world.data, partition_name, data->recovery_point(orders), {.clean = true});
        ASSERT_TRUE(found);
        EXPECT_TRUE(found->damaged);
    }
    auto found = damage(world);
    ASSERT_FALSE(found.empty());
    EXPECT_EQ(found.back().what, "the segment that it goes on in is missing");
    mend(world);
    EXPECT_EQ(damage(world), std::vector<Damage>());
    expect_all_but(world, end_, end_);
}

TEST_F(CompactedTest, how_far_it_is_compacted_may_be_lost_but_not_beyond_the_end) {
    DiskWorld world;
    write_compacted(world);
    put(world, compacted_file_name, "nonsense");
    EXPECT_EQ(damage(world), std::vector<Damage>());
    remove(world, compacted_file_name);
    EXPECT_EQ(damage(world), std::vector<Damage>());
    auto directory = world.data->open_directory(partition_name).value();
    ASSERT_TRUE(write_compaction_state(*directory, {end_, {}}));
    EXPECT_EQ(damage(world), std::vector<Damage>());
    ASSERT_TRUE(write_compaction_state(*directory, {end_ + 1, {}}));
    auto found = damage(world);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].file, compacted_file_name);
    mend(world);
    EXPECT_EQ(damage(world), std::vector<Damage>());
    EXPECT_EQ(read_compaction_state(*directory).value(), CompactionState{});
    expect_all_but(world, end_, end_);
}

TEST_F(CompactedTest, after_any_damage_the_rest_is_served_as_it_was) {
    for (std::uint64_t seed = 0; seed < 600; ++seed) {
        SCOPED_TRACE(seed);
        DiskWorld world{seed};
        bool clean = seed % 3 != 0;
        write_compacted(world, clean);
        std::mt19937_64 random(seed);
        auto below = [&](std::size_t n) { return std::size_t(random() % n); };
        auto times = 1 + below(3);
        for (std::size_t n = 0; n < times; ++n) {
            auto there = files(world);
            auto& name = there[below(there.size())];
            auto bytes = text(world, name);
            auto at = bytes.empty() ? 0 : below(bytes.size());
            auto how = below(4);
            if (how == 0) {
                remove(world, name);
                continue;
            }
            if (how == 1) bytes.resize(at);
            if (how == 2)
                for (auto i = at; i < std::min<std::size_t>(bytes.size(), at + 100); ++i) bytes[i] = 0;
            if (how == 3 && !bytes.empty()) bytes[at] ^= char(1 + below(255));
            put(world, name, bytes);
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
        EXPECT_GE(log->log.end().offset, end_);
        for (auto& [offset, write] : all_of(log->log))
            if (offset < end_) EXPECT_EQ(written_.at(offset), write);
        if (HasFailure()) return;
    }
}

}  // namespace
}  // namespace fulmar
