#include "log/epochs_file.h"

#include "log/partition_files.h"
#include "log/sealed_file.h"
#include "tests/log/log_world.h"

namespace fulmar {
namespace {

using test::DiskWorld;
const std::vector<EpochStart> three{{0, Offset{0}}, {4, Offset{17}}, {INT32_MAX, Offset{INT64_MAX}}};

TEST(EpochsFile, epochs_are_read_back) {
    DiskWorld world;
    EXPECT_EQ(test::error_of(read_epochs(*world.data)), Error::missing);
    for (auto& epochs : {three, std::vector<EpochStart>{{5, Offset{3}}}, std::vector<EpochStart>{}}) {
        ASSERT_TRUE(write_epochs(*world.data, epochs));
        EXPECT_EQ(read_epochs(world.restart()), epochs);
    }
}

TEST(EpochsFile, one_that_is_damaged_or_makes_no_sense_says_nothing) {
    DiskWorld world;
    ASSERT_TRUE(write_epochs(*world.data, three));
    auto file = world.data->open(epochs_file_name).value();
    auto text = test::read_all(*file);
    for (std::size_t at = 0; at < text.size(); ++at) {
        auto bad = text;
        bad[at] = char(bad[at] ^ 2);
        for (auto& left : {bad, text.substr(0, at)}) {
            test::write_all(*file, left);
            ASSERT_EQ(read_epochs(*world.data), std::vector<EpochStart>()) << at;
        }
    }
    for (auto* nonsense : {"5\n", "five 3\n", "5 three\n", "99999999999 3\n", "0 0\n\n4 17\n"}) {
        ASSERT_TRUE(write_sealed(*world.data, epochs_file_name, nonsense));
        EXPECT_EQ(read_epochs(*world.data), std::vector<EpochStart>()) << nonsense;
    }
    world.power.fails_at = 1;
    EXPECT_EQ(test::error_of(read_epochs(*world.data)), Error::failed);  // That is no damage.
}

// A log of two epochs, whose recovery point is behind both.
class EpochsOfALog : public testing::Test {
protected:
    EpochsOfALog() {
        test::Partition made(*world_.data);
        made.append({.records = 3});
        auto batch = test::produced({});
        EXPECT_TRUE(write_epochs(*made.log.directory(), {{5, Offset{0}}, {8, Offset{3}}}));
        EXPECT_TRUE(made.log.append(batch, 8, test::usual_wall));
        EXPECT_EQ(made.log.epochs(), both_);
        made.sync();
        point_ = made.point();
    }
    std::vector<EpochStart> found(RecoveryPoint point) {
        auto found = recover(*world_.data, test::partition_name, point, {.leader_epoch_max = 8});
        EXPECT_TRUE(found);
        return found->log.epochs();
    }
    DiskWorld world_;
    RecoveryPoint point_;
    const std::vector<EpochStart> both_{{5, Offset{0}}, {8, Offset{3}}};
};

TEST_F(EpochsOfALog, are_known_again) { EXPECT_EQ(found(point_), both_); }

TEST_F(EpochsOfALog, without_their_file_are_found_in_what_is_read_of_the_log) {
    ASSERT_TRUE(world_.data->open_directory(test::partition_name).value()->remove(epochs_file_name));
    EXPECT_EQ(found({}), both_);
    EXPECT_EQ(found(point_), both_);  // There is no snapshot of the producers: all of it is read.
}

TEST_F(EpochsOfALog, one_whose_first_batch_never_came_is_none) {
    auto directory = world_.data->open_directory(test::partition_name).value();
    ASSERT_TRUE(write_epochs(*directory, {{5, Offset{0}}, {8, Offset{3}}, {9, Offset{4}}}));
    EXPECT_EQ(found(point_), both_);
}

TEST_F(EpochsOfALog, that_lie_in_front_of_the_log_start_go) {
    test::Partition made(
        std::move(recover(*world_.data, test::partition_name, point_, {.leader_epoch_max = 8})->log));
    made.log.advance_start(Offset{2});
    EXPECT_EQ(made.log.epochs(), (std::vector<EpochStart>{{5, Offset{2}}, {8, Offset{3}}}));
    made.log.advance_start(Offset{3});
    EXPECT_EQ(made.log.epochs(), (std::vector<EpochStart>{{8, Offset{3}}}));
    made.log.advance_start(Offset{4});
    EXPECT_EQ(made.log.epochs(), (std::vector<EpochStart>{{8, Offset{4}}}));
}

}  // namespace
}  // namespace fulmar
