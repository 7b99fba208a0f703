#include "core/group/mixed.h"

#include "tests/core/migration_stage.h"

namespace fulmar::group {
namespace {

// Classic members of a consumer group.
class MixedGroups : public MigrationStage {
protected:
    // Two of them and a consumer, at rest in epoch 2: m1 has the first two partitions, m2 the third and "a"
    // the last.
    void mix() {
        begin();
        come(a_);
        share({&a_}, {&m1_, &m2_});
        ASSERT_EQ(epoch(), 2);
        ASSERT_EQ(has("m1"), "orders-0 orders-1");
    }
    GroupError refused(const Join& join) { return now<Joined>(join).error; }

    Classic m3_;
};

TEST_F(MixedGroups, they_give_back_and_get_as_others_do) {
    begin();
    come(a_);
    // The epoch of m1 grows, though it keeps what it has.
    EXPECT_EQ(beat(m1_), GroupError::rebalance_in_progress);
    EXPECT_EQ(join(m1_), GroupError::none);
    EXPECT_EQ(m1_.generation, 2);
    EXPECT_EQ(sync(m1_), GroupError::none);
    EXPECT_EQ(beat(m1_), GroupError::none);
    // It hears what it has to give back by what it is told that it has.
    EXPECT_EQ(beat(m2_), GroupError::rebalance_in_progress);
    EXPECT_EQ(join(m2_), GroupError::none);
    EXPECT_EQ(m2_.generation, 1);
    EXPECT_EQ(gives_back("m2"), "orders-3");
    EXPECT_EQ(sync(m2_), GroupError::none);
    EXPECT_EQ(show(m2_.has), "orders-2");
    EXPECT_EQ(beat(a_).assignment, std::nullopt);
    EXPECT_EQ(beat(m2_), GroupError::rebalance_in_progress);
    EXPECT_EQ(join(m2_), GroupError::none);
    EXPECT_EQ(m2_.generation, 2);
    EXPECT_EQ(show(beat(a_).assignment), "orders-3");
    EXPECT_EQ(phase(), "Stable");
}
TEST_F(MixedGroups, who_waits_for_another_joins_once_that_is_free) {
    come(a_);
    EXPECT_EQ(join(m3_), GroupError::none);
    EXPECT_EQ(m3_.generation, 3);
    EXPECT_EQ(sync(m3_), GroupError::none);
    EXPECT_EQ(show(m3_.has), "");
    EXPECT_EQ(target(m3_.id), "orders-2 orders-3");
    EXPECT_EQ(beat(m3_), GroupError::none);
    beat(a_);
    EXPECT_EQ(beat(m3_), GroupError::none);
    beat(a_);
    EXPECT_EQ(beat(m3_), GroupError::rebalance_in_progress);
    EXPECT_EQ(join(m3_), GroupError::none);
    EXPECT_EQ(sync(m3_), GroupError::none);
    EXPECT_EQ(show(m3_.has), "orders-2 orders-3");
}
TEST_F(MixedGroups, all_that_leads_elsewhere_to_a_leader_leads_to_none_here) {
    mix();
    auto told = now<Joined>(joining(m1_));
    EXPECT_EQ(told.leader, "");
    EXPECT_TRUE(told.members.empty());
    EXPECT_EQ(told.protocol, "sticky");
    EXPECT_EQ(told.protocol_type, "consumer");
}
TEST_F(MixedGroups, what_they_say_when_they_join_counts) {
    make("pays", 1);
    mix();
    auto wanted = joining(m1_);
    wanted.protocols[0].metadata = says(m1_.has, {"orders", "pays"});
    EXPECT_EQ(now<Joined>(wanted).error, GroupError::none);
    EXPECT_EQ(epoch(), 3);
    EXPECT_EQ(target("m1"), "orders-1 pays-0");
    wanted.protocols[0].metadata = says(parts("orders-1"), {"orders", "pays"});
    m1_.generation = now<Joined>(wanted).generation;
    EXPECT_EQ(m1_.generation, 3);
    EXPECT_EQ(sync(m1_), GroupError::none);
    EXPECT_EQ(show(m1_.has), "orders-1 pays-0");
    EXPECT_EQ(beat(m1_), GroupError::none);
    make("pays", 2);  // Which a consumer notices.
    EXPECT_EQ(beat(a_).error, GroupError::none);
    EXPECT_EQ(beat(m1_), GroupError::rebalance_in_progress);
}

// --- refusals ------------------------------------------------------------------------------------

TEST_F(MixedGroups, a_new_member_is_told_its_id_first) {
    mix();
    auto wanted = joining(m3_);
    wanted.must_know_id = true;
    auto told = now<Joined>(wanted);
    EXPECT_EQ(told.error, GroupError::member_id_required);
    EXPECT_EQ(told.member_id, wanted.new_member_id);
    EXPECT_EQ(consumers().members().size(), 3U);
    wanted.member_id = told.member_id;
    EXPECT_EQ(now<Joined>(wanted).generation, 3);
    // With an instance id it is known anyhow.
    wanted = joining({.instance_id = "i"});
    wanted.must_know_id = true;
    EXPECT_EQ(refused(wanted), GroupError::none);
}
TEST_F(MixedGroups, who_does_not_fit_is_refused_and_changes_nothing) {
    mix();
    auto records = log_.size();
    auto wanted = joining(m3_);
    wanted.group = "";
    EXPECT_EQ(refused(wanted), GroupError::invalid_group_id);
    wanted = joining(m3_);
    wanted.session_timeout = Millis(5'999);
    EXPECT_EQ(refused(wanted), GroupError::invalid_session_timeout);
    wanted = joining(m3_);
    wanted.protocol_type = "connect";
    EXPECT_EQ(refused(wanted), GroupError::inconsistent_protocol);
    wanted = joining(m3_);
    wanted.protocols.clear();
    EXPECT_EQ(refused(wanted), GroupError::inconsistent_protocol);
    wanted = joining(m3_);
    wanted.protocols[0].name = "range";  // The other classic ones do not know it.
    EXPECT_EQ(refused(wanted), GroupError::inconsistent_protocol);
    wanted = joining(m3_);
    wanted.protocols[0].metadata = "?";
    EXPECT_EQ(refused(wanted), GroupError::inconsistent_protocol);
    wanted = joining({"m1", "i"});
    EXPECT_EQ(refused(wanted), GroupError::unknown_member);
    rules_.consumers.members_max = 3;
    machine_.set_rules(rules_);
    EXPECT_EQ(refused(joining(m3_)), GroupError::group_full);
    rules_.consumers.members_max = 100;
    rules_.consumers.said_bytes_max = consumers().said_bytes() + 10;
    machine_.set_rules(rules_);
    EXPECT_EQ(refused(joining(m3_)), GroupError::group_full);
    EXPECT_EQ(refused(joining(m1_)), GroupError::none);
    EXPECT_EQ(log_.size(), records);
}
// To read it takes memory by its size, so what is too large is never found to be malformed.
TEST_F(MixedGroups, what_is_too_large_is_refused_unread) {
    mix();
    auto wanted = joining(m3_);
    wanted.protocols[0].metadata = std::string(2'000, '?');
    EXPECT_EQ(refused(wanted), GroupError::inconsistent_protocol);
    rules_.consumers.said_bytes_max = 1'999;
    machine_.set_rules(rules_);
    EXPECT_EQ(refused(wanted), GroupError::group_full);
    EXPECT_EQ(refused(joining(m3_)), GroupError::none);
}
TEST_F(MixedGroups, the_policy_may_keep_them_out) {
    come(a_);
    rules_.consumers.may_downgrade = false;
    machine_.set_rules(rules_);
    EXPECT_EQ(join(m1_), GroupError::none);
    rules_.consumers.may_upgrade = false;
    machine_.set_rules(rules_);
    EXPECT_EQ(join(m3_), GroupError::inconsistent_protocol);
}
TEST_F(MixedGroups, an_assignment_is_for_who_has_joined) {
    mix();
    auto ask_for = [&](auto change) {
        auto wanted = syncing(m1_);
        change(wanted);
        return now<Synced>(wanted).error;
    };
    EXPECT_EQ(ask_for([](Sync&) {}), GroupError::none);
    EXPECT_EQ(ask_for([](Sync& sync) { sync.group = ""; }), GroupError::invalid_group_id);
    EXPECT_EQ(ask_for([](Sync& sync) { sync.member_id = "m9"; }), GroupError::unknown_member);
    EXPECT_EQ(ask_for([](Sync& sync) { sync.member_id = "a"; }), GroupError::unknown_member);
    EXPECT_EQ(ask_for([](Sync& sync) { sync.instance_id = "i"; }), GroupError::unknown_member);
    EXPECT_EQ(ask_for([](Sync& sync) { sync.generation = 1; }), GroupError::illegal_generation);
    EXPECT_EQ(ask_for([](Sync& sync) { sync.protocol_type = "connect"; }), GroupError::inconsistent_protocol);
    EXPECT_EQ(ask_for([](Sync& sync) { sync.protocol = "range"; }), GroupError::inconsistent_protocol);
    come(b_);
    EXPECT_EQ(ask_for([](Sync&) {}), GroupError::rebalance_in_progress);
}
TEST_F(MixedGroups, heartbeats_of_either_kind_are_told_apart) {
    mix();
    EXPECT_EQ(now<Beaten>(Heartbeat{"", "m1", {}, 2}).error, GroupError::invalid_group_id);
    EXPECT_EQ(CoordinatorStage::beat("m9", 2), GroupError::unknown_member);
    EXPECT_EQ(CoordinatorStage::beat("a", 2), GroupError::unknown_member);
    EXPECT_EQ(CoordinatorStage::beat("m1", 1), GroupError::illegal_generation);
    EXPECT_EQ(CoordinatorStage::beat("m1", 3), GroupError::illegal_generation);
    EXPECT_EQ(refusal(next("m1", 2)), GroupError::unknown_member);
    EXPECT_EQ(refusal(next("m1", leave_epoch)), GroupError::unknown_member);
    // One that joins by the newer protocol has left the other one behind.
    EXPECT_EQ(refusal(first("m1")), GroupError::none);
    EXPECT_EQ(CoordinatorStage::beat("m1", 2), GroupError::unknown_member);
    EXPECT_EQ(consumers().classic_members(), 1U);
}
TEST_F(MixedGroups, they_leave_as_they_do_elsewhere) {
    m1_.instance_id = "i";
    mix();
    tell(first_as("j", "b"));
    auto told =
        now<Left>(Leave{"g", {{"m1", "j"}, {"m9", {}}, {"a", {}}, {"m2", {}}, {"m2", {}}, {"", "k"}}});
    EXPECT_EQ(told.error, GroupError::none);
    EXPECT_EQ(told.members, (std::vector{GroupError::fenced_instance, GroupError::unknown_member,
                                         GroupError::unknown_member, GroupError::none,
                                         GroupError::unknown_member, GroupError::unknown_member}));
    EXPECT_EQ(epoch(), 4);  // b came, m2 went.
    // An operator removes whoever has the place.
    told = now<Left>(Leave{"g", {{"", "i"}, {"", "j"}}});
    EXPECT_EQ(told.members, (std::vector{GroupError::none, GroupError::none}));
    EXPECT_EQ(epoch(), 5);
    EXPECT_EQ(consumers().members().size(), 1U);
    EXPECT_EQ(now<Left>(Leave{"", {{"a", {}}}}).error, GroupError::invalid_group_id);
}

// --- static members ------------------------------------------------------------------------------

TEST_F(MixedGroups, a_static_member_comes_back_to_its_place) {
    m1_.instance_id = "i";
    mix();
    Classic back{.instance_id = "i"};
    EXPECT_EQ(join(back), GroupError::none);
    EXPECT_NE(back.id, "m1");
    EXPECT_EQ(back.generation, 2);
    EXPECT_EQ(sync(back), GroupError::none);
    EXPECT_EQ(show(back.has), "orders-0 orders-1");
    EXPECT_EQ(epoch(), 2);
    EXPECT_EQ(phase(), "Stable");
    EXPECT_EQ(beat(m1_), GroupError::fenced_instance);
    EXPECT_EQ(sync(m1_), GroupError::fenced_instance);
    EXPECT_EQ(join(m1_), GroupError::fenced_instance);
    EXPECT_EQ(beat(back), GroupError::none);
    fail_over();
    EXPECT_EQ(beat(back), GroupError::none);
}
TEST_F(MixedGroups, a_static_consumer_may_come_back_by_the_classic_protocol) {
    mix();
    take_up(b_, tell(first_as("i", "b")));
    share({&a_, &b_}, {&m1_, &m2_});
    ASSERT_EQ(has("b"), "orders-1");
    tell(next_as("i", "b", away_epoch));
    Classic back{.instance_id = "i"};
    EXPECT_EQ(join(back), GroupError::none);
    EXPECT_EQ(back.generation, 3);
    EXPECT_EQ(sync(back), GroupError::none);
    EXPECT_EQ(show(back.has), "orders-1");
    EXPECT_EQ(refusal(next_as("i", "b", 3)), GroupError::fenced_instance);
}

// --- time ----------------------------------------------------------------------------------------

TEST_F(MixedGroups, each_has_the_session_that_it_asked_for) {
    mix();
    pass(Millis(9'000));
    EXPECT_EQ(beat(m1_), GroupError::none);
    pass(Millis(999));
    EXPECT_TRUE(consumers().find("m2"));
    pass(Millis(1));
    EXPECT_FALSE(consumers().find("m2"));
    EXPECT_TRUE(consumers().find("m1"));
    fail_over();
    pass(Millis(9'999));
    EXPECT_TRUE(consumers().find("m1"));
    pass(Millis(1));
    EXPECT_FALSE(consumers().find("m1"));
    EXPECT_TRUE(consumers().find("a"));
}
TEST_F(MixedGroups, who_is_told_to_join_has_its_rebalance_timeout) {
    mix();
    come(b_);
    for (int n = 0; n < 60; ++n) {
        EXPECT_EQ(beat(m1_), GroupError::rebalance_in_progress);
        turn(m2_);
        beat(a_);
        beat(b_);
        pass(Millis(1'000));
    }
    EXPECT_FALSE(consumers().find("m1"));
    EXPECT_TRUE(consumers().find("m2"));
}
TEST_F(MixedGroups, who_joined_has_its_rebalance_timeout_to_ask_for_its_assignment) {
    mix();
    EXPECT_EQ(join(m3_), GroupError::none);
    for (int n = 0; n < 3; ++n) turn(m1_), turn(m2_), beat(a_);
    for (int n = 0; n < 60; ++n) {
        EXPECT_EQ(beat(m3_), GroupError::rebalance_in_progress);  // What it waits for is free.
        for (auto* each : {&m1_, &m2_}) EXPECT_EQ(beat(*each), GroupError::none);
        beat(a_);
        pass(Millis(1'000));
    }
    EXPECT_FALSE(consumers().find(m3_.id));
    EXPECT_TRUE(consumers().find("m1"));
}

// --- commits -------------------------------------------------------------------------------------

TEST_F(MixedGroups, they_commit_in_their_generation) {
    m1_.instance_id = "i";
    mix();
    EXPECT_EQ(commit("m1", 2, 5), GroupError::none);  // Whatever the version.
    EXPECT_EQ(commit("m1", 1, 6), GroupError::illegal_generation);
    EXPECT_EQ(commit("m9", 2, 6), GroupError::unknown_member);
    EXPECT_EQ(commit("a", 2, 6), GroupError::unsupported_version);
    Coordinator::Commit wanted{"g", "m2", "i", 2, {}, {{{"orders", 0}, {}}}};
    EXPECT_EQ(now<Coordinator::Placed>(wanted).error, GroupError::fenced_instance);
    wanted.instance_id = "j";
    EXPECT_EQ(now<Coordinator::Placed>(wanted).error, GroupError::unknown_member);
    EXPECT_EQ(committed(), 5);
    Coordinator::FetchOffsets fetch{"g", std::nullopt, "m1", 1};
    EXPECT_EQ(now<Coordinator::Fetched>(fetch).error, GroupError::illegal_generation);
    fetch.epoch = 2;
    EXPECT_EQ(now<Coordinator::Fetched>(fetch).error, GroupError::none);
}

}  // namespace
}  // namespace fulmar::group
