#include "log/remove_partition.h"

#include "tests/log/log_world.h"

namespace fulmar {
namespace {

void fill(Directory& data) {
    test::Partition partition(data);
    partition.append();
    auto directory = data.open_directory(test::partition_name).value();
    for (auto* name : {"00000000000000000042.log", "00000000000000000042.index", "half.tmp"})
        test::write_all(*directory->create(name).value(), "x");
    EXPECT_TRUE(directory->sync() && data.sync());
}

TEST(RemovePartition, takes_the_directory_with_all_that_is_in_it_and_nothing_else) {
    test::DiskWorld world;
    fill(*world.data);
    EXPECT_TRUE(world.data->create_directory("orders-4.x"));
    EXPECT_TRUE(remove_partition(*world.data, test::partition_name));
    EXPECT_EQ(test::names(*world.data), "orders-4.x/ ");
    EXPECT_TRUE(remove_partition(*world.data, test::partition_name));  // It is gone already.
}

TEST(RemovePartition, what_is_being_read_stays_readable) {
    test::DiskWorld world;
    fill(*world.data);
    auto file =
        world.data->open_directory(test::partition_name).value()->open(log_file_name(Offset{0})).value();
    auto before = test::read_all(*file);
    EXPECT_TRUE(remove_partition(*world.data, test::partition_name));
    EXPECT_EQ(test::read_all(*file), before);
    EXPECT_FALSE(before.empty());
}

TEST(RemovePartition, a_strangers_directory_in_it_is_not_touched) {
    test::DiskWorld world;
    fill(*world.data);
    auto directory = world.data->open_directory(test::partition_name).value();
    EXPECT_TRUE(directory->create_directory("backup").value()->create("a"));
    EXPECT_EQ(remove_partition(*world.data, test::partition_name).error(), Error::exists);
    EXPECT_NE(test::names(*world.data).find(test::partition_name), std::string::npos);
}

TEST(RemovePartition, after_a_crash_anywhere_it_can_be_done_again) {
    auto remove = [](Directory& data) {
        if (remove_partition(data, test::partition_name)) (void)data.sync();
    };
    test::at_every_death(fill, remove, [](Directory& data, bool) {
        ASSERT_TRUE(remove_partition(data, test::partition_name));
        ASSERT_TRUE(data.sync());
        EXPECT_EQ(test::names(data), "");
    });
}

}  // namespace
}  // namespace fulmar
