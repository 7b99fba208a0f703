#include "core/clock_watch.h"

#include <gtest/gtest.h>

namespace fulmar {
namespace {

using namespace std::chrono_literals;

constexpr Clocks at(Millis up, Millis ahead = 0ms) {
    return {Instant{up.count()}, Timestamp{1'700'000'000'000} + up + ahead};
}

TEST(ClockWatch, a_clock_that_goes_with_the_monotonic_one_is_believed) {
    ClockWatch watch;
    for (auto up = 0h; up < 100h; ++up) EXPECT_TRUE(watch.trusts(at(up, up / 100)));
}
TEST(ClockWatch, after_a_jump_it_takes_an_hour_of_agreement) {
    for (auto ahead : {72h, -72h}) {
        ClockWatch watch;
        EXPECT_TRUE(watch.trusts(at(0h)));
        EXPECT_FALSE(watch.trusts(at(1min, ahead)));
        EXPECT_TRUE(watch.jumped());
        EXPECT_FALSE(watch.trusts(at(59min, ahead)));
        EXPECT_FALSE(watch.jumped());
        EXPECT_TRUE(watch.trusts(at(61min, ahead)));
    }
}
TEST(ClockWatch, a_jump_back_to_the_right_time_is_a_jump_too) {
    ClockWatch watch;
    EXPECT_TRUE(watch.trusts(at(0h)));
    EXPECT_FALSE(watch.trusts(at(30min, 72h)));
    EXPECT_FALSE(watch.trusts(at(80min)));
    EXPECT_FALSE(watch.trusts(at(139min)));
    EXPECT_TRUE(watch.trusts(at(140min)));
}
TEST(ClockWatch, a_start_goes_on_from_the_last_life) {
    auto last = at(0h).wall;
    EXPECT_TRUE(ClockWatch(last).trusts(at(59min)));
    EXPECT_FALSE(ClockWatch(last).trusts(at(72h)));
    EXPECT_FALSE(ClockWatch(last).trusts(at(0h, -2h)));
    ClockWatch watch(last);
    EXPECT_FALSE(watch.trusts(at(72h)));
    EXPECT_TRUE(watch.trusts(at(73h)));
}

TEST(ClockWatch, what_is_not_believed_yet_is_not_told_to_the_next_life) {
    ClockWatch watch;
    EXPECT_TRUE(watch.trusts(at(0h)));
    EXPECT_FALSE(watch.trusts(at(1min, 72h)));
    EXPECT_EQ(watch.believed(at(2min, 72h)), at(2min).wall);
    ClockWatch next(watch.believed(at(2min, 72h)));
    EXPECT_FALSE(next.trusts(at(0min, 72h)));
    EXPECT_EQ(next.believed(at(3min, 72h)), at(5min).wall);
    EXPECT_TRUE(next.trusts(at(60min, 72h)));
    EXPECT_EQ(next.believed(at(61min, 72h)), at(61min, 72h).wall);
}

TEST(ClockWatch, data_written_while_it_is_doubted_is_not_stamped_too_early) {
    // Two days off: the hour that follows is doubted, and its data is of today.
    ClockWatch after_a_rest(at(0h).wall);
    EXPECT_FALSE(after_a_rest.trusts(at(0h, 48h)));
    EXPECT_EQ(after_a_rest.latest(at(10min, 48h)), ClockWatch::not_known);
    EXPECT_TRUE(after_a_rest.trusts(at(70min, 48h)));
    EXPECT_EQ(after_a_rest.latest(at(71min, 48h)), at(71min, 48h).wall);
    ClockWatch set_back;
    EXPECT_TRUE(set_back.trusts(at(0h)));
    EXPECT_FALSE(set_back.trusts(at(1min, -48h)));
    EXPECT_EQ(set_back.latest(at(10min, -48h)), at(10min).wall);
}

}  // namespace
}  // namespace fulmar
