#include "base/time.h"

#include <gtest/gtest.h>

namespace fulmar {
namespace {

constexpr auto first = Instant{INT64_MIN}, last = Instant{INT64_MAX};

TEST(Time, sums_and_gaps_are_exact_where_they_fit) {
    EXPECT_EQ(Instant{40} + Millis(2), Instant{42});
    EXPECT_EQ(Instant{40} + Millis(-50), Instant{-10});
    EXPECT_EQ(Timestamp{40} - Timestamp{50}, Millis(-10));
    EXPECT_EQ(last + Millis(0), last);
    EXPECT_EQ(last - Instant{0}, Millis::max());
    EXPECT_EQ(first - Instant{0}, Millis::min());
}

TEST(Time, at_its_ends_it_stays) {
    EXPECT_EQ(last + Millis(1), last);
    EXPECT_EQ(Instant{1} + Millis::max(), last);
    EXPECT_EQ(first + Millis(-1), first);
    EXPECT_EQ(Instant{-1} + Millis::min(), first);
    EXPECT_EQ(last - first, Millis::max());
    EXPECT_EQ(first - last, Millis::min());
    EXPECT_EQ(Instant{-2} - last, Millis::min());
    EXPECT_EQ(Instant{0} - first, Millis::max());
}

}  // namespace
}  // namespace fulmar
