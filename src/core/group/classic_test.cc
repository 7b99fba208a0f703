#include "core/group/classic.h"

#include "tests/core/coordinator_stage.h"

namespace fulmar::group {
namespace {

class ClassicGroups : public CoordinatorStage {};

// --- rebalances ----------------------------------------------------------------------------------

TEST_F(ClassicGroups, the_first_members_gather_and_share_a_generation) {
    auto first = ask(join());
    pass(Millis(2'900));
    EXPECT_FALSE(answer(first));
    auto second = ask(join());
    pass(Millis(2'900));  // Somebody came: it waits once more.
    EXPECT_FALSE(answer(first));
    pass(Millis(200));
    auto leader = answer(first).value(), follower = answer(second).value();
    EXPECT_EQ(leader.generation, 1);
    EXPECT_EQ(follower.generation, 1);
    EXPECT_EQ(leader.leader, leader.member_id);
    EXPECT_EQ(follower.leader, leader.member_id);
    EXPECT_EQ(leader.members.size(), 2U);
    EXPECT_TRUE(follower.members.empty());
    EXPECT_EQ(leader.protocol, "range");

    auto waits = ask(sync(follower));
    EXPECT_FALSE(answer<Synced>(waits));
    EXPECT_EQ(now<Synced>(sync(leader)).assignment, "for m1 in 1");
    EXPECT_EQ(answer<Synced>(waits)->assignment, "for m2 in 1");
    EXPECT_EQ(group().phase, Phase::stable);
    EXPECT_EQ(beat("m1", 1), GroupError::none);
}
TEST_F(ClassicGroups, who_comes_for_ever_delays_a_group_no_longer_than_its_time) {
    auto first = ask(join());
    for (int n = 0; n < 70 && !answer(first); ++n) {
        ask(join());
        pass(Millis(1'000));
    }
    EXPECT_TRUE(answer(first));
    EXPECT_LE(clocks_.now, Instant{1'000} + Millis(61'000));
}
TEST_F(ClassicGroups, a_member_that_comes_makes_all_others_join_again) {
    auto members = group_of(2);
    auto third = ask(join());
    EXPECT_EQ(beat("m1", 1), GroupError::rebalance_in_progress);
    auto first = ask(join("m1")), second = ask(join("m2"));
    EXPECT_EQ(answer(first)->generation, 2);
    EXPECT_EQ(answer(second)->generation, 2);
    EXPECT_EQ(answer(third)->generation, 2);
    EXPECT_EQ(beat("m1", 1), GroupError::illegal_generation);
}
TEST_F(ClassicGroups, who_does_not_join_again_in_time_is_out) {
    group_of(3);
    auto newcomer = ask(join()), first = ask(join("m1"));
    for (int n = 0; n < 59; ++n) {  // The others are there, but do not join.
        pass(Millis(1'000));
        for (auto id : {"m2", "m3"}) EXPECT_EQ(beat(id, 1), GroupError::rebalance_in_progress);
    }
    EXPECT_FALSE(answer(newcomer));
    pass(Millis(1'000));
    EXPECT_EQ(answer(first)->members.size(), 2U);
    EXPECT_EQ(beat("m2", 1), GroupError::unknown_member);
}
TEST_F(ClassicGroups, when_the_leader_is_gone_another_one_leads) {
    group_of(3);
    EXPECT_EQ(leave("m1"), GroupError::none);
    auto second = ask(join("m2")), third = ask(join("m3"));
    EXPECT_EQ(answer(second)->leader, answer(third)->leader);
    EXPECT_NE(answer(second)->leader, "m1");
}
TEST_F(ClassicGroups, who_does_not_ask_for_its_assignment_is_out) {
    group_of(2);
    ask(join("m1"));
    auto second = answer(ask(join("m2"))).value();
    EXPECT_EQ(second.generation, 2);
    for (int n = 0; n < 60; ++n) {
        for (auto id : {"m1", "m2"}) EXPECT_EQ(beat(id, 2), GroupError::none);
        pass(Millis(1'000));
    }
    EXPECT_EQ(beat("m1", 2), GroupError::unknown_member);
    EXPECT_EQ(group().phase, Phase::empty);
}
TEST_F(ClassicGroups, a_rebalance_ends_the_wait_for_an_assignment) {
    group_of(2);
    ask(join("m1"));
    auto second = answer(ask(join("m2"))).value();
    auto waits = ask(sync(second));
    ask(join());
    EXPECT_EQ(answer<Synced>(waits)->error, GroupError::rebalance_in_progress);
}
TEST_F(ClassicGroups, most_votes_among_what_all_know_choose) {
    auto a = ask(join("", {"sticky", "range"})), b = ask(join("", {"roundrobin", "range"}));
    auto c = ask(join("", {"range", "sticky"}));
    pass(Millis(6'100));
    EXPECT_EQ(answer(a)->protocol, "range");
    EXPECT_EQ(answer(c)->protocol, answer(b)->protocol);
    EXPECT_EQ(now<Joined>(join("", {"roundrobin"})).error, GroupError::inconsistent_protocol);
    auto connect = join();
    connect.protocol_type = "connect";
    EXPECT_EQ(now<Joined>(connect).error, GroupError::inconsistent_protocol);
    EXPECT_EQ(now<Joined>(join("", {})).error, GroupError::inconsistent_protocol);
}
TEST_F(ClassicGroups, an_answer_that_was_lost_is_given_again) {
    auto members = group_of(2);
    EXPECT_EQ(now<Joined>(join("m2")).generation, 1);  // A follower that says what it said before.
    EXPECT_EQ(now<Synced>(sync(members[1])).assignment, "for m2 in 1");
    EXPECT_EQ(group().phase, Phase::stable);
    ask(join("m1"));  // A leader wants a rebalance.
    EXPECT_EQ(group().phase, Phase::preparing_rebalance);
    auto held = ask(join("m1"));
    ask(join("m2"));
    EXPECT_EQ(answer(held)->generation, 2);
    EXPECT_EQ(now<Joined>(join("m1")).generation, 2);
    EXPECT_EQ(group().phase, Phase::completing_rebalance);
}

// --- refusals ------------------------------------------------------------------------------------

TEST_F(ClassicGroups, strangers_are_refused) {
    EXPECT_EQ(now<Joined>(join("nobody")).error, GroupError::unknown_member);
    EXPECT_EQ(beat("nobody", 1), GroupError::unknown_member);
    auto hasty = join();
    hasty.session_timeout = Millis(5'999);
    EXPECT_EQ(now<Joined>(hasty).error, GroupError::invalid_session_timeout);
    auto nameless = join();
    nameless.group = "";
    EXPECT_EQ(now<Joined>(nameless).error, GroupError::invalid_group_id);
    EXPECT_EQ(machine_.groups(), 0U);
    auto members = group_of(1);
    EXPECT_EQ(now<Joined>(join("nobody")).error, GroupError::unknown_member);
    EXPECT_EQ(beat("m99", 1), GroupError::unknown_member);
    auto wrong = sync(members[0]);
    wrong.generation = 2;
    EXPECT_EQ(now<Synced>(wrong).error, GroupError::illegal_generation);
    wrong = sync(members[0]);
    wrong.protocol = "sticky";
    EXPECT_EQ(now<Synced>(wrong).error, GroupError::inconsistent_protocol);
    EXPECT_EQ(leave("nobody"), GroupError::unknown_member);
}
TEST_F(ClassicGroups, a_group_takes_no_more_than_it_may) {
    rules_.members_max = 2;
    machine_.set_rules(rules_);
    group_of(2);
    EXPECT_EQ(now<Joined>(join()).error, GroupError::group_full);
    EXPECT_EQ(group().phase, Phase::stable);
    ask(join("m1"));
    EXPECT_EQ(answer(ask(join("m2")))->generation, 2);
}
TEST_F(ClassicGroups, a_new_member_is_told_its_id_first) {
    auto wanted = join();
    wanted.must_know_id = true;
    auto told = now<Joined>(wanted);
    EXPECT_EQ(told.error, GroupError::member_id_required);
    EXPECT_EQ(told.member_id, "m1");
    auto joined = ask(join("m1"));
    pass(Millis(3'000));
    EXPECT_EQ(answer(joined)->member_id, "m1");
    ask(sync(*answer(joined)));
    // One that does not come back with it holds nobody up for longer than its session.
    wanted = join();
    wanted.must_know_id = true;
    now<Joined>(wanted);
    auto again = ask(join("m1"));
    EXPECT_FALSE(answer(again));
    pass(Millis(10'000));
    EXPECT_EQ(answer(again)->generation, 2);
}
TEST_F(ClassicGroups, an_id_that_nobody_came_back_with_leaves_nothing) {
    auto wanted = join();
    wanted.must_know_id = true;
    now<Joined>(wanted);
    EXPECT_EQ(machine_.groups(), 1U);
    pass(Millis(10'000));
    EXPECT_EQ(machine_.groups(), 0U);
    EXPECT_TRUE(log_.empty());
}

// --- sessions ------------------------------------------------------------------------------------

TEST_F(ClassicGroups, who_is_not_heard_of_is_out_and_the_rest_share_anew) {
    group_of(2);
    for (int n = 0; n < 3; ++n) {
        pass(Millis(4'000));
        auto error = beat("m1", 1);
        EXPECT_EQ(error, n < 2 ? GroupError::none : GroupError::rebalance_in_progress);
    }
    EXPECT_EQ(answer(ask(join("m1")))->members.size(), 1U);
}
TEST_F(ClassicGroups, commits_keep_a_member_alive) {
    group_of(1);
    for (int n = 0; n < 10; ++n) {
        pass(Millis(9'000));
        EXPECT_EQ(commit("m1", 1, n), GroupError::none);
    }
    EXPECT_EQ(group().phase, Phase::stable);
}
TEST_F(ClassicGroups, a_wait_does_not_cost_a_member_its_place) {
    group_of(2);
    auto first = ask(join("m1"));
    for (int n = 0; n < 50; ++n) {
        pass(Millis(1'000));
        EXPECT_EQ(beat("m2", 1), GroupError::rebalance_in_progress);
    }
    EXPECT_FALSE(answer(first));
    ask(join("m2"));
    EXPECT_EQ(answer(first)->generation, 2);
}
TEST_F(ClassicGroups, a_group_that_all_have_left_is_empty_and_says_so_in_the_log) {
    group_of(2);
    EXPECT_EQ(leave("m1"), GroupError::none);
    EXPECT_EQ(leave("m2"), GroupError::none);
    EXPECT_EQ(group().phase, Phase::empty);
    auto& last = std::get<WroteGroup>(std::get<GroupEvent>(log_.back()));
    EXPECT_TRUE(last.what->members.empty());
    EXPECT_EQ(last.what->generation, 2);
    EXPECT_EQ(leave("m2"), GroupError::unknown_member);
    auto again = ask(join());
    pass(Millis(3'000));
    EXPECT_EQ(answer(again)->generation, 3);
}
TEST_F(ClassicGroups, who_leaves_while_it_waits_is_told) {
    auto waits = ask(join());
    EXPECT_EQ(leave("m1"), GroupError::none);
    EXPECT_EQ(answer(waits)->error, GroupError::unknown_member);
}

// --- static members ------------------------------------------------------------------------------

TEST_F(ClassicGroups, a_static_member_comes_back_without_a_rebalance) {
    auto a = ask(join_as("a")), b = ask(join_as("b"));
    pass(Millis(6'000));
    auto leader = answer(a).value(), follower = answer(b).value();
    ask(sync(follower));
    ask(sync(leader));
    auto back = join_as("b");
    auto told = now<Joined>(back);
    EXPECT_EQ(told.error, GroupError::none);
    EXPECT_EQ(told.generation, 1);
    EXPECT_EQ(told.leader, leader.member_id);
    EXPECT_EQ(group().phase, Phase::stable);
    EXPECT_EQ(now<Synced>(sync(told)).assignment, "for m2 in 1");
    // Whoever still has the old id is another process.
    auto old = Heartbeat{"g", follower.member_id, "b", 1};
    EXPECT_EQ(now<Beaten>(old).error, GroupError::fenced_instance);
    EXPECT_EQ(now<Joined>(join_as("b", "m2")).error, GroupError::fenced_instance);
    // The leader does not assign anew: an old client is told that it does not lead.
    auto leads = now<Joined>(join_as("a"));
    EXPECT_NE(leads.leader, leads.member_id);
    EXPECT_TRUE(leads.members.empty());
    back = join_as("a");
    back.can_skip_assign = true;
    leads = now<Joined>(back);
    EXPECT_EQ(leads.leader, leads.member_id);
    EXPECT_TRUE(leads.skip_assign);
    EXPECT_EQ(leads.members.size(), 2U);
    fail_over();
    EXPECT_EQ(group().static_ids.at("a"), leads.member_id);
}
TEST_F(ClassicGroups, a_static_member_that_takes_its_own_place_fences_who_waits_there) {
    auto first = ask(join_as("a"));
    auto second = ask(join_as("a"));
    EXPECT_EQ(answer(first)->error, GroupError::fenced_instance);
    pass(Millis(6'000));
    EXPECT_EQ(answer(second)->generation, 1);
    EXPECT_EQ(group().members.size(), 1U);
}
TEST_F(ClassicGroups, a_static_member_keeps_its_place_until_its_session_is_over) {
    auto a = ask(join_as("a")), b = ask(join());
    pass(Millis(6'000));
    ask(sync(*answer(b)));
    ask(sync(*answer(a)));
    auto id = answer(b)->member_id;
    auto again = ask(join(id, {"range", "other"}));
    for (int n = 0; n < 9; ++n) pass(Millis(1'000));
    EXPECT_FALSE(answer(again));
    pass(Millis(1'100));
    EXPECT_EQ(answer(again)->members.size(), 1U);
}
TEST_F(ClassicGroups, an_operator_removes_a_static_member_by_its_instance) {
    ask(join_as("a"));
    pass(Millis(6'000));
    auto left = now<Left>(Leave{"g", {{"", "a"}, {"", "b"}, {"m9", "a"}}});
    EXPECT_EQ(left.members,
              (std::vector{GroupError::none, GroupError::unknown_member, GroupError::fenced_instance}));
    EXPECT_EQ(group().phase, Phase::empty);
}

// --- a coordinator that begins anew ----------------------------------------------------------------

TEST_F(ClassicGroups, another_coordinator_goes_on_where_the_log_says) {
    auto members = group_of(2);
    commit("m1", 1, 7);
    auto before = group();
    fail_over();
    EXPECT_TRUE(same_hard_state(before, group()));
    EXPECT_EQ(committed(), 7);
    EXPECT_EQ(beat("m2", 1), GroupError::none);
    EXPECT_EQ(now<Synced>(sync(members[1])).assignment, "for m2 in 1");
    pass(Millis(9'000));
    EXPECT_EQ(beat("m2", 1), GroupError::none);
    pass(Millis(1'100));  // Nothing was heard of the other one in this life.
    EXPECT_EQ(beat("m1", 1), GroupError::unknown_member);
    EXPECT_EQ(answer(ask(join("m2")))->generation, 2);
}
TEST_F(ClassicGroups, a_generation_that_the_log_does_not_know_has_not_been) {
    group_of(2);
    ask(join("m1"));
    auto second = answer(ask(join("m2"))).value();
    EXPECT_EQ(second.generation, 2);
    fail_over();
    EXPECT_EQ(beat("m2", 2), GroupError::illegal_generation);
    EXPECT_EQ(now<Synced>(sync(second)).error, GroupError::illegal_generation);
}

}  // namespace
}  // namespace fulmar::group
