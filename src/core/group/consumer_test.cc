#include "core/group/consumer.h"

#include "tests/core/consumer_stage.h"

namespace fulmar::group {
namespace {

class ConsumerGroups : public ConsumerStage {
protected:
    Consumer a_{"a"}, b_{"b"}, c_{"c"};
};

// --- members come and go -------------------------------------------------------------------------

TEST_F(ConsumerGroups, the_first_member_makes_the_group_and_has_all) {
    auto told = come(a_);
    EXPECT_EQ(told.error, GroupError::none);
    EXPECT_EQ(told.member_id, "a");
    EXPECT_EQ(told.epoch, 2);  // The group's is 1 before anybody comes.
    EXPECT_EQ(told.interval, Millis(5'000));
    EXPECT_EQ(show(told.assignment), "orders-0 orders-1 orders-2 orders-3");
    EXPECT_EQ(epoch(), 2);
    EXPECT_EQ(phase(), "Stable");
    EXPECT_EQ(machine_.find("g"), nullptr);
}
TEST_F(ConsumerGroups, who_has_nothing_new_is_told_nothing_new) {
    come(a_);
    auto told = tell(next("a", 2));
    EXPECT_EQ(told.epoch, 2);
    EXPECT_EQ(told.assignment, std::nullopt);
    auto records = log_.size();
    tell(next("a", 2));
    EXPECT_EQ(log_.size(), records);
    // Who says all wants to be told all.
    auto full = first("a");
    full.epoch = 2;
    full.owned = a_.has;
    EXPECT_EQ(show(tell(full).assignment), "orders-0 orders-1 orders-2 orders-3");
    EXPECT_EQ(log_.size(), records);
}
TEST_F(ConsumerGroups, a_second_member_gets_what_the_first_has_given_back) {
    come(a_);
    auto told = come(b_);
    EXPECT_EQ(told.epoch, 3);
    EXPECT_EQ(show(told.assignment), "");
    EXPECT_EQ(phase(), "Reconciling");
    EXPECT_EQ(target("a"), "orders-0 orders-1");

    told = tell(next("a", 2));
    EXPECT_EQ(told.epoch, 2);  // Until it has given back.
    EXPECT_EQ(show(told.assignment), "orders-0 orders-1");
    EXPECT_EQ(gives_back("a"), "orders-2 orders-3");
    EXPECT_EQ(beat(b_).assignment, std::nullopt);

    auto gave = next("a", 2);
    gave.owned = parts("orders-0 orders-1");
    EXPECT_EQ(tell(gave).epoch, 3);
    EXPECT_EQ(gives_back("a"), "");
    EXPECT_EQ(phase(), "Reconciling");
    EXPECT_EQ(show(beat(b_).assignment), "orders-2 orders-3");
    EXPECT_EQ(phase(), "Stable");
    EXPECT_EQ(epoch(), 3);
}
TEST_F(ConsumerGroups, what_a_member_that_leaves_had_goes_to_the_others) {
    come(a_);
    come(b_);
    share({&a_, &b_});
    auto told = tell(next("b", leave_epoch));
    EXPECT_EQ(told.error, GroupError::none);
    EXPECT_EQ(told.epoch, leave_epoch);
    EXPECT_EQ(epoch(), 4);
    EXPECT_EQ(phase(), "Assigning");
    EXPECT_EQ(show(beat(a_).assignment), "orders-0 orders-1 orders-2 orders-3");
    EXPECT_EQ(a_.epoch, 4);
    EXPECT_EQ(phase(), "Stable");
}
TEST_F(ConsumerGroups, a_group_that_all_have_left_goes_on_where_it_was) {
    come(a_);
    EXPECT_EQ(leave(a_), GroupError::none);
    EXPECT_EQ(phase(), "Empty");
    EXPECT_EQ(refusal(next("a", 2)), GroupError::unknown_member);
    EXPECT_EQ(refusal(next("a", leave_epoch)), GroupError::unknown_member);
    EXPECT_EQ(come(a_).epoch, 4);
}
TEST_F(ConsumerGroups, strangers_are_refused_and_begin_nothing) {
    EXPECT_EQ(refusal(next("a", 1)), GroupError::unknown_group);
    EXPECT_EQ(refusal(next("a", leave_epoch)), GroupError::unknown_group);
    EXPECT_EQ(refusal(next_as("i", "a", away_epoch)), GroupError::unknown_group);
    EXPECT_EQ(machine_.groups(), 0U);
    come(a_);
    auto records = log_.size();
    EXPECT_EQ(refusal(next("b", 2)), GroupError::unknown_member);
    EXPECT_EQ(refusal(next("b", leave_epoch)), GroupError::unknown_member);
    EXPECT_EQ(refusal(next_as("i", "b", 2)), GroupError::unknown_member);
    EXPECT_EQ(log_.size(), records);
}

// --- epochs --------------------------------------------------------------------------------------

TEST_F(ConsumerGroups, who_is_not_where_it_thinks_it_is_has_to_join_again) {
    come(a_);
    come(b_);
    share({&a_, &b_});
    EXPECT_EQ(refusal(next("a", 4)), GroupError::fenced_member_epoch);
    EXPECT_EQ(refusal(next("a", 1)), GroupError::fenced_member_epoch);
    EXPECT_EQ(refusal(next("a", 2)), GroupError::fenced_member_epoch);  // It does not say what it has.
    EXPECT_EQ(refusal(next("a", 3)), GroupError::none);
    EXPECT_EQ(come(a_).epoch, 3);  // Nothing has changed of the group.
    EXPECT_EQ(show(a_.has), "orders-0 orders-1");
    EXPECT_EQ(phase(), "Stable");
}
TEST_F(ConsumerGroups, who_lost_the_answer_goes_on) {
    come(a_);
    come(b_);
    beat(a_);
    beat(a_);
    ASSERT_EQ(consumers().find("a")->current.epoch, 3);
    auto again = next("a", 2);
    again.owned = parts("orders-0 orders-1");
    EXPECT_EQ(tell(again).epoch, 3);
    again.owned = parts("orders-0");
    EXPECT_EQ(tell(again).epoch, 3);
    again.owned = parts("orders-0 orders-2");  // That is not its any more.
    EXPECT_EQ(refusal(again), GroupError::fenced_member_epoch);
}
TEST_F(ConsumerGroups, who_joins_again_holds_nothing_that_it_had_to_give_back) {
    come(a_);
    come(b_);
    tell(next("a", 2));
    EXPECT_EQ(gives_back("a"), "orders-2 orders-3");
    EXPECT_EQ(come(a_).epoch, 3);
    EXPECT_EQ(show(a_.has), "orders-0 orders-1");
    EXPECT_EQ(show(beat(b_).assignment), "orders-2 orders-3");
}

// --- static members ------------------------------------------------------------------------------

TEST_F(ConsumerGroups, a_static_member_that_goes_for_a_while_keeps_its_place) {
    tell(first_as("i", "a"));
    come(b_);
    tell(next_as("i", "a", 2));
    auto gave = next_as("i", "a", 2);
    gave.owned = parts("orders-0 orders-1");
    EXPECT_EQ(tell(gave).epoch, 3);
    beat(b_);
    auto told = tell(next_as("i", "a", away_epoch));
    EXPECT_EQ(told.error, GroupError::none);
    EXPECT_EQ(told.epoch, away_epoch);
    pass(Millis(30'000));
    EXPECT_EQ(beat(b_).assignment, std::nullopt);
    EXPECT_EQ(has("a"), "orders-0 orders-1");
    EXPECT_EQ(epoch(), 3);

    told = tell(first_as("i", "new"));
    EXPECT_EQ(told.epoch, 3);  // For the others nothing has changed.
    EXPECT_EQ(show(told.assignment), "orders-0 orders-1");
    EXPECT_EQ(epoch(), 3);
    EXPECT_EQ(phase(), "Stable");
    EXPECT_EQ(consumers().members().size(), 2U);
    EXPECT_EQ(target("new"), "orders-0 orders-1");
    // Whoever still has the old id is another process.
    EXPECT_EQ(refusal(next_as("i", "a", 3)), GroupError::fenced_instance);
    EXPECT_EQ(refusal(next_as("i", "a", away_epoch)), GroupError::fenced_instance);
    EXPECT_EQ(refusal(next_as("i", "new", 3)), GroupError::none);
    fail_over();
    EXPECT_EQ(static_member("i"), "new");
    EXPECT_EQ(consumers().find("a"), nullptr);
}
TEST_F(ConsumerGroups, a_static_member_comes_back_under_its_id_too) {
    tell(first_as("i", "a"));
    tell(next_as("i", "a", away_epoch));
    tell(next_as("i", "a", away_epoch));
    EXPECT_EQ(refusal(next_as("i", "a", 2)), GroupError::fenced_member_epoch);
    auto told = tell(first_as("i", "a"));
    EXPECT_EQ(told.epoch, 2);
    EXPECT_EQ(show(told.assignment), "orders-0 orders-1 orders-2 orders-3");
}
TEST_F(ConsumerGroups, a_place_in_use_is_not_given_away) {
    tell(first_as("i", "a"));
    auto records = log_.size();
    EXPECT_EQ(refusal(first_as("i", "new")), GroupError::unreleased_instance);
    EXPECT_EQ(refusal(next_as("i", "new", 2)), GroupError::fenced_instance);
    EXPECT_EQ(log_.size(), records);
    EXPECT_EQ(refusal(next_as("i", "a", 2)), GroupError::none);
}
TEST_F(ConsumerGroups, a_static_member_that_stays_away_loses_its_place) {
    tell(first_as("i", "a"));
    tell(next_as("i", "a", away_epoch));
    pass(Millis(44'999));
    EXPECT_EQ(consumers().members().size(), 1U);
    pass(Millis(1));
    EXPECT_EQ(phase(), "Empty");
    EXPECT_EQ(refusal(first_as("i", "new")), GroupError::none);
}
TEST_F(ConsumerGroups, what_it_owed_when_it_went_it_has_given_back_when_it_comes_back) {
    tell(first_as("i", "a"));
    come(b_);
    tell(next_as("i", "a", 2));
    EXPECT_EQ(gives_back("a"), "orders-2 orders-3");
    tell(next_as("i", "a", away_epoch));
    EXPECT_EQ(beat(b_).assignment, std::nullopt);
    auto told = tell(first_as("i", "new"));
    EXPECT_EQ(told.epoch, 3);
    EXPECT_EQ(show(told.assignment), "orders-0 orders-1");
    EXPECT_EQ(show(beat(b_).assignment), "orders-2 orders-3");
}
TEST_F(ConsumerGroups, a_member_that_takes_up_a_place_gives_up_its_own) {
    tell(first_as("i", "a"));
    come(b_);
    auto gave = next_as("i", "a", 2);
    gave.owned = parts("orders-0 orders-1");
    tell(gave);
    beat(b_);
    tell(next_as("i", "a", away_epoch));
    auto told = tell(first_as("i", "b"));
    EXPECT_EQ(told.error, GroupError::none);
    b_ = {"b", told.epoch, *told.assignment};
    share({&b_});
    EXPECT_EQ(has("b"), "orders-0 orders-1 orders-2 orders-3");
}

}  // namespace
}  // namespace fulmar::group
