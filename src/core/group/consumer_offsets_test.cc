#include "tests/core/consumer_stage.h"

namespace fulmar::group {
namespace {

// What members of a consumer group commit, and what becomes of it.
class ConsumerOffsets : public ConsumerStage {
protected:
    GroupError commit(const std::string& id, std::int32_t epoch, std::int64_t offset,
                      bool speaks_epochs = true, const std::string& topic = "orders") {
        Coordinator::Commit wanted{"g", id, {}, epoch, {}, {{{topic, 0}, {.offset = Offset{offset}}}}};
        wanted.speaks_epochs = speaks_epochs;
        auto told = now<Coordinator::Placed>(wanted);
        EXPECT_EQ(told.error, told.places.at(0));
        return told.error;
    }
    GroupError fetch(const std::string& id, std::int32_t epoch) {
        Coordinator::FetchOffsets wanted{"g", std::vector<Coordinator::Place>{{"orders", 0}}, id, epoch};
        auto told = now<Coordinator::Fetched>(wanted);
        EXPECT_EQ(told.offsets.empty(), told.error != GroupError::none);
        return told.error;
    }
    GroupError forget(const std::string& topic) {
        return now<Coordinator::Placed>(Coordinator::ForgetOffsets{"g", {{topic, 0}}}).places.at(0);
    }
    void expire() { now<Coordinator::Done>(Coordinator::Expire{}); }
    GroupError remove() { return now<Coordinator::Deleted>(Coordinator::Delete{{"g"}}).groups.at(0); }

