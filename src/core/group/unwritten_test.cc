#include <gtest/gtest.h>

#include "core/group/coordinator.h"
#include "tests/core/coordinator_stage.h"

namespace fulmar::group {
namespace {

// What no log knows of, and how much of it a coordinator holds.
class Unwritten : public CoordinatorStage {
protected:
    Unwritten() {
        rules_.reserved_bytes_max = 100'000;
        rules_.unwritten_bytes_max = 100'000;
        machine_ = Coordinator(rules_, &image_);
    }
    Join join_of(const std::string& group, std::string id = "") {
        auto wanted = join(std::move(id));
        wanted.group = group;
        return wanted;
    }
    // An id to join that group with.
    std::string reserve(const std::string& group) {
        auto wanted = join_of(group);
        wanted.must_know_id = true;
        auto told = now<Joined>(wanted);
        EXPECT_EQ(told.error, GroupError::member_id_required);
        return told.member_id;
    }
    // Somebody who has said so much and waits for the first generation; an error: it may not.
    GroupError gather(const std::string& group, std::size_t bytes) {
        auto wanted = join_of(group);
        wanted.protocols[0].metadata.assign(bytes, 'x');
        auto told = answer<Joined>(ask(wanted));
        return told ? told->error : GroupError::none;
    }
};

TEST_F(Unwritten, of_ids_that_nobody_joins_with_the_oldest_are_forgotten) {
    auto first = reserve("group 0");
    std::string last;
    for (int n = 1; n < 10'000; ++n) {
        move(clocks_.now + Millis(n % 3 == 0));
        last = reserve("group " + std::to_string(n));
        ASSERT_LE(machine_.reserved_bytes(), rules_.reserved_bytes_max);
    }
    EXPECT_GT(machine_.groups(), 20U);
    EXPECT_LT(machine_.groups(), 100U);
    EXPECT_EQ(now<Joined>(join_of("group 0", first)).error, GroupError::unknown_member);
    auto ticket = ask(join_of("group 9999", last));
    pass(Millis(6'000));
    EXPECT_EQ(answer<Joined>(ticket)->error, GroupError::none);
    pass(Millis(100'000));
    EXPECT_EQ(machine_.reserved_bytes(), 0U);
    EXPECT_EQ(machine_.unwritten_bytes(), 0U);
}

TEST_F(Unwritten, ids_of_one_group_are_forgotten_likewise) {
    auto members = group_of(1);
    for (int n = 0; n < 10'000; ++n) reserve("g");
    EXPECT_LE(machine_.reserved_bytes(), rules_.reserved_bytes_max);
    EXPECT_LT(group().reserved.size(), 1'000U);
    EXPECT_EQ(beat(members[0].member_id, members[0].generation), GroupError::none);
    pass(Millis(100'000));
    EXPECT_EQ(machine_.reserved_bytes(), 0U);
}

TEST_F(Unwritten, members_that_no_log_knows_are_refused_beyond_so_much) {
    int taken = 0;
    while (gather("group " + std::to_string(taken), 5'000) == GroupError::none) ASSERT_LT(++taken, 100);
    EXPECT_GT(taken, 10);
    EXPECT_LT(machine_.unwritten_bytes(), rules_.unwritten_bytes_max + 10'000);
    EXPECT_EQ(gather("another", 1), GroupError::no_room);
    EXPECT_EQ(machine_.find("another"), nullptr);
    // What is not there any more makes room.
    pass(Millis(1'000'000));
    EXPECT_EQ(machine_.unwritten_bytes(), 0U);
    EXPECT_EQ(gather("another", 1), GroupError::none);
}

TEST_F(Unwritten, what_is_written_leaves_room_to_others) {
    auto wanted = join();
    wanted.protocols[0].metadata.assign(200'000, 'x');
    auto ticket = ask(wanted);
    EXPECT_EQ(gather("other", 1), GroupError::no_room);
    pass(Millis(6'000));
    auto joined = answer<Joined>(ticket).value();
    EXPECT_EQ(gather("other", 1), GroupError::no_room);
    ask(sync(joined));
    EXPECT_EQ(machine_.unwritten_bytes(), 0U);
    EXPECT_EQ(gather("other", 1), GroupError::none);
    // Nor is it counted by whoever has read it from the log.
    fail_over();
    EXPECT_EQ(machine_.unwritten_bytes(), 0U);
}

TEST_F(Unwritten, a_member_may_say_the_same_again_when_there_is_no_room) {
    auto members = group_of(2);
    EXPECT_EQ(gather("other", 200'000), GroupError::none);
    EXPECT_EQ(gather("g", 1), GroupError::no_room);
    auto same = join(members[0].member_id);
    auto more = same;
    more.protocols[0].metadata += "x";
    EXPECT_EQ(answer<Joined>(ask(more))->error, GroupError::no_room);
    EXPECT_EQ(answer<Joined>(ask(same)), std::nullopt);  // It waits for the others.
    EXPECT_EQ(group().phase, Phase::preparing_rebalance);
}

TEST_F(Unwritten, groups_are_deleted_together_as_many_as_are_a_turn) {
    for (auto name : {"a", "b", "c"}) {
        Coordinator::Commit wanted{name, "", {}, -1, {}, {}};
        for (int n = 0; n < 10; ++n) wanted.offsets.push_back({{"orders", n}, {.offset = Offset{n}}});
        ask(wanted);
    }
    gather("d", 1);
    using enum GroupError;
    auto remove = [&](std::vector<std::string> names) {
        return now<Coordinator::Deleted>(Coordinator::Delete{std::move(names), 15}).groups;
    };
    EXPECT_EQ(remove({"none", "a", "a", "d", "b", "c"}),
              (std::vector{unknown_group, none, unknown_group, not_empty, none}));
    EXPECT_EQ(remove({"c"}), (std::vector{none}));
    EXPECT_EQ(machine_.groups(), 1U);
}

}  // namespace
}  // namespace fulmar::group
