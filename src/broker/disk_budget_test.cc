#include "broker/disk_budget.h"

#include <gtest/gtest.h>

#include "tests/support/test_loop.h"

namespace fulmar {
namespace {

TEST(DiskBudget, has_room_up_to_its_bound_and_for_a_giant_alone) {
    TestLoop loop;
    DiskBudget budget(loop, 100);
    EXPECT_TRUE(budget.has_room(5000));
    budget.written(40);
    EXPECT_TRUE(budget.has_room(60));
    EXPECT_FALSE(budget.has_room(61));
    budget.synced(40);
    budget.written(5000);
    EXPECT_FALSE(budget.has_room(1));
    budget.synced(5000);
    EXPECT_EQ(budget.unsynced_bytes(), 0U);
    EXPECT_TRUE(budget.has_room(5000));
}

TEST(DiskBudget, a_failure_is_told_once_and_is_for_good) {
    TestLoop loop;
    DiskBudget budget(loop, 100);
    int told = 0;
    budget.on_failure = [&] { ++told; };
    EXPECT_FALSE(budget.failed());
    budget.fail();
    budget.fail();
    EXPECT_TRUE(budget.failed());
    EXPECT_EQ(told, 1);
    DiskBudget quiet(loop, 100);
    quiet.fail();
    EXPECT_TRUE(quiet.failed());
}

}  // namespace
}  // namespace fulmar
