#include "tests/core/consumer_stage.h"

namespace fulmar::group {
namespace {

// How long members of a consumer group may be silent or slow, how many they may be, and how much they may
// say.
class ConsumerLimits : public ConsumerStage {
protected:
    Consumer a_{"a"}, b_{"b"}, c_{"c"};
};

// --- time ----------------------------------------------------------------------------------------

TEST_F(ConsumerLimits, who_is_not_heard_of_for_a_session_is_out) {
    come(a_);
    come(b_);
    share({&a_, &b_});
    for (int n = 0; n < 4; ++n) {
        pass(Millis(11'249));
        EXPECT_EQ(beat(a_).error, GroupError::none);
    }
    EXPECT_EQ(consumers().members().size(), 2U);
    pass(Millis(4));
    EXPECT_EQ(consumers().members().size(), 1U);
    EXPECT_EQ(epoch(), 4);
    EXPECT_EQ(refusal(next("b", 3)), GroupError::unknown_member);
    EXPECT_EQ(show(beat(a_).assignment), "orders-0 orders-1 orders-2 orders-3");
}
TEST_F(ConsumerLimits, those_whose_time_is_over_go_at_once) {
    come(a_);
    come(b_);
    come(c_);
    EXPECT_EQ(epoch(), 4);
    pass(Millis(45'000));
    EXPECT_EQ(phase(), "Empty");
    EXPECT_EQ(epoch(), 5);
}
TEST_F(ConsumerLimits, who_does_not_give_back_in_time_is_out) {
    auto slow = first("a");
    slow.rebalance_timeout = Millis(20'000);
    tell(slow);
    come(b_);
    tell(next("a", 2));
    auto owes = next("a", 2);
    owes.owned = parts("orders-0 orders-1 orders-2 orders-3");
    for (int n = 0; n < 19; ++n) {
        pass(Millis(1'000));  // However often it is heard of.
        EXPECT_EQ(refusal(owes), GroupError::none);
        beat(b_);
    }
    pass(Millis(999));
    EXPECT_EQ(consumers().members().size(), 2U);
    pass(Millis(1));
    EXPECT_EQ(refusal(owes), GroupError::unknown_member);
    EXPECT_EQ(show(beat(b_).assignment), "orders-0 orders-1 orders-2 orders-3");
}
TEST_F(ConsumerLimits, each_thing_to_give_back_has_its_own_time) {
    auto slow = first("a");
    slow.rebalance_timeout = Millis(20'000);
    tell(slow);
    come(b_);
    tell(next("a", 2));
    pass(Millis(15'000));
    come(c_);
    ASSERT_EQ(target("a"), "orders-0 orders-1");  // Two have one each.
    leave(c_);
    make("orders", 2);
    make("others", 1);
    beat(b_);
    ASSERT_EQ(target("a"), "orders-0");
    auto gave = next("a", 2);
    gave.owned = parts("orders-0 orders-1");
    EXPECT_EQ(tell(gave).epoch, 3);
    EXPECT_EQ(gives_back("a"), "orders-1");
    pass(Millis(15'000));
    EXPECT_TRUE(consumers().find("a"));
    pass(Millis(5'000));
    EXPECT_FALSE(consumers().find("a"));
}
TEST_F(ConsumerLimits, after_a_failover_each_has_its_time_again) {
    come(a_);
    come(b_);
    tell(next("a", 2));
    pass(Millis(40'000));
    fail_over();
    pass(Millis(40'000));
    EXPECT_EQ(consumers().members().size(), 2U);
    EXPECT_EQ(beat(b_).error, GroupError::none);
    EXPECT_EQ(gives_back("a"), "orders-2 orders-3");
    pass(Millis(5'000));
    EXPECT_EQ(consumers().members().size(), 1U);
    fail_over();
    EXPECT_EQ(show(beat(b_).assignment), "orders-0 orders-1 orders-2 orders-3");
}
TEST_F(ConsumerLimits, who_owes_has_its_rebalance_timeout_after_a_failover) {
    auto slow = first("a");
    slow.rebalance_timeout = Millis(20'000);
    tell(slow);
    come(b_);
    tell(next("a", 2));
    fail_over();
    pass(Millis(19'999));
    EXPECT_TRUE(consumers().find("a"));
    pass(Millis(1));
    EXPECT_FALSE(consumers().find("a"));
}
TEST_F(ConsumerLimits, a_group_may_have_its_own_times_within_bounds) {
    set("consumer.session.timeout.ms", "50000");
    set("consumer.heartbeat.interval.ms", "7000");
    EXPECT_EQ(come(a_).interval, Millis(7'000));
    pass(Millis(49'999));
    EXPECT_EQ(phase(), "Stable");
    pass(Millis(1));
    EXPECT_EQ(phase(), "Empty");

    set("consumer.session.timeout.ms", "1");
    set("consumer.heartbeat.interval.ms", "1");
    EXPECT_EQ(come(a_).interval, Millis(5'000));
    pass(Millis(44'999));
    EXPECT_EQ(phase(), "Stable");
    set("consumer.session.timeout.ms", "99999999");
    set("consumer.heartbeat.interval.ms", "99999999");
    EXPECT_EQ(beat(a_).interval, Millis(15'000));
    pass(Millis(59'999));
    EXPECT_EQ(phase(), "Stable");
    pass(Millis(1));
    EXPECT_EQ(phase(), "Empty");
}

// --- bounds --------------------------------------------------------------------------------------

TEST_F(ConsumerLimits, a_group_takes_no_more_members_than_it_may) {
    rules_.consumers.members_max = 2;
    machine_.set_rules(rules_);
    come(a_);
    tell(first_as("i", "b"));
    EXPECT_EQ(refusal(first("c")), GroupError::group_full);
    EXPECT_EQ(come(a_).error, GroupError::none);
    tell(next_as("i", "b", away_epoch));
    EXPECT_EQ(refusal(first("c")), GroupError::group_full);
    EXPECT_EQ(refusal(first_as("i", "new")), GroupError::none);
}
TEST_F(ConsumerLimits, what_members_say_has_a_bound) {
    rules_.consumers.said_bytes_max = 220;
    machine_.set_rules(rules_);
    std::string text(60, 'x');
    come(a_);
    EXPECT_EQ(refusal(first("b", {text})), GroupError::group_full);
    EXPECT_EQ(consumers().members().size(), 1U);
    auto more = next("a", 2);
    more.topics = {{text}};  // In the place of "orders".
    more.owned.emplace();
    EXPECT_EQ(tell(more).error, GroupError::none);
    more.epoch = 3;
    more.topics = {{text, text + "y"}};
    EXPECT_EQ(refusal(more), GroupError::group_full);
    EXPECT_EQ(consumers().subscribed(), std::set{text});
    leave(a_);
    EXPECT_EQ(refusal(first("b", {text})), GroupError::none);
}
TEST_F(ConsumerLimits, many_short_names_cost_more_than_their_letters) {
    rules_.consumers.said_bytes_max = 64'000;
    machine_.set_rules(rules_);
    std::set<std::string> names;
    for (int n = 0; n < 1'000; ++n) names.insert(std::to_string(n));
    EXPECT_EQ(refusal(first("a", names)), GroupError::group_full);
    names.erase(names.begin(), std::next(names.begin(), 100));
    EXPECT_EQ(refusal(first("a", names)), GroupError::none);
}
TEST_F(ConsumerLimits, in_a_full_group_who_says_no_more_stays) {
    come(a_, {"orders"});
    come(b_, {"orders"});
    rules_.consumers.said_bytes_max = 1;  // As where it was a classic one, whose members count for less.
    rules_.consumers.members_max = 1;
    machine_.set_rules(rules_);
    EXPECT_EQ(refusal(first("c")), GroupError::group_full);
    share({&a_, &b_});
    EXPECT_EQ(come(a_, {"orders"}).error, GroupError::none);
    auto more = next("a", a_.epoch);
    more.topics = {{"orders", "pays"}};
    EXPECT_EQ(refusal(more), GroupError::group_full);
}
TEST_F(ConsumerLimits, what_patterns_match_has_a_bound) {
    auto make_each = [&](std::string_view letters) {
        for (auto letter : letters) make(std::string("pay") + letter, 1);
    };
    auto by = [&](const std::string& id, const std::string& pattern) {
        auto wanted = first(id, {});
        wanted.pattern = pattern;
        return wanted;
    };
    make_each("abcde");
    rules_.consumers.said_bytes_max = 11 * 68;  // Names, with what each costs beside its letters.
    machine_.set_rules(rules_);
    EXPECT_EQ(refusal(by("a", "pay.")), GroupError::none);
    EXPECT_EQ(refusal(by("b", "pay[a-z]")), GroupError::none);
    auto records = log_.size();
    EXPECT_EQ(refusal(by("c", "pay.+")), GroupError::invalid_pattern);
    EXPECT_EQ(log_.size(), records);
    EXPECT_EQ(refusal(by("c", "pay.")), GroupError::none);  // Matched once, however many name it.
    EXPECT_EQ(refusal(by("d", "paya")), GroupError::none);
    EXPECT_EQ(consumers().matched_bytes(), 11U * 68);
    // Each may grow as long as there is room; then it stays as it was.
    leave(Consumer{"d"});
    make_each("f");
    pass(Millis(2'000));
    EXPECT_EQ(refusal(next("a", 2)), GroupError::none);
    EXPECT_EQ(consumers().patterns().at("pay.").topics.size(), 6U);
    EXPECT_EQ(consumers().patterns().at("pay[a-z]").topics.size(), 5U);
    for (auto* topic : {"paya", "payb"}) unmake(topic);
    pass(Millis(2'000));
    EXPECT_EQ(refusal(next("a", consumers().find("a")->current.epoch)), GroupError::none);
    EXPECT_EQ(consumers().patterns().at("pay[a-z]").topics.size(), 4U);
}

}  // namespace
}  // namespace fulmar::group
