#include <gtest/gtest.h>

#include "core/group/consumer.h"

namespace fulmar::group {
namespace {

constexpr Millis session{45'000}, rebalance{10'000};

// A member that must give back a partition, as a replay finds it: nobody knows when it was heard of.
ConsumerGroup replayed(std::int32_t epoch) {
    ConsumerGroup group;
    apply(group, WroteConsumerMember{
                     "g", "m", Said{.instance_id = "i", .topics = {"t"}, .rebalance_timeout = rebalance}});
    apply(group, WroteCurrent{"g", "m",
                              Current{.epoch = epoch,
                                      .previous_epoch = 3,
                                      .state = MemberState::unrevoked,
                                      .revoking = {{TopicId{}, {0}}}}});
    apply(group, ConsumersArmed{"g", Instant{1'000}, session});
    return group;
}

TEST(ConsumerTimers, what_must_be_given_back_is_waited_for_anew_after_a_replay) {
    auto group = replayed(3);
    EXPECT_EQ(group.find("m")->act_by, Instant{1'000} + rebalance);
    EXPECT_EQ(group.deadline(), Instant{1'000} + rebalance);
}

TEST(ConsumerTimers, a_static_member_that_is_away_has_its_session_after_a_replay_too) {
    auto group = replayed(away_epoch);
    EXPECT_EQ(group.find("m")->act_by, std::nullopt);
    EXPECT_EQ(group.deadline(), Instant{1'000} + session);
}

}  // namespace
}  // namespace fulmar::group
