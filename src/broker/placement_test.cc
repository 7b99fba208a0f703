#include "broker/placement.h"

#include <gtest/gtest.h>

namespace fulmar {
namespace {

const TopicId orders = uuid_from(1, 1), payments = uuid_from(2, 2);

TEST(Placement, a_new_partition_goes_where_the_fewest_are_and_of_equals_to_the_first) {
    Placement placement({{{orders, 0}, 0}, {{orders, 1}, 0}, {{orders, 2}, 2}}, 3);
    EXPECT_EQ(placement.place({payments, 0}, {true, true, true}), 1U);
    EXPECT_EQ(placement.place({payments, 1}, {true, true, true}), 1U);
    EXPECT_EQ(placement.place({payments, 2}, {true, true, true}), 2U);
    EXPECT_EQ(placement.place({payments, 3}, {true, true, true}), 0U);
}
TEST(Placement, what_takes_none_gets_none) {
    Placement placement({{{orders, 0}, 0}}, 2);
    EXPECT_EQ(placement.place({orders, 1}, {true, false}), 0U);
    EXPECT_EQ(placement.place({orders, 2}, {false, false}), std::nullopt);
    EXPECT_EQ(placement.place({orders, 2}, {false, true}), 1U);
}
TEST(Placement, one_that_was_placed_stays) {
    Placement placement({{{orders, 0}, 1}}, 2);
    EXPECT_EQ(placement.place({orders, 0}, {true, false}), 1U);
    EXPECT_EQ(placement.in(1), (std::set<PartitionId>{{orders, 0}}));
}
TEST(Placement, what_is_forgotten_counts_no_more) {
    Placement placement({{{orders, 0}, 0}, {{orders, 7}, 0}, {{payments, 0}, 1}}, 2);
    placement.forget(orders);
    EXPECT_EQ(placement.of({orders, 7}), std::nullopt);
    EXPECT_EQ(placement.place({orders, 0}, {true, true}), 0U);
}

}  // namespace
}  // namespace fulmar
