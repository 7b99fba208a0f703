// The seam's contract in the simulated world, under many seeds; and what only a simulated disk shows.
#include "tests/io/seam_contract_network.h"
#include "tests/sim/node.h"

namespace fulmar {
namespace {

using namespace seam_contract;

Task<> to_the_end(Promise promise, Host& host, seam_contract::World world, bool& ended) {
    co_await promise.keep(host, std::move(world));
    ended = true;
}

class Simulated : public testing::TestWithParam<Promise> {};
TEST_P(Simulated, keeps_the_contract) {
    for (std::uint64_t seed = 0; seed < 60 && !HasFailure(); ++seed) {
        SCOPED_TRACE(seed);
        bool ended = false;
        sim::World world(seed);
        world.sends_per_reset = 0;
        sim::Node node(world, "server", 2);
        seam_contract::World given{"server", 300'000, [&] { node.request_stop(); }};
        node.program = [&](Host& host) { return to_the_end(GetParam(), host, given, ended); };
        node.boot();
        while (world.step()) {}
        EXPECT_TRUE(ended && node.ended_by_itself);
        EXPECT_EQ(world.open_files, 0);
        EXPECT_EQ(world.open_sockets, 0);
    }
}
INSTANTIATE_TEST_SUITE_P(Seam, Simulated, testing::ValuesIn(promises), name_of);

// Of the disk alone: its node's power is what fails.
struct SimulatedDisk : testing::Test {
    void power_cut(sim::Loss loss) {
        disk.root->lose(world, loss);
        data = sim::open_root(world, power, disk);
    }
    sim::World world{1};
    sim::Power power{.state = sim::Power::State::on};
    sim::DiskState disk;
    std::shared_ptr<Directory> data = sim::open_root(world, power, disk);
};

TEST_F(SimulatedDisk, a_power_cut_takes_what_was_not_synced) {
    auto file = data->create("a").value();
    ASSERT_TRUE(data->sync() && write_text(*file, 0, "kept") && file->sync() && write_text(*file, 4, "lost"));
    ASSERT_TRUE(data->create("b") && data->open("b").value()->sync());  // Its name is not synced.
    power_cut(sim::Loss::all_lost);
    EXPECT_EQ(names(*data), "a ");
    EXPECT_EQ(read_text(*data->open("a").value(), 0, 10), "kept");
}
TEST_F(SimulatedDisk, a_sync_that_failed_is_believed_until_the_cache_is_dropped) {
    auto file = data->create("a").value();
    ASSERT_TRUE(write_text(*file, 0, "first") && file->sync());
    bool lost = false;
    for (int n = 0; n < 20; ++n) {
        ASSERT_TRUE(file->truncate(5) && file->sync() && write_text(*file, 5, "second"));
        power.fails_at = 1;
        EXPECT_EQ(told(file->sync()), to_text(Error::failed));
        EXPECT_EQ(read_text(*file, 0, 20), "firstsecond");
        EXPECT_TRUE(file->sync());  // It lies: there is nothing left that is dirty.
        ASSERT_TRUE(file->drop_cache());
        auto left = read_text(*file, 0, 20);
        EXPECT_TRUE(left == "first" || left == "firstsecond") << left;  // A failed one may have worked.
        lost |= left == "first";
    }
    EXPECT_TRUE(lost);
}
TEST_F(SimulatedDisk, a_full_disk_refuses_names_whole_and_writes_in_part) {
    auto file = data->create("a").value();
    bool partly = false;
    for (int n = 0; n < 50; ++n) {
        ASSERT_TRUE(file->truncate(0));
        power.failure = Error::full;
        power.full_for = 2;
        EXPECT_EQ(told(write_text(*file, 0, "12345678")), to_text(Error::full));
        EXPECT_EQ(told(data->create("b")), to_text(Error::full));
        EXPECT_EQ(names(*data), "a ");
        auto size = file->size().value();
        partly |= size > 0 && size < 8;
    }
    EXPECT_TRUE(partly);
    EXPECT_TRUE(data->create("b"));
}

}  // namespace
}  // namespace fulmar
