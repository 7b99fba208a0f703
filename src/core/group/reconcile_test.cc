#include "core/group/reconcile.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

namespace fulmar::group {
namespace {

using Indexes = std::set<std::int32_t>;

// Partitions of one topic, by number; of a member "me", with others beside it.
class Reconciliation : public testing::Test {
protected:
    static constexpr auto stable = MemberState::stable, unrevoked = MemberState::unrevoked,
                          unreleased = MemberState::unreleased;

    static Partitions parts(const Indexes& indexes) {
        return indexes.empty() ? Partitions{} : Partitions{{uuid_from(1, 1), indexes}};
    }
    static Current at(std::int32_t epoch, MemberState state, const Indexes& assigned,
                      const Indexes& revoking = {}) {
        return {epoch, epoch - 1, state, parts(assigned), parts(revoking)};
    }
    void other_has(const std::string& id, const Indexes& assigned, const Indexes& revoking = {}) {
        group_.put(id, at(1, stable, assigned, revoking));
    }
    // "3 after 2, unrevoked: 0 1, gives back 2"
    static std::string show(const Current& current) {
        static constexpr std::string_view names[] = {"stable", "unrevoked", "unreleased"};
        auto all = [](const Partitions& partitions) {
            std::string text;
            for (auto& [topic, indexes] : partitions) text += fmt::format("{}", fmt::join(indexes, " "));
            return text;
        };
        auto text = fmt::format("{} after {}, {}: {}", current.epoch, current.previous_epoch,
                                names[std::size_t(current.state)], all(current.assigned));
        return current.revoking.empty() ? text : text + ", gives back " + all(current.revoking);
    }
    // `owned`: none when it does not say.
    std::string next(const Current& current, const Indexes& target, std::int32_t epoch,
                     const std::optional<Indexes>& owned = {}) {
        group_.put(me_, current);
        std::optional<Partitions> says;
        if (owned) says = parts(*owned);
        return show(reconcile(current, parts(target), epoch, says, {group_, me_}));
    }