    const Millis month = CoordinatorRules().offsets_retention;
    Consumer a_{"a"}, b_{"b"};
};

TEST_F(ConsumerOffsets, a_member_commits_in_its_epoch) {
    come(a_);
    EXPECT_EQ(commit("a", 2, 5), GroupError::none);
    EXPECT_EQ(commit("a", 1, 6), GroupError::stale_member_epoch);
    EXPECT_EQ(commit("a", 3, 6), GroupError::stale_member_epoch);
    EXPECT_EQ(commit("b", 2, 6), GroupError::unknown_member);
    EXPECT_EQ(commit("", -1, 6), GroupError::unknown_member);
    EXPECT_EQ(commit("a", 2, 6, false), GroupError::unsupported_version);
    EXPECT_EQ(committed(), 5);
    come(b_);
    EXPECT_EQ(commit("b", 3, 7), GroupError::none);
    EXPECT_EQ(commit("a", 2, 8), GroupError::none);  // While it has to give back, and before.
    beat(a_);
    EXPECT_EQ(commit("a", 2, 9), GroupError::none);
    beat(a_);
    EXPECT_EQ(commit("a", 2, 10), GroupError::stale_member_epoch);
    EXPECT_EQ(committed(), 9);
}
TEST_F(ConsumerOffsets, a_member_asks_in_its_epoch) {
    come(a_);
    commit("a", 2, 5);
    EXPECT_EQ(fetch("a", 2), GroupError::none);
    EXPECT_EQ(fetch("a", 1), GroupError::stale_member_epoch);
    EXPECT_EQ(fetch("a", 3), GroupError::stale_member_epoch);
    EXPECT_EQ(fetch("b", 2), GroupError::unknown_member);
    EXPECT_EQ(committed(), 5);  // Whoever does not ask in a member's name.
}
TEST_F(ConsumerOffsets, an_empty_group_takes_what_comes_from_outside) {
    come(a_);
    commit("a", 2, 5);
    leave(a_);
    EXPECT_EQ(commit("a", 2, 6), GroupError::unknown_member);
    EXPECT_EQ(commit("", -1, 7, false), GroupError::none);
    EXPECT_EQ(committed(), 7);
    EXPECT_EQ(phase(), "Empty");
}
TEST_F(ConsumerOffsets, metadata_has_a_bound) {
    come(a_);
    Coordinator::Commit wanted{"g", "a", {}, 2, {}, {{{"orders", 0}, {}}, {{"orders", 1}, {}}}, true};
    wanted.offsets[0].second.metadata = std::string(4'097, 'x');
    auto told = now<Coordinator::Placed>(wanted);
    EXPECT_EQ(told.places, (std::vector{GroupError::metadata_too_large, GroupError::none}));
}
TEST_F(ConsumerOffsets, they_lapse_only_where_nobody_subscribes) {
    make("pays", 1);
    auto wanted = first("b", {});
    wanted.pattern = "pa.s";
    come(a_);
    take_up(b_, tell(wanted));
    commit("b", 3, 5);
    commit("b", 3, 6, true, "pays");
    commit("b", 3, 7, true, "others");
    clocks_.wall = clocks_.wall + month + Millis(-1);
    expire();
    EXPECT_EQ(committed("others"), 7);
    clocks_.wall = clocks_.wall + Millis(1);
    expire();
    EXPECT_EQ(committed("others"), std::nullopt);
    EXPECT_EQ(committed("pays"), 6);
    leave(b_);
    expire();
    EXPECT_EQ(committed("pays"), std::nullopt);
    EXPECT_EQ(committed(), 5);
}
TEST_F(ConsumerOffsets, a_group_goes_when_it_is_empty_and_nothing_is_committed) {
    come(a_);
    commit("a", 2, 5);
    clocks_.wall = clocks_.wall + month;
    leave(a_);
    commit("", -1, 6);
    expire();
    EXPECT_EQ(machine_.groups(), 1U);
    clocks_.wall = clocks_.wall + month;
    expire();
    EXPECT_EQ(machine_.groups(), 0U);
    fail_over();
    EXPECT_EQ(machine_.groups(), 0U);

    come(a_);
    expire();
    EXPECT_EQ(machine_.groups(), 1U);
    leave(a_);
    expire();
    EXPECT_EQ(machine_.groups(), 0U);
}
TEST_F(ConsumerOffsets, a_group_is_deleted_when_nobody_is_in_it) {
    come(a_);
    commit("a", 2, 5);
    EXPECT_EQ(remove(), GroupError::not_empty);
    leave(a_);
    EXPECT_EQ(remove(), GroupError::none);
    EXPECT_EQ(remove(), GroupError::unknown_group);
    fail_over();
    EXPECT_EQ(machine_.groups(), 0U);
    EXPECT_EQ(come(a_).epoch, 2);  // Nothing is left of it.
    EXPECT_EQ(committed(), std::nullopt);
}
TEST_F(ConsumerOffsets, they_are_forgotten_on_request_where_nobody_subscribes) {
    EXPECT_EQ(forget("orders"), GroupError::unknown_group);
    come(a_);
    commit("a", 2, 5);
    commit("a", 2, 6, true, "pays");
    EXPECT_EQ(forget("orders"), GroupError::subscribed);
    EXPECT_EQ(forget("pays"), GroupError::none);
    EXPECT_EQ(committed("pays"), std::nullopt);
    leave(a_);
    EXPECT_EQ(forget("orders"), GroupError::none);
    EXPECT_EQ(committed(), std::nullopt);
}
TEST_F(ConsumerOffsets, those_of_a_later_topic_of_that_name_stay) {
    come(a_);
    commit("a", 2, 5);
    auto gone = topics_gone({"orders"});
    pass(Millis(5));
    commit("a", 2, 3);
    now<Coordinator::Done>(gone);
    EXPECT_EQ(committed(), 3);
    now<Coordinator::Done>(topics_gone({"orders"}));
    EXPECT_EQ(committed(), std::nullopt);
}
TEST_F(ConsumerOffsets, those_of_a_topic_that_is_gone_go_whoever_reads_it) {
    come(a_);
    commit("a", 2, 5);
    commit("a", 2, 6, true, "pays");
    now<Coordinator::Done>(topics_gone({"orders"}));
    EXPECT_EQ(committed(), std::nullopt);
    EXPECT_EQ(committed("pays"), 6);
    EXPECT_EQ(phase(), "Stable");
}

// --- what is shown -------------------------------------------------------------------------------

TEST_F(ConsumerOffsets, a_group_is_shown_with_its_kind_and_phase) {
    auto listed = [&] {
        auto groups = now<Coordinator::Listed>(Coordinator::List{}).groups;
        EXPECT_EQ(groups.size(), 1U);
        return groups.at(0).protocol_type + " " + std::string(to_text(groups.at(0).phase));
    };
    auto described = [&] { return now<Coordinator::Described>(Coordinator::Describe{"g"}); };
    EXPECT_FALSE(described().consumer);
    come(a_);
    EXPECT_EQ(listed(), "consumer Stable");
    come(b_);
    EXPECT_EQ(listed(), "consumer Reconciling");
    EXPECT_EQ(described().consumer->members().size(), 2U);
    EXPECT_FALSE(described().group);
    leave(b_);
    EXPECT_EQ(listed(), "consumer Assigning");
    leave(a_);
    EXPECT_EQ(listed(), "consumer Empty");
}

}  // namespace
}  // namespace fulmar::group
