#include "door/kafka/answer_budget.h"

#include <gtest/gtest.h>

#include "tests/support/test_loop.h"

namespace fulmar::kafka {
namespace {

constexpr auto settings = AnswerBudget::settings, others = AnswerBudget::others;

struct AnswerBudgetTest : testing::Test {
    TestLoop loop;
    AnswerBudget budget{loop, 1'000'000};
    std::string order;

    Task<> wait(AnswerBudget::Kind kind, char name, std::uint64_t bytes) {
        while (!budget.has_room(kind)) co_await budget.changed(kind);
        budget.add(kind, bytes);
        order += name;
    }
    void turns() {
        while (loop.turn_if_any()) {}
    }
};

TEST_F(AnswerBudgetTest, answers_about_settings_take_no_room_of_others) {
    budget.add(settings, 50'000'000);
    EXPECT_FALSE(budget.has_room(settings));
    EXPECT_TRUE(budget.has_room(others));
    budget.add(others, 250'000);
    EXPECT_FALSE(budget.has_room(others));
    budget.remove({50'000'000, 0});
    EXPECT_TRUE(budget.has_room(settings));
    EXPECT_FALSE(budget.has_room(others));
    EXPECT_EQ(AnswerBudget::sum(budget.held()), 250'000U);
}

TEST_F(AnswerBudgetTest, who_waits_goes_on_in_order_as_far_as_there_is_room) {
    budget.add(settings, 3'000'000);
    for (char name : {'a', 'b', 'c'}) loop.spawn(wait(settings, name, 600'000));
    loop.spawn(wait(others, 'o', 1));
    EXPECT_EQ(order, "o");
    budget.remove({1'000'000, 0});
    turns();
    EXPECT_EQ(order, "o");
    EXPECT_EQ(budget.waiting(settings), 3);
    budget.remove({2'000'000, 0});
    turns();
    EXPECT_EQ(order, "oab");
    EXPECT_EQ(budget.waiting(settings), 1);
    budget.remove({600'000, 0});
    turns();
    EXPECT_EQ(order, "oabc");
}

TEST_F(AnswerBudgetTest, the_more_wait_the_less_patience_there_is_with_readers) {
    budget.add(settings, 1'000'000);
    std::vector<std::int64_t> patience;
    for (char name : {'a', 'b', 'c', 'd'}) {
        loop.spawn(wait(settings, name, 1));
        patience.push_back(budget.reader_patience(settings).count());
    }
    EXPECT_EQ(patience, (std::vector<std::int64_t>{3000, 1500, 1000, 1000}));
    budget.remove({1'000'000, 0});
    turns();
}

TEST_F(AnswerBudgetTest, what_is_copied_counts_beside_what_is_held_for_its_like_alone) {
    budget.add(others, 100'000);
    EXPECT_TRUE(budget.has_room_to_make(others));
    budget.begin_to_make(150'000);
    EXPECT_FALSE(budget.has_room_to_make(others));
    EXPECT_TRUE(budget.has_room(others));
    loop.spawn([](AnswerBudgetTest& test) -> Task<> {
        while (!test.budget.has_room_to_make(others)) co_await test.budget.changed(others);
        test.order += 'm';
    }(*this));
    turns();
    EXPECT_EQ(order, "");
    budget.made(others, 150'000);
    turns();
    EXPECT_EQ(order, "m");
    EXPECT_EQ(budget.making(), 0U);
}

TEST_F(AnswerBudgetTest, a_small_answer_is_small_beside_the_room) {
    EXPECT_EQ(budget.small_bytes(), 65'536U);
    EXPECT_EQ(AnswerBudget(loop, 1'000).small_bytes(), 250U);
}

}  // namespace
}  // namespace fulmar::kafka
