#include "core/group/offsets.h"

#include "core/group/bytes.h"
#include "tests/core/coordinator_stage.h"
#include "wire/kafka/consumer_protocol.h"

namespace fulmar::group {
namespace {

class CommittedOffsets : public CoordinatorStage {};

TEST_F(CommittedOffsets, who_assigns_its_partitions_itself_commits_without_a_group) {
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
TEST_F(CommittedOffsets, a_commit_to_a_group_that_is_not_there_has_no_generation) {
    EXPECT_EQ(commit("m1", 1, 5), GroupError::unknown_group);
    EXPECT_EQ(machine_.groups(), 0U);
}
TEST_F(CommittedOffsets, commits_wait_for_the_assignment_and_go_on_in_a_rebalance) {
    group_of(2);
    auto first = ask(join("m1"));
    EXPECT_EQ(commit("m2", 1, 8), GroupError::none);
    auto second = answer(ask(join("m2"))).value();
    EXPECT_TRUE(answer(first));
    EXPECT_EQ(commit("m2", 2, 9), GroupError::rebalance_in_progress);
    EXPECT_EQ(commit("m2", 1, 9), GroupError::illegal_generation);
    EXPECT_EQ(committed(), 8);
}
TEST_F(CommittedOffsets, metadata_has_a_bound_for_each_partition) {
    EXPECT_EQ(commit("", -1, 1, std::string(4'096, 'x')), GroupError::none);
    EXPECT_EQ(commit("", -1, 2, std::string(4'097, 'x')), GroupError::metadata_too_large);
    EXPECT_EQ(committed(), 1);
}
TEST_F(CommittedOffsets, those_of_a_topic_that_is_gone_go_whoever_reads_it) {
    group_of(1);
    commit("m1", 1, 7);
    now<Coordinator::Done>(topics_gone({"another"}));
    EXPECT_EQ(committed(), 7);
    now<Coordinator::Done>(topics_gone({"another", "orders"}));
    EXPECT_EQ(committed(), std::nullopt);
    EXPECT_TRUE(machine_.topics().empty());
    EXPECT_EQ(machine_.groups(), 1U);
}
TEST_F(CommittedOffsets, many_are_forgotten_in_portions) {
    Coordinator::Commit wanted{"g", "", {}, -1, {}, {}};
    for (int n = 0; n < 250; ++n) wanted.offsets.push_back({{"orders", n}, {.offset = Offset{n}}});
    now<Coordinator::Placed>(wanted);
    auto wanted_gone = topics_gone({"orders"});
    wanted_gone.count_max = 100;
    for (std::size_t left : {150U, 50U}) {
        auto told = now<Coordinator::Done>(wanted_gone);
        EXPECT_TRUE(told.more);
        wanted_gone.from = told.next;
        EXPECT_EQ(walk(machine_).offsets, left);
    }
    EXPECT_FALSE(now<Coordinator::Done>(wanted_gone).more);
    EXPECT_EQ(machine_.groups(), 0U);
}
TEST_F(CommittedOffsets, those_that_stay_are_looked_at_in_portions_too) {
    for (int n = 0; n < 40; ++n) {
        auto topic = n % 20 == 19 ? "gone" : "orders";
        now<Coordinator::Placed>(
            Coordinator::Commit{"g" + std::to_string(100 + n), "", {}, -1, {}, {{{topic, 0}, {}}}});
    }
    auto forget = topics_gone({"gone"});
    forget.count_max = 1;
    int portions = 1;
    for (auto told = now<Coordinator::Done>(forget); told.more; told = now<Coordinator::Done>(forget)) {
        ASSERT_GT(told.next, forget.from);
        forget.from = told.next;
        ++portions;
    }
    EXPECT_GT(portions, 10);
    EXPECT_EQ(walk(machine_).offsets, 38U);
}
TEST_F(CommittedOffsets, a_group_that_somebody_is_about_to_join_is_not_empty) {
    commit("", -1, 7);
    Ticket waits{++tickets_};
    take(machine_.decide(join(), waits, clocks_));  // As where a turn had no time to settle.
    EXPECT_EQ(now<Coordinator::Deleted>(Coordinator::Delete{{"g"}}).groups.at(0), GroupError::not_empty);
    pass(Millis(6'000));
    EXPECT_EQ(answer(waits)->error, GroupError::none);
    EXPECT_EQ(committed(), 7);
}
TEST_F(CommittedOffsets, offsets_lapse_when_nobody_misses_them) {
    auto expire = [&] { now<Coordinator::Done>(Coordinator::Expire{}); };
    auto month = CoordinatorRules().offsets_retention;
    group_of(1);
    commit("m1", 1, 7);
    pass(Millis(9'000));
    for (int n = 0; n < 100; ++n) {
        clocks_.wall = clocks_.wall + month;  // However old: its group reads it.
        EXPECT_EQ(beat("m1", 1), GroupError::none);
        expire();
    }
    EXPECT_EQ(committed(), 7);
    leave("m1");
    clocks_.wall = clocks_.wall + month + Millis(-1);
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
TEST_F(CommittedOffsets, topics_that_consumers_do_not_want_any_more_lapse) {
    group_of(1);
    Coordinator::Commit wanted{"g", "m1", {}, 1, {}, {{{"other", 0}, {.offset = Offset{3}}}}};
    now<Coordinator::Placed>(wanted);
    commit("m1", 1, 7);
    clocks_.wall = clocks_.wall + CoordinatorRules().offsets_retention;
    now<Coordinator::Done>(Coordinator::Expire{});
    EXPECT_EQ(committed(), 7);
    EXPECT_EQ(committed("other"), std::nullopt);
}
TEST_F(CommittedOffsets, what_lapses_at_once_has_a_bound) {
    for (int n = 0; n < 25; ++n)
        now<Coordinator::Placed>(Coordinator::Commit{
            "g" + std::to_string(n % 5), "", {}, -1, Millis(0), {{{"t", n}, {.offset = Offset{1}}}}});
    EXPECT_TRUE(now<Coordinator::Done>(Coordinator::Expire{10}).more);
    int times = 1;
    while (now<Coordinator::Done>(Coordinator::Expire{10}).more) ++times;
    EXPECT_LE(times, 5);
    EXPECT_EQ(machine_.groups(), 0U);
}
TEST_F(CommittedOffsets, offsets_are_forgotten_on_request_where_nobody_reads) {
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
TEST_F(CommittedOffsets, a_group_is_deleted_when_nobody_is_in_it) {
    auto remove = [&] { return now<Coordinator::Deleted>(Coordinator::Delete{{"g"}}).groups.at(0); };
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
TEST_F(CommittedOffsets, what_a_consumer_says_need_not_make_sense) {
    auto wanted = join();
    wanted.protocols = {{"range", "\xff\xff\xff"}};
    ask(wanted);
    pass(Millis(3'000));
    EXPECT_EQ(subscribed_topics(group()), std::nullopt);
}
// Three bytes for a name, and each request that asks who consumes what reads all.
TEST_F(CommittedOffsets, who_names_more_topics_than_there_can_be_is_not_asked) {
    auto naming = [&](std::size_t count) {
        std::vector<std::string_view> names(count, "t");
        kafka::ConsumerProtocolSubscription said{};
        said.topics = names;
        auto wanted = join();
        if (machine_.find("g")) wanted.member_id = group().members.begin()->first;
        wanted.protocols = {{"range", text_of(kafka::encode_consumer_protocol(said, 0))}};
        ask(wanted);
        pass(Millis(3'000));
        return subscribed_topics(group());
    };
    EXPECT_EQ(naming(subscribed_names_max), std::set<std::string_view>{"t"});
    EXPECT_EQ(naming(subscribed_names_max + 10'000), std::nullopt);
    Coordinator::Placed placed = now<Coordinator::Placed>(Coordinator::ForgetOffsets{"g", {{"other", 0}}});
    EXPECT_EQ(placed.places.at(0), GroupError::subscribed);  // It may be.
}

}  // namespace
}  // namespace fulmar::group
