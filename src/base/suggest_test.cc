#include "base/suggest.h"

#include <gtest/gtest.h>

#include <array>

namespace fulmar {
namespace {

TEST(Suggest, a_slip_of_the_finger_counts_one) {
    EXPECT_EQ(edit_distance("orders", "orders"), 0U);
    EXPECT_EQ(edit_distance("orders", "order"), 1U);
    EXPECT_EQ(edit_distance("oders", "orders"), 1U);
    EXPECT_EQ(edit_distance("ordesr", "orders"), 1U);
    EXPECT_EQ(edit_distance("ordexs", "orders"), 1U);
    EXPECT_EQ(edit_distance("", "abc"), 3U);
    EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

TEST(Suggest, the_nearest_of_the_known_words_is_meant) {
    std::array<std::string_view, 3> known{"orders", "orders-dead", "payments"};
    EXPECT_EQ(nearest("oders", known), "orders");
    EXPECT_EQ(nearest("ORDERS", known), "orders");
    EXPECT_EQ(nearest("orders-daed", known), "orders-dead");
    EXPECT_EQ(did_you_mean("paymnets", known), "; did you mean payments?");
}

TEST(Suggest, what_is_near_to_nothing_gets_no_suggestion) {
    std::array<std::string_view, 2> known{"orders", "x"};
    EXPECT_EQ(nearest("shipments", known), std::nullopt);
    EXPECT_EQ(nearest("", known), std::nullopt);
    EXPECT_EQ(nearest(std::string(1 << 20, 'o'), known), std::nullopt);
    EXPECT_EQ(did_you_mean("shipments", known), "");
    EXPECT_EQ(nearest("orders", {}), std::nullopt);
}

}  // namespace
}  // namespace fulmar