    ConsumerGroup group_;
    std::string me_ = "me";
};

// --- stable --------------------------------------------------------------------------------------

TEST_F(Reconciliation, who_has_come_to_the_target_stays_as_it_is) {
    EXPECT_EQ(next(at(3, stable, {0, 1}), {0, 1}, 3), "3 after 2, stable: 0 1");
    EXPECT_EQ(next(at(3, stable, {0, 1}), {0, 1}, 3, Indexes{}), "3 after 2, stable: 0 1");
}
TEST_F(Reconciliation, a_target_that_changes_nothing_is_come_to_at_once) {
    EXPECT_EQ(next(at(3, stable, {0, 1}), {0, 1}, 5), "5 after 3, stable: 0 1");
}
TEST_F(Reconciliation, what_nobody_has_is_given_at_once) {
    EXPECT_EQ(next(at(0, stable, {}), {0, 1}, 2), "2 after 0, stable: 0 1");
    EXPECT_EQ(next(at(2, stable, {0}), {0, 1}, 3), "3 after 2, stable: 0 1");
}
TEST_F(Reconciliation, first_it_gives_back_and_its_epoch_waits) {
    EXPECT_EQ(next(at(2, stable, {0, 1, 2, 3}), {0, 1}, 3), "2 after 1, unrevoked: 0 1, gives back 2 3");
    EXPECT_EQ(next(at(2, stable, {0, 1}), {}, 3), "2 after 1, unrevoked: , gives back 0 1");
}
TEST_F(Reconciliation, while_it_has_to_give_back_it_gets_nothing) {
    EXPECT_EQ(next(at(2, stable, {0, 1}), {1, 4}, 3), "2 after 1, unrevoked: 1, gives back 0");
}
TEST_F(Reconciliation, who_says_that_it_has_it_not_need_not_give_it_back) {
    EXPECT_EQ(next(at(2, stable, {0, 1}), {0, 4}, 3, Indexes{0}), "3 after 2, stable: 0 4");
    EXPECT_EQ(next(at(2, stable, {0, 1}), {0, 4}, 3, Indexes{0, 1}), "2 after 1, unrevoked: 0, gives back 1");
}
TEST_F(Reconciliation, who_joins_with_nothing_gives_nothing_back) {
    for (auto state : {stable, unreleased})
        EXPECT_EQ(next(at(2, state, {0, 1}), {2}, 3, Indexes{}), "3 after 2, stable: 2");
    EXPECT_EQ(next(at(2, unrevoked, {0}, {1}), {2}, 3, Indexes{}), "3 after 2, stable: 2");
}

// --- unrevoked -----------------------------------------------------------------------------------

TEST_F(Reconciliation, it_has_given_back_when_it_says_so) {
    auto owes = at(2, unrevoked, {0, 1}, {2, 3});
    auto same = "2 after 1, unrevoked: 0 1, gives back 2 3";
    EXPECT_EQ(next(owes, {0, 1}, 3), same);
    EXPECT_EQ(next(owes, {0, 1}, 3, Indexes{0, 1, 2, 3}), same);
    EXPECT_EQ(next(owes, {0, 1}, 3, Indexes{0, 1, 3}), same);
    EXPECT_EQ(next(owes, {0, 1}, 3, Indexes{0, 1}), "3 after 2, stable: 0 1");
    EXPECT_EQ(next(owes, {0, 1}, 3, Indexes{}), "3 after 2, stable: 0 1");
}
TEST_F(Reconciliation, then_it_gets_what_is_free) {
    EXPECT_EQ(next(at(2, unrevoked, {1}, {0}), {1, 4}, 3, Indexes{1}), "3 after 2, stable: 1 4");
}
TEST_F(Reconciliation, when_there_is_more_to_give_back_its_epoch_shows_that_it_did_what_was_asked) {
    // The target has gone on meanwhile, from {0, 1} to {0}.
    EXPECT_EQ(next(at(2, unrevoked, {0, 1}, {2}), {0}, 7, Indexes{0, 1}),
              "3 after 2, unrevoked: 0, gives back 1");
    EXPECT_EQ(next(at(3, unrevoked, {0}, {1}), {0}, 7, Indexes{0}), "7 after 3, stable: 0");
}
TEST_F(Reconciliation, a_partition_that_is_its_own_again_is_given_back_all_the_same) {
    auto owes = at(2, unrevoked, {0}, {1});
    EXPECT_EQ(next(owes, {0, 1}, 3, Indexes{0, 1}), "2 after 1, unrevoked: 0, gives back 1");
    EXPECT_EQ(next(owes, {0, 1}, 3, Indexes{0}), "3 after 2, stable: 0 1");
}

// --- unreleased ----------------------------------------------------------------------------------

TEST_F(Reconciliation, it_waits_for_what_others_have) {
    other_has("you", {2});
    EXPECT_EQ(next(at(2, stable, {0}), {0, 1, 2}, 3), "3 after 2, unreleased: 0 1");
    auto waits = at(3, unreleased, {0, 1});
    EXPECT_EQ(next(waits, {0, 1, 2}, 3), "3 after 2, unreleased: 0 1");
    other_has("you", {}, {2});  // It has not given it back yet.
    EXPECT_EQ(next(waits, {0, 1, 2}, 3), "3 after 2, unreleased: 0 1");
    other_has("you", {});
    EXPECT_EQ(next(waits, {0, 1, 2}, 3), "3 after 2, stable: 0 1 2");
}
TEST_F(Reconciliation, what_is_free_it_gets_while_it_waits_for_the_rest) {
    other_has("you", {1});
    other_has("they", {2});
    EXPECT_EQ(next(at(2, unrevoked, {}, {3}), {0, 1, 2}, 3, Indexes{}), "3 after 2, unreleased: 0");
    other_has("they", {});
    EXPECT_EQ(next(at(3, unreleased, {0}), {0, 1, 2}, 3), "3 after 2, unreleased: 0 2");
}
TEST_F(Reconciliation, who_waits_may_have_to_give_back_by_a_newer_target) {
    other_has("you", {2});
    EXPECT_EQ(next(at(3, unreleased, {0, 1}), {1, 2}, 4), "3 after 2, unrevoked: 1, gives back 0");
    EXPECT_EQ(next(at(3, unreleased, {0, 1}), {0, 1}, 4), "4 after 3, stable: 0 1");
}
TEST_F(Reconciliation, who_comes_back_under_another_id_does_not_wait_for_itself) {
    other_has("before", {0, 1});
    std::string before = "before";
    auto current = at(0, stable, {0});
    EXPECT_EQ(next(current, {0, 1}, 3), "3 after 0, unreleased: 0");
    group_.put(before, at(3, stable, {0, 1}));
    auto after = reconcile(current, parts({0, 1}), 3, parts({}), {group_, me_, &before});
    EXPECT_EQ(show(after), "3 after 0, stable: 0 1");
}

// --- all there are -------------------------------------------------------------------------------

// Three partitions, each way to have, to owe and to want them, whatever is said and whoever else has some.
TEST_F(Reconciliation, nothing_is_had_twice_and_the_end_is_the_target) {
    auto of = [](unsigned mask) {
        Indexes indexes;
        for (int n = 0; n < 3; ++n)
            if (mask >> n & 1) indexes.insert(n);
        return parts(indexes);
    };
    for (unsigned assigned = 0; assigned < 8; ++assigned)
        for (unsigned revoking = 0; revoking < 8; ++revoking)
            for (unsigned others = 0; others < 8; ++others) {
                if ((assigned & revoking) || ((assigned | revoking) & others)) continue;
                ConsumerGroup group;
                auto state = revoking ? unrevoked : stable;
                Current current{2, 1, state, of(assigned), of(revoking)};
                group.put(me_, current);
                group.put("you", {2, 1, stable, of(others), {}});
                for (unsigned target = 0; target < 8; ++target) {
                    for (unsigned owned = 0; owned <= 8; ++owned) {
                        std::optional<Partitions> says;
                        if (owned < 8) says = of(owned);
                        auto after = reconcile(current, of(target), 3, says, {group, me_});
                        SCOPED_TRACE(show(current) + " -> " + show(after));
                        EXPECT_FALSE(overlap(after.assigned, of(others)));
                        EXPECT_FALSE(overlap(after.assigned, after.revoking));
                        EXPECT_EQ(after.state == unrevoked, !after.revoking.empty());
                        if (after.epoch == 3) EXPECT_TRUE(within(after.assigned, of(target)));
                        if (after.state == stable) EXPECT_EQ(after.assigned, of(target));
                        // What it does not say it has given back stays its.
                        auto before = joined(current.assigned, current.revoking);
                        auto held = says ? *says : before;
                        for (int n = 0; n < 3; ++n)
                            if (overlap(of(1U << n), before) && overlap(of(1U << n), held))
                                EXPECT_TRUE(overlap(of(1U << n), joined(after.assigned, after.revoking)));
                    }
                    auto last = current;
                    ConsumerGroup alone;
                    for (int n = 0; n < 3; ++n)
                        last = reconcile(last, of(target), 3, last.assigned, {alone, me_});
                    EXPECT_EQ(last.assigned, of(target));
                    EXPECT_EQ(last.epoch, 3);
                }
                if (HasFailure()) return;
            }
}

}  // namespace
}  // namespace fulmar::group
