#include "log/verify.h"

#include "tests/log/stopped_partition.h"

namespace fulmar {
namespace {

using test::DiskWorld, test::look, test::ours;

class VerifyTest : public test::StoppedPartition {};

TEST_F(VerifyTest, a_sound_log_is_said_to_be_so_and_left_alone) {
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

TEST_F(VerifyTest, every_bit_of_a_header_is_missed_when_it_is_wrong) {
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

TEST_F(VerifyTest, an_index_that_lies_is_found) {
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

TEST_F(VerifyTest, offsets_that_are_left_out_are_missed) {
    auto whole = text(world_, log_file_name(Offset{0}));
    auto size = batch_bytes();
    put(world_, log_file_name(Offset{0}), whole.substr(0, size) + whole.substr(3 * size));
    remove(world_, index_file_name(Offset{0}));
    auto found = damage(world_);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0],
              (Damage{log_file_name(Offset{0}), size, 0, Offset{2}, Offset{6}, "what was here is missing"}));
}

TEST_F(VerifyTest, a_segment_that_is_gone_with_its_index_is_missed) {
    remove(world_, log_file_name(Offset{20}));
    remove(world_, index_file_name(Offset{20}));
    auto found = damage(world_);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].from, Offset{20});
    EXPECT_EQ(found[0].until, Offset{40});
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
