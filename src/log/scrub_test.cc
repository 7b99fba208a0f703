#include "log/scrub.h"

#include "tests/log/log_world.h"

namespace fulmar {
namespace {

using test::DiskWorld;

class ScrubTest : public testing::Test {
protected:
    ScrubTest() {
        partition_.index_interval_bytes = 300;
        for (int n = 0; n < 40; ++n) ends_.push_back(partition_.append({.records = 2, .bytes = 50}));
        EXPECT_TRUE(partition_.log.write_index());
    }
    Segment& segment() { return segments_.front(); }
    Scrub scrub(std::uint64_t step_bytes = 1 << 20) {
        segments_ = partition_.log.segments();
        auto index = Index::open(*partition_.log.directory(), Offset{0});
        Scrub scrub(
            {.file = segment().file, .index = *index, .end = partition_.log.end(), .leader_epoch_max = 5},
            true);
        for (bool done = false; !done;) done = scrub.step(step_bytes).value().done;
        return scrub;
    }
    void flip(File& file, std::uint64_t position) {
        std::byte one{};
        ASSERT_TRUE(file.read(position, std::span(&one, 1)));
        one ^= std::byte{16};
        Bytes part(&one, 1);
        ASSERT_TRUE(file.write(position, std::span(&part, 1)));
    }
    DiskWorld world_;
    test::Partition partition_{*world_.data};
    std::vector<LogPoint> ends_;
    std::vector<Segment> segments_;
};

TEST_F(ScrubTest, what_is_right_is_found_right_in_steps_of_any_size) {
    for (auto bytes : {1, 200, 1'000'000}) {
        auto done = scrub(std::uint64_t(bytes));
        EXPECT_TRUE(done.damage().empty());
        EXPECT_TRUE(done.index_is_right());
    }
}
TEST_F(ScrubTest, each_flipped_bit_is_found_and_costs_its_own_batch) {
    auto first = ends_[9], next = ends_[10];
    for (auto position = first.position; position < next.position; ++position) {
        flip(*partition_.file(), position);
        auto done = scrub();
        // Outside of the checksum lies the leader epoch, where only what is too large shows.
        auto in_epoch = position - first.position >= 12 && position - first.position < 16;
        if (!in_epoch || !done.damage().empty()) {
            ASSERT_EQ(done.damage().size(), 1U) << position - first.position;
            EXPECT_EQ(done.damage()[0].until.offset >= next.offset, true);
            EXPECT_LE(done.damage()[0].from.offset, first.offset);
            EXPECT_LE(done.damage()[0].until, ends_[11]) << position - first.position;
        }
        flip(*partition_.file(), position);
    }
    EXPECT_TRUE(scrub().damage().empty());
}
TEST_F(ScrubTest, an_index_that_leads_astray_is_found) {
    auto size = partition_.log.segments()[0].index.size();
    ASSERT_GT(size, 10U);
    auto file = partition_.log.directory()->open("00000000000000000000.index").value();
    for (std::uint32_t n = 0; n < size; ++n) {
        flip(*file, n * Index::entry_bytes + 3);
        EXPECT_FALSE(scrub().index_is_right());
        flip(*file, n * Index::entry_bytes + 3);
    }
    EXPECT_TRUE(scrub().index_is_right());
    // One that is right in itself, and of another log.
    std::vector<IndexEntry> entries{{.at = {Offset{3}, 100}, .largest_before = {}, .appended_before = {}}};
    ASSERT_TRUE(Index::replace(*partition_.log.directory(), Offset{0}, entries));
    EXPECT_FALSE(scrub().index_is_right());
    EXPECT_TRUE(scrub().damage().empty());
}

}  // namespace
}  // namespace fulmar
