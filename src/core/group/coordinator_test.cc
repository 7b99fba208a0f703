#include "core/group/coordinator.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "wire/kafka/consumer_protocol.h"

namespace fulmar::group {
namespace {

std::string subscription(std::initializer_list<std::string_view> topics) {
    std::vector<std::string_view> names(topics);
    kafka::ConsumerProtocolSubscription said;
    said.topics = names;
    auto pieces = kafka::encode_consumer_protocol(said, 0);
    auto bytes = pieces.owned();
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

bool same_hard_state(const Group& a, const Group& b) {
    return a.written({}) == b.written({}) && a.since == b.since;
}

// A host without a log: what is durable is committed at once. Each turn is checked against what every machine
// promises.
class Coordinators : public testing::Test {
protected:
    template <class A = Joined>
    std::optional<A> answer(Ticket ticket) {
        auto at = answers_.find(ticket);
        if (at == answers_.end()) return std::nullopt;
        return std::get<A>(at->second);
    }
    Ticket ask(const Coordinator::Command& command) {
        auto ticket = Ticket{++tickets_};
        rest();
        take(machine_.decide(command, ticket, clocks_));
        rest();
        return ticket;
    }
    template <class A>
    A now(const Coordinator::Command& command) {
        auto told = answer<A>(ask(command));
        EXPECT_TRUE(told);
        return told.value_or(A{});
    }
    void pass(Millis time) {
        auto end = clocks_.now + time;
        for (auto due = machine_.deadline(); due && *due <= end; due = machine_.deadline()) {
            move(std::max(*due, clocks_.now));
            rest();
        }
        move(end);
        rest();
    }
    void move(Instant to) {
        clocks_.wall = clocks_.wall + (to - clocks_.now);
        clocks_.now = to;
    }

    Join join(std::string id = "", std::vector<std::string> protocols = {"range"}) {
        Join wanted{.group = "g",
                    .member_id = std::move(id),
                    .instance_id = std::nullopt,
                    .client_id = "client",
                    .client_host = "/127.0.0.1",
                    .protocol_type = "consumer",
                    .session_timeout = Millis(10'000),
                    .rebalance_timeout = Millis(60'000),
                    .protocols = {},
                    .new_member_id = "m" + std::to_string(++ids_)};
        for (auto& name : protocols) wanted.protocols.push_back({name, subscription({"orders"})});
        return wanted;
    }
    Join join_as(const std::string& instance, std::string id = "") {
        auto wanted = join(std::move(id));
        wanted.instance_id = instance;
        return wanted;
    }
    Sync sync(const Joined& joined) {
        Sync wanted{
            .group = "g", .member_id = joined.member_id, .instance_id = {}, .generation = joined.generation};
        for (auto& member : joined.members)
            wanted.assignments.emplace_back(member.id,
                                            "for " + member.id + " in " + std::to_string(joined.generation));
        return wanted;
    }
    GroupError beat(const std::string& id, std::int32_t generation) {
        return now<Beaten>(Heartbeat{"g", id, {}, generation}).error;
    }
    GroupError leave(const std::string& id) { return now<Left>(Leave{"g", {{id, {}}}}).members.at(0); }
    // A stable group of so many; the leader is the first.
    std::vector<Joined> group_of(int count) {
        std::vector<Ticket> tickets;
        for (int n = 0; n < count; ++n) tickets.push_back(ask(join()));
        pass(Millis(6'000));
        std::vector<Joined> members;
        for (auto ticket : tickets) members.push_back(answer(ticket).value());
        auto leads = std::ranges::find_if(members, [](auto& each) { return each.leader == each.member_id; });
        std::rotate(members.begin(), leads, members.end());
        for (auto& each : std::views::reverse(members)) ask(sync(each));
        EXPECT_EQ(group().phase, Phase::stable);
        return members;
    }
    const Group& group() { return *machine_.find("g"); }
    GroupError commit(const std::string& id, std::int32_t generation, std::int64_t offset,
                      std::string metadata = "", std::optional<Millis> retention = {}) {
        Coordinator::Commit wanted{"g", id, {}, generation, retention, {{{"orders", 0}, {}}}};
        wanted.offsets[0].second = {.offset = Offset{offset}, .metadata = std::move(metadata)};
        return now<Coordinator::Placed>(wanted).places.at(0);
    }
    std::optional<std::int64_t> committed(const std::string& topic = "orders") {
        Coordinator::FetchOffsets wanted{"g", std::vector<Coordinator::Place>{{topic, 0}}};
        auto one = now<Coordinator::Fetched>(wanted).offsets.at(0).second;
        return one ? std::optional(std::to_underlying(one->offset)) : std::nullopt;
    }
    void fail_over() {
        Coordinator again(rules_);
        for (auto& event : log_) again.apply(event);
        machine_ = std::move(again);
        answers_.clear();
        rest();
    }
    void take(Decision<Coordinator> decision) {
        for (auto& event : decision.events) {
            if (Coordinator::durable(event)) log_.push_back(event);
            machine_.apply(event);
        }
        for (auto& [ticket, answer] : decision.answers) {
            EXPECT_LE(std::to_underlying(ticket), tickets_);
            EXPECT_TRUE(answers_.emplace(ticket, std::move(answer)).second) << "answered twice";
        }
    }
    void rest() {
        for (int steps = 0;; ++steps) {
            ASSERT_LT(steps, 10'000) << "it never comes to rest";
            auto step = machine_.settle(clocks_);
            if (step.empty()) break;
            take(std::move(step));
        }
        if (auto due = machine_.deadline()) EXPECT_GT(*due, clocks_.now);
    }

    CoordinatorRules rules_;
    Coordinator machine_{rules_};
    Clocks clocks_{Instant{1'000}, Timestamp{1'700'000'000'000}};
    std::vector<Coordinator::Event> log_;
    std::map<Ticket, Coordinator::Answer> answers_;
    std::uint64_t tickets_ = 0;
    int ids_ = 0;
};

// --- rebalances ----------------------------------------------------------------------------------

TEST_F(Coordinators, the_first_members_gather_and_share_a_generation) {
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
TEST_F(Coordinators, who_comes_for_ever_delays_a_group_no_longer_than_its_time) {
    auto first = ask(join());
    for (int n = 0; n < 70 && !answer(first); ++n) {
        ask(join());
        pass(Millis(1'000));
    }
    EXPECT_TRUE(answer(first));
    EXPECT_LE(clocks_.now, Instant{1'000} + Millis(61'000));
}
TEST_F(Coordinators, a_member_that_comes_makes_all_others_join_again) {
    auto members = group_of(2);
    auto third = ask(join());
    EXPECT_EQ(beat("m1", 1), GroupError::rebalance_in_progress);
    auto first = ask(join("m1")), second = ask(join("m2"));
    EXPECT_EQ(answer(first)->generation, 2);
    EXPECT_EQ(answer(second)->generation, 2);
    EXPECT_EQ(answer(third)->generation, 2);
    EXPECT_EQ(beat("m1", 1), GroupError::illegal_generation);
}
TEST_F(Coordinators, who_does_not_join_again_in_time_is_out) {
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
TEST_F(Coordinators, when_the_leader_is_gone_another_one_leads) {
    group_of(3);
    EXPECT_EQ(leave("m1"), GroupError::none);
    auto second = ask(join("m2")), third = ask(join("m3"));
    EXPECT_EQ(answer(second)->leader, answer(third)->leader);
    EXPECT_NE(answer(second)->leader, "m1");
}
TEST_F(Coordinators, who_does_not_ask_for_its_assignment_is_out) {
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
TEST_F(Coordinators, a_rebalance_ends_the_wait_for_an_assignment) {
    group_of(2);
    ask(join("m1"));
    auto second = answer(ask(join("m2"))).value();
    auto waits = ask(sync(second));
    ask(join());
    EXPECT_EQ(answer<Synced>(waits)->error, GroupError::rebalance_in_progress);
}
TEST_F(Coordinators, most_votes_among_what_all_know_choose) {
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
TEST_F(Coordinators, an_answer_that_was_lost_is_given_again) {
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

TEST_F(Coordinators, strangers_are_refused) {
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
TEST_F(Coordinators, a_group_takes_no_more_than_it_may) {
    rules_.members_max = 2;
    machine_.set_rules(rules_);
    group_of(2);
    EXPECT_EQ(now<Joined>(join()).error, GroupError::group_full);
    EXPECT_EQ(group().phase, Phase::stable);
    ask(join("m1"));
    EXPECT_EQ(answer(ask(join("m2")))->generation, 2);
}
TEST_F(Coordinators, a_new_member_is_told_its_id_first) {
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
TEST_F(Coordinators, an_id_that_nobody_came_back_with_leaves_nothing) {
    auto wanted = join();
    wanted.must_know_id = true;
    now<Joined>(wanted);
    EXPECT_EQ(machine_.groups(), 1U);
    pass(Millis(10'000));
    EXPECT_EQ(machine_.groups(), 0U);
    EXPECT_TRUE(log_.empty());
}

// --- sessions ------------------------------------------------------------------------------------

TEST_F(Coordinators, who_is_not_heard_of_is_out_and_the_rest_share_anew) {
    group_of(2);
    for (int n = 0; n < 3; ++n) {
        pass(Millis(4'000));
        auto error = beat("m1", 1);
        EXPECT_EQ(error, n < 2 ? GroupError::none : GroupError::rebalance_in_progress);
    }
    EXPECT_EQ(answer(ask(join("m1")))->members.size(), 1U);
}
TEST_F(Coordinators, commits_keep_a_member_alive) {
    group_of(1);
    for (int n = 0; n < 10; ++n) {
        pass(Millis(9'000));
        EXPECT_EQ(commit("m1", 1, n), GroupError::none);
    }
    EXPECT_EQ(group().phase, Phase::stable);
}
TEST_F(Coordinators, a_wait_does_not_cost_a_member_its_place) {
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
TEST_F(Coordinators, a_group_that_all_have_left_is_empty_and_says_so_in_the_log) {
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
TEST_F(Coordinators, who_leaves_while_it_waits_is_told) {
    auto waits = ask(join());
    EXPECT_EQ(leave("m1"), GroupError::none);
    EXPECT_EQ(answer(waits)->error, GroupError::unknown_member);
}

// --- static members ------------------------------------------------------------------------------

TEST_F(Coordinators, a_static_member_comes_back_without_a_rebalance) {
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
TEST_F(Coordinators, a_static_member_that_takes_its_own_place_fences_who_waits_there) {
    auto first = ask(join_as("a"));
    auto second = ask(join_as("a"));
    EXPECT_EQ(answer(first)->error, GroupError::fenced_instance);
    pass(Millis(6'000));
    EXPECT_EQ(answer(second)->generation, 1);
    EXPECT_EQ(group().members.size(), 1U);
}
TEST_F(Coordinators, a_static_member_keeps_its_place_until_its_session_is_over) {
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
TEST_F(Coordinators, an_operator_removes_a_static_member_by_its_instance) {
    ask(join_as("a"));
    pass(Millis(6'000));
    auto left = now<Left>(Leave{"g", {{"", "a"}, {"", "b"}, {"m9", "a"}}});
    EXPECT_EQ(left.members,
              (std::vector{GroupError::none, GroupError::unknown_member, GroupError::fenced_instance}));
    EXPECT_EQ(group().phase, Phase::empty);
}

// --- a coordinator that begins anew ----------------------------------------------------------------

TEST_F(Coordinators, another_coordinator_goes_on_where_the_log_says) {
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
TEST_F(Coordinators, a_generation_that_the_log_does_not_know_has_not_been) {
    group_of(2);
    ask(join("m1"));
    auto second = answer(ask(join("m2"))).value();
    EXPECT_EQ(second.generation, 2);
    fail_over();
    EXPECT_EQ(beat("m2", 2), GroupError::illegal_generation);
    EXPECT_EQ(now<Synced>(sync(second)).error, GroupError::illegal_generation);
}

// --- offsets -------------------------------------------------------------------------------------

TEST_F(Coordinators, who_assigns_its_partitions_itself_commits_without_a_group) {
    EXPECT_EQ(committed(), std::nullopt);
    EXPECT_EQ(commit("", -1, 5), GroupError::none);
    EXPECT_EQ(committed(), 5);
    EXPECT_EQ(commit("", 3, 6), GroupError::unknown_member);
    EXPECT_EQ(committed(), 5);
    group_of(1);
    EXPECT_EQ(commit("", -1, 6), GroupError::unknown_member);
    EXPECT_EQ(commit("m1", 0, 6), GroupError::illegal_generation);
    EXPECT_EQ(commit("m1", 1, 6), GroupError::none);
    EXPECT_EQ(committed(), 6);
}
TEST_F(Coordinators, a_commit_to_a_group_that_is_not_there_has_no_generation) {
    EXPECT_EQ(commit("m1", 1, 5), GroupError::illegal_generation);
    EXPECT_EQ(machine_.groups(), 0U);
}
TEST_F(Coordinators, commits_wait_for_the_assignment_and_go_on_in_a_rebalance) {
    group_of(2);
    auto first = ask(join("m1"));
    EXPECT_EQ(commit("m2", 1, 8), GroupError::none);
    auto second = answer(ask(join("m2"))).value();
    EXPECT_TRUE(answer(first));
    EXPECT_EQ(commit("m2", 2, 9), GroupError::rebalance_in_progress);
    EXPECT_EQ(commit("m2", 1, 9), GroupError::illegal_generation);
    EXPECT_EQ(committed(), 8);
}
TEST_F(Coordinators, metadata_has_a_bound_for_each_partition) {
    EXPECT_EQ(commit("", -1, 1, std::string(4'096, 'x')), GroupError::none);
    EXPECT_EQ(commit("", -1, 2, std::string(4'097, 'x')), GroupError::metadata_too_large);
    EXPECT_EQ(committed(), 1);
}
TEST_F(Coordinators, offsets_lapse_when_nobody_misses_them) {
    auto expire = [&] { now<Coordinator::Done>(Coordinator::Expire{}); };
    auto week = Millis(10'080 * 60'000LL);
    group_of(1);
    commit("m1", 1, 7);
    pass(Millis(9'000));
    for (int n = 0; n < 100; ++n) {
        clocks_.wall = clocks_.wall + week;  // However old: its group reads it.
        EXPECT_EQ(beat("m1", 1), GroupError::none);
        expire();
    }
    EXPECT_EQ(committed(), 7);
    leave("m1");
    clocks_.wall = clocks_.wall + week + Millis(-1);
    expire();
    EXPECT_EQ(committed(), 7);
    clocks_.wall = clocks_.wall + Millis(1);
    expire();
    EXPECT_EQ(committed(), std::nullopt);
    EXPECT_EQ(machine_.groups(), 0U);
    fail_over();
    EXPECT_EQ(machine_.groups(), 0U);

    commit("", -1, 1, "", Millis(1'000));
    pass(Millis(999));
    expire();
    EXPECT_EQ(committed(), 1);
    pass(Millis(1));
    expire();
    EXPECT_EQ(committed(), std::nullopt);
}
TEST_F(Coordinators, topics_that_consumers_do_not_want_any_more_lapse) {
    group_of(1);
    Coordinator::Commit wanted{"g", "m1", {}, 1, {}, {{{"other", 0}, {.offset = Offset{3}}}}};
    now<Coordinator::Placed>(wanted);
    commit("m1", 1, 7);
    clocks_.wall = clocks_.wall + Millis(10'080 * 60'000LL);
    now<Coordinator::Done>(Coordinator::Expire{});
    EXPECT_EQ(committed(), 7);
    EXPECT_EQ(committed("other"), std::nullopt);
}
TEST_F(Coordinators, what_lapses_at_once_has_a_bound) {
    for (int n = 0; n < 25; ++n)
        now<Coordinator::Placed>(Coordinator::Commit{
            "g" + std::to_string(n % 5), "", {}, -1, Millis(0), {{{"t", n}, {.offset = Offset{1}}}}});
    EXPECT_TRUE(now<Coordinator::Done>(Coordinator::Expire{10}).more);
    int times = 1;
    while (now<Coordinator::Done>(Coordinator::Expire{10}).more) ++times;
    EXPECT_LE(times, 5);
    EXPECT_EQ(machine_.groups(), 0U);
}
TEST_F(Coordinators, offsets_are_forgotten_on_request_where_nobody_reads) {
    auto forget = [&](const std::string& topic) {
        return now<Coordinator::Placed>(Coordinator::ForgetOffsets{"g", {{topic, 0}}}).places.at(0);
    };
    EXPECT_EQ(forget("orders"), GroupError::unknown_group);
    group_of(1);
    commit("m1", 1, 7);
    EXPECT_EQ(forget("orders"), GroupError::subscribed);
    EXPECT_EQ(forget("other"), GroupError::none);
    leave("m1");
    EXPECT_EQ(forget("orders"), GroupError::none);
    EXPECT_EQ(committed(), std::nullopt);
}
TEST_F(Coordinators, a_group_is_deleted_when_nobody_is_in_it) {
    auto remove = [&] { return now<Coordinator::Done>(Coordinator::Delete{"g"}).error; };
    EXPECT_EQ(remove(), GroupError::unknown_group);
    group_of(1);
    commit("m1", 1, 7);
    EXPECT_EQ(remove(), GroupError::not_empty);
    leave("m1");
    EXPECT_EQ(remove(), GroupError::none);
    EXPECT_EQ(machine_.groups(), 0U);
    fail_over();
    EXPECT_EQ(machine_.groups(), 0U);
    EXPECT_EQ(committed(), std::nullopt);
}
TEST_F(Coordinators, what_a_consumer_says_need_not_make_sense) {
    auto wanted = join();
    wanted.protocols = {{"range", "\xff\xff\xff"}};
    ask(wanted);
    pass(Millis(3'000));
    EXPECT_EQ(subscribed_topics(group()), std::nullopt);
}

// Whatever clients do, in whatever order, and wherever a coordinator begins anew.
TEST_F(Coordinators, any_run_comes_to_rest_and_answers_all) {
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        SCOPED_TRACE(testing::Message() << "seed " << seed);
        std::mt19937_64 random(seed);
        auto below = [&](std::uint64_t n) { return random() % n; };
        machine_ = Coordinator(rules_);
        log_.clear();
        answers_.clear();
        std::set<Ticket> open;
        std::int32_t generation = 0;
        for (int n = 0; n < 150; ++n) {
            auto* group = machine_.find("g");
            std::vector<std::string> ids{"nobody", ""};
            if (group)
                for (auto& [id, member] : group->members) ids.insert(ids.end(), 2, id);
            auto id = ids[below(ids.size())];
            std::optional<std::string> instance;
            if (below(4) == 0) instance = std::string(1, char('a' + below(3)));
            auto now_in = group ? group->generation - std::int32_t(below(8) == 0) : 1;
            Coordinator::Command command = Heartbeat{"g", id, instance, now_in};
            switch (below(9)) {
                case 0:
                case 1: {
                    auto wanted = join(id, below(2) ? std::vector<std::string>{"range", "sticky"}
                                                    : std::vector<std::string>{"sticky", "range"});
                    wanted.instance_id = instance;
                    wanted.must_know_id = below(2);
                    wanted.can_skip_assign = below(2);
                    wanted.rebalance_timeout = Millis(std::int64_t(below(20'000)) - 10);
                    command = wanted;
                    break;
                }
                case 2: {
                    Sync wanted{"g", id, instance, now_in, {}, {}, {}};
                    for (auto& each : ids) wanted.assignments.emplace_back(each, "part of " + each);
                    command = wanted;
                    break;
                }
                case 3: command = Leave{"g", {{id, instance}, {"nobody", {}}}}; break;
                case 4:
                    command = Coordinator::Commit{"g",      id,
                                                  instance, now_in - std::int32_t(below(3)),
                                                  {},       {{{"t", 0}, {.offset = Offset{n}}}}};
                    break;
                case 5: command = Coordinator::Expire{}; break;
                case 6:
                    if (below(5) == 0) command = Coordinator::Delete{"g"};
                    break;
                case 7: pass(Millis(std::int64_t(below(5'000)))); break;
                default: break;
            }
            open.insert(ask(command));
            auto* after = machine_.find("g");
            if (after) {
                EXPECT_TRUE(!after->members.empty() || after->phase == Phase::empty ||
                            after->phase == Phase::preparing_rebalance);
                if (after->leader) EXPECT_TRUE(after->find(*after->leader));
                for (auto& [known, member] : after->static_ids) EXPECT_TRUE(after->find(member));
                EXPECT_GE(after->generation, generation);
                generation = after->generation;
            } else {
                generation = 0;
            }
            if (below(40) == 0) {
                // What the log knows is what another coordinator has, but for a generation under way.
                bool settled = after && (after->phase == Phase::stable || after->phase == Phase::empty);
                auto before = after ? *after : Group{};
                for (auto& [ticket, answer] : answers_) open.erase(ticket);
                fail_over();
                if (settled && machine_.find("g")) EXPECT_TRUE(same_hard_state(before, this->group()));
                open.clear();  // Who waited fails with the role.
                generation = 0;
            }
            if (HasFailure()) return;
        }
        pass(Millis(1'000'000));
        for (auto ticket : open) EXPECT_TRUE(answers_.contains(ticket)) << std::to_underlying(ticket);
        auto* group = machine_.find("g");
        EXPECT_TRUE(!group || (group->phase == Phase::empty && group->members.empty()));
        EXPECT_EQ(machine_.deadline(), std::nullopt);
        if (HasFailure()) return;
    }
}

}  // namespace
}  // namespace fulmar::group
