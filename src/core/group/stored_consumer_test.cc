#include "core/group/stored_consumer.h"

#include <gtest/gtest.h>

#include "core/group/bytes.h"
#include "core/group/stored.h"

namespace fulmar::group {
namespace {

Coordinator::Event read_back(const StoredRecord& record) {
    std::optional<Bytes> value;
    if (record.value) value = Bytes(*record.value);
    auto read = Stored::read(record.key, value);
    EXPECT_TRUE(read && *read);
    return **read;
}
template <class Event>
void expect_same(const Event& event) {
    ASSERT_TRUE(durable(ConsumerEvent(event)));
    auto record = Stored::write(ConsumerEvent(event));
    EXPECT_EQ(record.value.has_value(), event.what.has_value());
    auto read = std::get<Event>(std::get<ConsumerEvent>(read_back(record)));
    EXPECT_EQ(read.group, event.group);
    EXPECT_EQ(read.what, event.what);
    if constexpr (requires { event.member_id; }) EXPECT_EQ(read.member_id, event.member_id);
    if constexpr (requires { event.pattern; }) EXPECT_EQ(read.pattern, event.pattern);
    // The key does not depend on the value, or the one would not supersede the other.
    auto gone = event;
    gone.what.reset();
    EXPECT_EQ(Stored::write(ConsumerEvent(gone)).key, record.key);
}

const TopicId orders = uuid_from(1, 1), pays = uuid_from(2, 1);

TEST(StoredConsumerGroups, what_a_group_is_comes_back) {
    expect_same(WroteConsumerGroup{"g", GroupEpoch{7, -123'456'789'012}});
    expect_same(WroteConsumerGroup{"", GroupEpoch{INT32_MAX, 0}});
    expect_same(WroteConsumerGroup{"g", std::nullopt});
    expect_same(WroteTargetEpoch{"g", TargetEpoch{7, Timestamp{1'700'000'000'000}}});
    expect_same(WroteTargetEpoch{"g", std::nullopt});
}
TEST(StoredConsumerGroups, what_a_member_says_comes_back) {
    Said said{
        .instance_id = "i",
        .rack_id = "r",
        .client_id = "client",
        .client_host = "/127.0.0.1",
        .topics = {"orders", "pays"},
        .pattern = "o.*",
        .rebalance_timeout = Millis(60'000),
        .assignor = "range",
        .classic = Said::Classic{Millis(10'000), {{"range", std::string("\0\xff", 2)}, {"sticky", ""}}}};
    expect_same(WroteConsumerMember{"g", "m", said});
    expect_same(WroteConsumerMember{"g", "m", Said{}});
    said.pattern = "";
    said.topics.clear();
    expect_same(WroteConsumerMember{"g", "m", said});
    expect_same(WroteConsumerMember{"g", "m", std::nullopt});
    // Who names no way to share out does not speak the classic protocol, whatever stands there.
    said.classic->protocols.clear();
    auto read = read_back(Stored::write(ConsumerEvent(WroteConsumerMember{"g", "m", said})));
    EXPECT_FALSE(std::get<WroteConsumerMember>(std::get<ConsumerEvent>(read)).what->classic);
}
TEST(StoredConsumerGroups, a_state_that_is_not_known_is_one_that_waits) {
    Current current;
    current.state = MemberState(9);
    auto read = read_back(Stored::write(ConsumerEvent(WroteCurrent{"g", "m", current})));
    EXPECT_EQ(std::get<WroteCurrent>(std::get<ConsumerEvent>(read)).what->state, MemberState::unreleased);
}
TEST(StoredConsumerGroups, what_a_member_is_to_have_and_has_comes_back) {
    Partitions some{{orders, {0, 1, 7}}, {pays, {INT32_MAX}}}, others{{pays, {3}}};
    for (auto& partitions : {some, others, Partitions{}}) expect_same(WroteTarget{"g", "m", partitions});
    expect_same(WroteTarget{"g", "m", std::nullopt});
    for (auto state : {MemberState::stable, MemberState::unrevoked, MemberState::unreleased})
        expect_same(WroteCurrent{"g", "m", Current{3, 2, state, some, others}});
    expect_same(WroteCurrent{"g", "m", Current{away_epoch, 2, MemberState::stable, some, {}}});
    expect_same(WroteCurrent{"g", "m", std::nullopt});
}
TEST(StoredConsumerGroups, what_a_pattern_matched_comes_back) {
    expect_same(WrotePattern{"g", "o.*", Matched{{"orders", "others"}, 12, Timestamp{1'700'000'000'000}}});
    expect_same(WrotePattern{"g", "o.*", Matched{}});
    expect_same(WrotePattern{"g", "", std::nullopt});
}
TEST(StoredConsumerGroups, what_is_only_of_this_life_is_not_written) {
    for (auto& event : {ConsumerEvent(TimersSet{}), ConsumerEvent(LookedAtTopics{}),
                        ConsumerEvent(MatchedTopics{}), ConsumerEvent(ConsumersArmed{})})
        EXPECT_FALSE(durable(event));
}
TEST(StoredConsumerGroups, a_value_that_is_not_understood_is_not_passed_over) {
    auto record = Stored::write(ConsumerEvent(WroteTarget{"g", "m", Partitions{{orders, {0}}}}));
    auto read = [&] { return Stored::read(record.key, Bytes(*record.value)); };
    ASSERT_TRUE(read());
    for (auto bytes = record.value->size(); bytes-- > 0;) {
        record.value->resize(bytes);
        EXPECT_FALSE(read()) << bytes;
    }
}

// --- what compaction leaves ------------------------------------------------------------------------

class Replayed : public testing::Test {
protected:
    void apply(ConsumerEvent event) { machine_.apply(read_back(Stored::write(std::move(event)))); }
    const ConsumerGroup& group() { return *machine_.find_consumer("g"); }

    Coordinator machine_;
};

TEST_F(Replayed, records_may_come_before_what_they_hang_on) {
    Current current{2, 1, MemberState::stable, {{orders, {0}}}, {}};
    apply(WroteCurrent{"g", "m", current});
    apply(WroteTarget{"g", "m", current.assigned});
    apply(WroteTargetEpoch{"g", TargetEpoch{2, {}}});
    apply(WroteConsumerMember{"g", "m", Said{.instance_id = "i", .topics = {"orders"}}});
    apply(WroteConsumerGroup{"g", GroupEpoch{2, 1}});
    EXPECT_EQ(group().find("m")->current, current);
    EXPECT_EQ(*group().static_member("i"), "m");
    EXPECT_EQ(*group().owner(orders, 0), "m");
    EXPECT_TRUE(group().subscribes("orders"));
    EXPECT_EQ(group().phase(), ConsumerPhase::stable);
}
TEST_F(Replayed, for_a_while_a_partition_may_have_two_owners) {
    Partitions some{{orders, {0}}};
    apply(WroteCurrent{"g", "before", Current{1, 0, MemberState::stable, some, {}}});
    apply(WroteCurrent{"g", "after", Current{2, 0, MemberState::stable, some, {}}});
    // That the one gave it back was superseded by this.
    apply(WroteCurrent{"g", "before", Current{3, 2, MemberState::stable, {}, {}}});
    EXPECT_EQ(*group().owner(orders, 0), "after");
    apply(WroteCurrent{"g", "before", std::nullopt});
    EXPECT_EQ(*group().owner(orders, 0), "after");
    apply(WroteCurrent{"g", "after", std::nullopt});
    EXPECT_EQ(group().owner(orders, 0), nullptr);
}
TEST_F(Replayed, what_says_that_something_is_no_more_begins_nothing) {
    apply(WroteCurrent{"g", "m", std::nullopt});
    apply(WroteTarget{"g", "m", std::nullopt});
    apply(WroteConsumerMember{"g", "m", std::nullopt});
    apply(WrotePattern{"g", "o.*", std::nullopt});
    apply(WroteTargetEpoch{"g", std::nullopt});
    EXPECT_EQ(machine_.groups(), 0U);
    apply(WroteConsumerGroup{"g", GroupEpoch{2, 1}});
    apply(WroteCurrent{"g", "m", std::nullopt});
    EXPECT_EQ(group().find("m"), nullptr);
    apply(WroteConsumerGroup{"g", std::nullopt});
    EXPECT_EQ(machine_.groups(), 0U);
}

}  // namespace
}  // namespace fulmar::group
