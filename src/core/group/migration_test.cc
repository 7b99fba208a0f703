#include "core/group/migration.h"

#include "tests/core/migration_stage.h"

namespace fulmar::group {
namespace {

class Migration : public MigrationStage {
protected:
    // The first heartbeat is refused, and the group is as it was.
    void expect_no_upgrade() {
        auto before = group();
        auto records = log_.size();
        EXPECT_EQ(refusal(first("a")), GroupError::unknown_group);
        EXPECT_EQ(log_.size(), records);
        ASSERT_TRUE(machine_.find("g"));
        EXPECT_TRUE(same_hard_state(before, group()));
        EXPECT_EQ(before.phase, group().phase);
    }
    // A consumer brings the group over, has its share, and leaves.
    void go_and_come_back() {
        begin();
        come(a_);
        share({&a_}, {&m1_, &m2_});
        leave(a_);
    }
    GroupError delete_group() { return now<Coordinator::Deleted>(Coordinator::Delete{{"g"}}).groups.at(0); }
};

// --- to the newer protocol -----------------------------------------------------------------------

TEST_F(Migration, the_first_heartbeat_takes_a_classic_group_over) {
    begin();
    CoordinatorStage::commit("m1", 1, 7);
    auto told = come(a_);
    EXPECT_EQ(told.error, GroupError::none);
    EXPECT_EQ(told.epoch, 2);  // After the generation.
    EXPECT_EQ(show(told.assignment), "");
    EXPECT_EQ(machine_.find("g"), nullptr);
    EXPECT_EQ(consumers().members().size(), 3U);
    EXPECT_EQ(consumers().classic_members(), 2U);
    EXPECT_EQ(has("m1"), "orders-0 orders-1");
    EXPECT_EQ(has("m2"), "orders-2 orders-3");
    EXPECT_EQ(consumers().find("m1")->current.epoch, 1);
    EXPECT_EQ(consumers().find("m1")->said.topics, std::set<std::string>{"orders"});
    EXPECT_EQ(phase(), "Reconciling");
    EXPECT_EQ(committed(), 7);
    for (int n = 0; n < 2; ++n) {
        EXPECT_EQ(beat(m1_), GroupError::rebalance_in_progress);
        EXPECT_EQ(beat(m2_), GroupError::rebalance_in_progress);
        fail_over();
        EXPECT_EQ(consumers().classic_members(), 2U);
    }
    share({&a_}, {&m1_, &m2_});
    EXPECT_EQ(show(a_.has), "orders-3");
    EXPECT_EQ(show(m1_.has), "orders-0 orders-1");
    EXPECT_EQ(show(m2_.has), "orders-2");
}
TEST_F(Migration, once_the_last_classic_member_has_gone_it_is_a_group_like_others) {
    begin();
    come(a_);
    leave(m1_);
    leave(m2_);
    share({&a_});
    EXPECT_EQ(show(a_.has), "orders-0 orders-1 orders-2 orders-3");
    EXPECT_EQ(consumers().classic_members(), 0U);
}
TEST_F(Migration, who_waits_to_join_is_told_to_ask_again) {
    begin();
    auto waits = ask(joining(m1_)), fresh = ask(joining({}));
    ASSERT_EQ(group().phase, Phase::preparing_rebalance);
    come(a_);
    EXPECT_EQ(answer(waits)->error, GroupError::rebalance_in_progress);
    EXPECT_EQ(answer(fresh)->error, GroupError::rebalance_in_progress);
    EXPECT_EQ(answer(fresh)->member_id, "m4");
    EXPECT_EQ(has("m1"), "orders-0 orders-1");
    EXPECT_EQ(has("m4"), "");
    EXPECT_EQ(now<Joined>(joining({"m4"})).error, GroupError::none);
}
TEST_F(Migration, who_waits_for_its_assignment_is_told_to_ask_again) {
    begin();
    ask(joining(m1_));
    m2_.generation = answer(ask(joining(m2_)))->generation;
    auto waits = ask(syncing(m2_));
    ASSERT_EQ(group().phase, Phase::completing_rebalance);
    come(a_);
    EXPECT_EQ(answer<Synced>(waits)->error, GroupError::rebalance_in_progress);
    EXPECT_EQ(a_.epoch, 3);
}
TEST_F(Migration, what_a_member_has_amid_a_rebalance_nobody_else_gets) {
    begin();
    auto newcomer = ask(joining({}));
    ask(joining(m1_));
    ask(joining(m2_));
    m1_.generation = m2_.generation = answer(newcomer)->generation;
    EXPECT_EQ(leave(Classic{answer(newcomer)->member_id}), GroupError::none);
    // What they had been given is given up with that generation, but not by who says that it has it still.
    EXPECT_TRUE(group().members.at("m2").assignment.empty());
    come(a_);
    EXPECT_EQ(has("m1") + " " + has("m2"), "orders-0 orders-1 orders-2 orders-3");
    EXPECT_EQ(has("a"), "");
    share({&a_}, {&m1_, &m2_});
}
TEST_F(Migration, what_says_more_than_a_consumer_group_has_room_for_is_not_taken_over) {
    begin();
    rules_.consumers.said_bytes_max = 100;
    machine_.set_rules(rules_);
    expect_no_upgrade();
}
TEST_F(Migration, what_the_leader_assigned_of_topics_that_are_not_there_is_left_out) {
    make("pays", 2);
    begin();
    leave(m2_);
    EXPECT_EQ(ask(joining(m1_)), Ticket{tickets_});
    m1_.generation = group().generation;
    auto leads = syncing(m1_);
    leads.assignments = {{"m1", assigns(parts("orders-0 orders-3 pays-1"))}};
    ask(leads);
    unmake("pays");
    make("orders", 3);  // No topic shrinks; but what is known of it may be old.
    come(a_);
    EXPECT_EQ(has("m1"), "orders-0");
}
TEST_F(Migration, what_the_leader_assigned_to_two_is_the_first_ones) {
    begin();
    ask(joining(m1_));
    m2_.generation = answer(ask(joining(m2_)))->generation;
    m1_.generation = m2_.generation;
    auto leads = syncing(m1_);
    leads.assignments = {{"m1", assigns(parts("orders-0 orders-1"))},
                         {"m2", assigns(parts("orders-1 orders-2 orders-3"))}};
    ask(leads);
    ASSERT_EQ(group().phase, Phase::stable);
    come(a_);
    EXPECT_EQ(has("m1"), "orders-0 orders-1");
    EXPECT_EQ(has("m2"), "orders-2 orders-3");
    fail_over();
    for (auto* each : {&m1_, &m2_}) EXPECT_EQ(beat(*each), GroupError::rebalance_in_progress);
    share({&a_}, {&m1_, &m2_});
    EXPECT_EQ(has("m1") + " " + has("m2") + " " + has("a"), "orders-0 orders-1 orders-2 orders-3");
}
TEST_F(Migration, the_policy_may_forbid_it) {
    begin();
    rules_.consumers.may_upgrade = false;
    machine_.set_rules(rules_);
    expect_no_upgrade();
    EXPECT_EQ(beat(m1_), GroupError::none);
}
TEST_F(Migration, a_group_of_another_kind_stays_what_it_is) {
    auto wanted = joining({});
    wanted.protocol_type = "connect";
    ask(wanted);
    pass(Millis(6'000));
    expect_no_upgrade();
}
TEST_F(Migration, what_cannot_be_read_is_not_taken_over) {
    group_of(2);  // What their leader assigns are no partitions.
    expect_no_upgrade();
}
TEST_F(Migration, who_does_not_say_what_it_wants_is_not_taken_over) {
    begin();
    auto wanted = joining({});
    wanted.protocols[0].metadata = "?";
    ask(wanted);
    expect_no_upgrade();
}
TEST_F(Migration, a_group_too_large_is_not_taken_over) {
    begin();
    rules_.consumers.members_max = 2;
    machine_.set_rules(rules_);
    expect_no_upgrade();
}
TEST_F(Migration, one_whose_members_name_too_many_topics_is_not_taken_over) {
    begin();
    rules_.consumers.said_bytes_max = name_cost_bytes;
    machine_.set_rules(rules_);
    expect_no_upgrade();
}
TEST_F(Migration, only_a_first_heartbeat_takes_it_over) {
    begin();
    for (auto epoch : {1, 2, leave_epoch}) EXPECT_EQ(refusal(next("m1", epoch)), GroupError::unknown_group);
    EXPECT_TRUE(machine_.find("g"));
}
TEST_F(Migration, a_heartbeat_that_is_refused_takes_nothing_over) {
    begin();
    auto waits = ask(joining(m1_));
    auto bad = first("a");
    bad.pattern = "(";
    auto records = log_.size();
    EXPECT_EQ(refusal(bad), GroupError::invalid_pattern);
    EXPECT_EQ(log_.size(), records);
    EXPECT_TRUE(machine_.find("g"));
    EXPECT_FALSE(answer(waits));
}
// By the classic protocol it has gone without a word, as when it is restarted with the newer one.
TEST_F(Migration, a_static_member_takes_its_own_place_by_the_newer_protocol) {
    m1_.instance_id = "i";
    begin();
    come(a_);
    share({&a_}, {&m1_, &m2_});
    auto epoch_before = epoch();
    auto told = tell(first_as("i", "new"));
    EXPECT_EQ(told.error, GroupError::none);
    EXPECT_EQ(show(told.assignment), "orders-0 orders-1");
    EXPECT_EQ(epoch(), epoch_before);
    EXPECT_EQ(consumers().classic_members(), 1U);
    EXPECT_EQ(beat(m1_), GroupError::fenced_instance);
    EXPECT_EQ(refusal(first_as("i", "another")), GroupError::unreleased_instance);
}
TEST_F(Migration, a_static_member_takes_its_own_place_and_the_group_over_at_once) {
    m1_.instance_id = "i";
    begin();
    auto told = tell(first_as("i", "new"));
    EXPECT_EQ(told.error, GroupError::none);
    EXPECT_EQ(show(told.assignment), "orders-0 orders-1");
    EXPECT_EQ(consumers().members().size(), 2U);
    fail_over();
    EXPECT_EQ(static_member("i"), "new");
    EXPECT_EQ(has("m2"), "orders-2 orders-3");
}

// The log ends where all is said of the new group, and not yet that the old one is no more. A coordinator
// that takes over goes on with the new one; when that goes, the old one has gone as well.
TEST_F(Migration, behind_one_that_the_log_ends_in_no_ghost_comes_back) {
    rules_.consumers.may_downgrade = false;
    machine_.set_rules(rules_);
    begin();
    come(a_);
    auto gone = std::ranges::find_if(log_, [](auto& event) {
        auto* change = std::get_if<GroupEvent>(&event);
        auto* wrote = change ? std::get_if<WroteGroup>(change) : nullptr;
        return wrote && !wrote->what;
    });
    ASSERT_NE(gone, log_.end());
    log_.erase(gone, log_.end());
    auto cut = log_;
    auto take_over = [&] {
        log_ = cut;
        fail_over();
        EXPECT_EQ(consumers().members().size(), 2U);
        leave(m1_);
        leave(m2_);
        EXPECT_EQ(phase(), "Empty");
    };
    take_over();
    EXPECT_EQ(delete_group(), GroupError::none);
    EXPECT_EQ(machine_.groups(), 0U);
    auto whole = log_;
    for (auto end = cut.size(); end <= whole.size(); ++end) {
        log_.assign(whole.begin(), whole.begin() + std::ptrdiff_t(end));
        fail_over();
        EXPECT_FALSE(machine_.find("g")) << end - cut.size();
    }

    take_over();
    auto joins = ask(joining({}));
    pass(Millis(3'000));
    EXPECT_EQ(answer(joins)->generation, 1);
    EXPECT_EQ(answer(joins)->members.size(), 1U);
    EXPECT_EQ(group().members.size(), 1U);
}

// --- and back ------------------------------------------------------------------------------------

TEST_F(Migration, once_the_last_consumer_has_gone_it_is_a_classic_group_again) {
    begin();
    come(a_);
    share({&a_}, {&m1_, &m2_});
    EXPECT_EQ(m1_.generation, 2);
    CoordinatorStage::commit("m1", 2, 7);
    leave(a_);
    ASSERT_TRUE(machine_.find("g"));
    EXPECT_EQ(machine_.find_consumer("g"), nullptr);
    EXPECT_EQ(group().generation, 2);
    EXPECT_EQ(group().protocol, "sticky");
    EXPECT_EQ(group().protocol_type, "consumer");
    EXPECT_EQ(group().members.size(), 2U);
    EXPECT_EQ(assigned(group().members.at("m1").assignment), m1_.has);
    EXPECT_EQ(assigned(group().members.at("m2").assignment), m2_.has);
    EXPECT_EQ(committed(), 7);
    // What it had is to be shared among those that are left, who go on until they have heard of it.
    EXPECT_EQ(group().phase, Phase::preparing_rebalance);
    EXPECT_EQ(beat(m1_), GroupError::rebalance_in_progress);
    CoordinatorStage::commit("m1", 2, 8);
    EXPECT_EQ(committed(), 8);
    auto first = ask(joining(m1_)), second = ask(joining(m2_));
    EXPECT_EQ(answer(first)->generation, 4);
    EXPECT_EQ(answer(second)->generation, 4);
    EXPECT_EQ(answer(first)->members.size(), 2U);
    EXPECT_EQ(answer(first)->members[0].metadata, says(m1_.has));
}
TEST_F(Migration, after_a_failover_too_they_share_anew) {
    go_and_come_back();
    fail_over();
    EXPECT_EQ(group().phase, Phase::preparing_rebalance);
    EXPECT_EQ(group().members.size(), 2U);
    for (auto* each : {&m1_, &m2_}) EXPECT_EQ(beat(*each), GroupError::illegal_generation);
    auto first = ask(joining(m1_)), second = ask(joining(m2_));
    EXPECT_EQ(answer(first)->generation, 4);
    EXPECT_EQ(answer(second)->generation, 4);
}
TEST_F(Migration, after_a_failover_amid_that_they_share_anew_too) {
    go_and_come_back();
    auto first = ask(joining(m1_)), second = ask(joining(m2_));
    for (auto [ticket, who] : {std::pair{first, &m1_}, {second, &m2_}})
        who->generation = answer(ticket)->generation;
    fail_over();  // The leader has not assigned anything yet.
    for (auto* each : {&m1_, &m2_}) {
        EXPECT_EQ(beat(*each), GroupError::illegal_generation);
        EXPECT_EQ(now<Synced>(syncing(*each)).error, GroupError::illegal_generation);
    }
    first = ask(joining(m1_));
    EXPECT_EQ(group().phase, Phase::preparing_rebalance);
}
TEST_F(Migration, static_members_too_share_anew_after_a_failover) {
    m1_.instance_id = "one";
    m2_.instance_id = "two";
    go_and_come_back();
    fail_over();
    EXPECT_EQ(group().phase, Phase::preparing_rebalance);
    auto first = ask(joining({"", "one"})), second = ask(joining({"", "two"}));
    ASSERT_TRUE(answer(first) && answer(second));
    EXPECT_EQ(answer(first)->generation, 4);
    EXPECT_FALSE(answer(first)->skip_assign || answer(second)->skip_assign);
}
TEST_F(Migration, who_asks_for_its_assignment_when_the_last_consumer_leaves_joins_anew) {
    begin();
    come(a_);
    share({&a_}, {&m1_, &m2_});
    auto syncs = syncing(m2_);
    syncs.protocol_type = "consumer";
    syncs.protocol = "another";  // As where it likes that one best.
    leave(a_);
    EXPECT_EQ(now<Synced>(syncs).error, GroupError::rebalance_in_progress);
}
TEST_F(Migration, a_consumer_that_is_missed_has_gone_too) {
    begin();
    come(a_);
    for (int n = 0; n < 9; ++n) {
        pass(Millis(5'000));
        if (machine_.find_consumer("g")) turn(m1_), turn(m2_);
    }
    EXPECT_EQ(group().members.size(), 2U);
}
TEST_F(Migration, the_policy_may_keep_it_a_consumer_group) {
    rules_.consumers.may_downgrade = false;
    machine_.set_rules(rules_);
    go_and_come_back();
    EXPECT_EQ(consumers().classic_members(), 2U);
    share({}, {&m1_, &m2_});
    EXPECT_EQ(show(m1_.has), "orders-0 orders-1");
    EXPECT_EQ(parts(show(m2_.has)), parts("orders-2 orders-3"));
}
TEST_F(Migration, the_protocol_is_one_that_all_know) {
    begin();
    come(a_);
    auto some = joining(m1_);
    some.protocols = {
        {"range", says({})}, {"range", says({})}, {"sticky", says(m1_.has)}};  // Some name one twice.
    EXPECT_EQ(now<Joined>(some).error, GroupError::none);
    leave(a_);
    EXPECT_EQ(group().protocol, "sticky");
    EXPECT_EQ(group().members.at("m1").protocols, (std::vector<Protocol>{{"sticky", says(m1_.has)}}));
    EXPECT_EQ(group().members.at("m2").protocols, (std::vector<Protocol>{{"sticky", says({})}}));
}

// --- empty ones ----------------------------------------------------------------------------------

TEST_F(Migration, an_empty_group_becomes_whichever_kind_comes_next) {
    // The policy is about those that have members.
    rules_.consumers.may_upgrade = rules_.consumers.may_downgrade = false;
    machine_.set_rules(rules_);
    begin();
    CoordinatorStage::commit("m1", 1, 7);
    leave(m1_);
    leave(m2_);
    ASSERT_EQ(group().phase, Phase::empty);
    EXPECT_EQ(come(a_).epoch, 2);
    EXPECT_EQ(machine_.find("g"), nullptr);
    EXPECT_EQ(committed(), 7);
    fail_over();
    EXPECT_EQ(phase(), "Stable");

    EXPECT_EQ(now<Joined>(joining({})).error, GroupError::inconsistent_protocol);
    leave(a_);
    auto joins = ask(joining({}));
    EXPECT_EQ(machine_.find_consumer("g"), nullptr);
    pass(Millis(3'000));
    EXPECT_EQ(answer(joins)->generation, 1);
    EXPECT_EQ(committed(), 7);
    fail_over();
    EXPECT_EQ(machine_.find_consumer("g"), nullptr);
    EXPECT_EQ(committed(), 7);
}
TEST_F(Migration, a_join_that_is_refused_leaves_an_empty_group_as_it_is) {
    come(a_);
    leave(a_);
    EXPECT_EQ(now<Joined>(joining({"m1"})).error, GroupError::unknown_member);
    EXPECT_EQ(phase(), "Empty");
    EXPECT_EQ(delete_group(), GroupError::none);
}

}  // namespace
}  // namespace fulmar::group
