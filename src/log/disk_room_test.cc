#include "log/disk_room.h"

#include <gtest/gtest.h>

#include "tests/log/log_world.h"

namespace fulmar::test {
namespace {

constexpr std::uint64_t gib = 1ULL << 30;
constexpr std::uint64_t mib = 1ULL << 20;

TEST(DiskRoom, a_large_disk_is_full_at_95_percent_and_read_only_at_99) {
    RoomRules rules;
    EXPECT_EQ(room_in({1000 * gib, 51 * gib}, rules), Room::plenty);
    EXPECT_EQ(room_in({1000 * gib, 49 * gib}, rules), Room::scarce);
    EXPECT_EQ(room_in({1000 * gib, 11 * gib}, rules), Room::scarce);
    EXPECT_EQ(room_in({1000 * gib, 9 * gib}, rules), Room::none);
}
TEST(DiskRoom, a_smaller_one_is_full_with_two_gib_left_and_a_small_one_at_a_tenth) {
    RoomRules rules;
    EXPECT_EQ(room_in({30 * gib, 3 * gib}, rules), Room::plenty);
    EXPECT_EQ(room_in({30 * gib, 19 * gib / 10}, rules), Room::scarce);
    EXPECT_EQ(room_in({100 * mib, 11 * mib}, rules), Room::plenty);
    EXPECT_EQ(room_in({100 * mib, 9 * mib}, rules), Room::scarce);
}

class Reserve : public testing::Test {
protected:
    std::uint64_t usable() { return world_.data->space()->usable_bytes; }
    SeenRoom look(bool full = false) { return look_for_room(*world_.data, rules_, full).value(); }
    void SetUp() override { world_.disk.quota = 1000 * mib; }

    DiskWorld world_;
    RoomRules rules_{.full_free_bytes = 0, .reserve_bytes = 10 * mib};
};
TEST_F(Reserve, it_is_taken_where_there_is_plenty_and_once) {
    auto before = usable();
    EXPECT_TRUE(look().reserved);
    EXPECT_TRUE(look().reserved);
    EXPECT_EQ(usable(), before - 10 * mib);
}
TEST_F(Reserve, it_is_given_up_when_a_write_found_no_room_and_taken_again_later) {
    EXPECT_TRUE(look().reserved);
    auto full = look(true);
    EXPECT_EQ(full.room, Room::scarce);
    EXPECT_FALSE(full.reserved);
    EXPECT_EQ(usable(), 1000 * mib);
    EXPECT_TRUE(look().reserved);
}
TEST_F(Reserve, it_is_not_taken_where_that_would_make_room_scarce) {
    world_.disk.quota = 8 * mib;
    rules_.reserve_bytes = 1000 * mib;
    rules_.full_percent = 1;
    EXPECT_FALSE(look().reserved);
    EXPECT_EQ(look().room, Room::plenty);
}
TEST_F(Reserve, it_is_given_up_at_the_last_percent) {
    EXPECT_TRUE(look().reserved);
    world_.disk.quota = 10 * mib + 1000;
    auto seen = look();
    EXPECT_EQ(seen.room, Room::none);
    EXPECT_FALSE(seen.reserved);
}

}  // namespace
}  // namespace fulmar::test
