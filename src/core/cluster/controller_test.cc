#include "core/cluster/controller.h"

#include <gtest/gtest.h>

namespace fulmar::cluster {
namespace {

// A controller and its host: `create` lets it decide and applies what it says, as machine.h has it.
class ControllerTest : public testing::Test {
protected:
    ControllerTest() {
        for (int id : {1, 2, 3}) join(id);
    }
    void join(int id) { act(Controller::RegisterBroker{{BrokerId{id}, id, "host", 9092, ""}}); }
    static NewTopic wanted(std::string name, std::int32_t partitions = 1, std::int16_t replication = 1) {
        static std::uint64_t last = 0;
        NewTopic topic;
        ++last;
        topic.name = std::move(name);
        topic.id = uuid_from(last * 0x9e3779b97f4a7c15, last);
        topic.partitions = partitions;
        topic.replication = replication;
        return topic;
    }
    static NewTopic assigned(std::map<std::int32_t, std::vector<BrokerId>> to) {
        auto topic = wanted("assigned", -1, -1);
        topic.assignment = std::move(to);
        return topic;
    }
    Controller::Answer create(NewTopic topic, bool validate_only = false) {
        return act(Controller::CreateTopic{std::move(topic), validate_only});
    }
    Controller::Answer grow(std::string name, std::int32_t to) {
        return act(Controller::GrowTopic{std::move(name), to, std::nullopt, false});
    }
    Controller::Answer remove(std::string name) { return act(Controller::DeleteTopic{std::move(name)}); }
    // Nothing is decided when it is refused.
    void expect_refused(const NewTopic& topic, TopicRefusal why, std::string_view text = {}) {
        expect_refused(Controller::CreateTopic{topic, false}, why, text);
    }
    void expect_refused(const Controller::Command& command, TopicRefusal why, std::string_view text = {}) {
        auto decided = controller_.decide(command, Ticket{1}, {});
        EXPECT_TRUE(decided.events.empty());
        ASSERT_EQ(decided.answers.size(), 1U);
        auto& answer = decided.answers.front().second;
        ASSERT_FALSE(answer);
        EXPECT_EQ(int(answer.error().why), int(why)) << answer.error().text;
        EXPECT_NE(answer.error().text.find(text), std::string::npos) << answer.error().text;
        EXPECT_FALSE(answer.error().text.empty());
    }

    Controller::Answer act(const Controller::Command& command) {
        auto decided = controller_.decide(command, Ticket{9}, {});
        for (auto& event : decided.events) {
            controller_.apply(event);
            if (Controller::durable(event)) log_.push_back(event);
        }
        EXPECT_EQ(decided.answers.size(), 1U);
        EXPECT_EQ(decided.answers.front().first, Ticket{9});
        return std::move(decided.answers.front().second);
    }

    Controller controller_{4, {}};
    std::vector<Fact> log_;
};

TEST_F(ControllerTest, a_topic_is_made_as_asked_and_known_then) {
    auto asked = wanted("orders", 3, 2);
    asked.configs = {{"retention.ms", "5"}, {"cleanup.policy", "compact"}};
    auto made = create(asked);
    ASSERT_TRUE(made);
    EXPECT_EQ((*made)->name, "orders");
    EXPECT_EQ((*made)->id, asked.id);
    EXPECT_EQ((*made)->configs.at("retention.ms"), "5");
    ASSERT_EQ((*made)->partitions.size(), 3U);
    EXPECT_EQ(controller_.image().find("orders"), made->get());
    EXPECT_EQ(controller_.image().find(asked.id), made->get());
}

TEST_F(ControllerTest, minus_one_means_the_default) {
    auto made = create(wanted("orders", -1, -1));
    ASSERT_TRUE(made);
    EXPECT_EQ((*made)->partitions.size(), 4U);
    EXPECT_EQ((*made)->partitions.front().replicas.size(), 1U);
}

TEST_F(ControllerTest, to_validate_answers_alike_and_changes_nothing) {
    auto asked = wanted("orders", 3, 2);
    auto shown = create(asked, true);
    ASSERT_TRUE(shown);
    EXPECT_EQ(controller_.image().find("orders"), nullptr);
    auto made = create(asked);
    ASSERT_TRUE(made);
    EXPECT_EQ(**made, **shown);
    EXPECT_FALSE(create(wanted("orders"), true));
}

TEST_F(ControllerTest, leaders_and_replicas_are_spread_evenly) {
    for (std::int16_t replication : {1, 2, 3}) {
        auto made = create(wanted("spread-" + std::to_string(replication), 30, replication));
        ASSERT_TRUE(made);
        std::map<BrokerId, int> leads, holds;
        for (auto& state : (*made)->partitions) {
            ASSERT_EQ(state.replicas.size(), std::size_t(replication));
            EXPECT_EQ(std::set(state.replicas.begin(), state.replicas.end()).size(), state.replicas.size());
            EXPECT_EQ(state.isr, state.replicas);
            EXPECT_EQ(state.leader, state.replicas.front());
            EXPECT_EQ(state.leader_epoch, 0);
            ++leads[state.leader];
            for (auto id : state.replicas) ++holds[id];
        }
        for (int id : {1, 2, 3}) {
            EXPECT_EQ(leads[BrokerId{id}], 10);
            EXPECT_EQ(holds[BrokerId{id}], 10 * replication);
        }
    }
    std::set<BrokerId> first;  // Topics of one partition do not all land on the same broker.
    for (int n = 0; n < 30; ++n)
        first.insert((*create(wanted("single-" + std::to_string(n))))->partitions.front().leader);
    EXPECT_EQ(first.size(), 3U);
}

TEST_F(ControllerTest, a_manual_assignment_is_taken_as_it_is) {
    auto made = create(assigned({{0, {BrokerId{3}, BrokerId{1}}}, {1, {BrokerId{1}, BrokerId{2}}}}));
    ASSERT_TRUE(made);
    EXPECT_EQ((*made)->partitions[0],
              (PartitionState{{BrokerId{3}, BrokerId{1}}, {BrokerId{3}, BrokerId{1}}, BrokerId{3}, 0, 0}));
    EXPECT_EQ((*made)->partitions[1].leader, BrokerId{1});
}

TEST_F(ControllerTest, each_refusal_has_its_reason) {
    using enum TopicRefusal;
    ASSERT_TRUE(create(wanted("a.b")));
    for (auto name : {std::string(), std::string(".."), std::string("a b"), std::string(250, 'x')})
        expect_refused(wanted(name), invalid_name);
    expect_refused(wanted("a.b"), exists, "'a.b' already exists");
    expect_refused(wanted("a_b"), invalid_name, "collides with existing topic: a.b");
    for (std::int32_t count : {0, -2, INT32_MIN}) expect_refused(wanted("c", count), invalid_partitions);
    expect_refused(wanted("c", partitions_max + 1), invalid_partitions, "10000");
    expect_refused(wanted("c", INT32_MAX), invalid_partitions);
    for (std::int16_t factor : {0, -2, 4, int(INT16_MAX)})
        expect_refused(wanted("c", 1, factor), invalid_replication);
    EXPECT_TRUE(create(wanted("c", partitions_max, 3)));

    auto config = wanted("d");
    config.configs = {{"retention.ms", "5"}, {"retention", "5"}};
    expect_refused(config, invalid_config, "retention");
    config.configs = {{"retention.ms", std::nullopt}};
    expect_refused(config, invalid_config);
}

TEST_F(ControllerTest, each_wrong_assignment_is_refused) {
    using enum TopicRefusal;
    BrokerId one{1}, two{2}, stranger{9};
    expect_refused(assigned({{1, {one}}}), invalid_assignment, "consecutive");
    expect_refused(assigned({{0, {one}}, {2, {one}}}), invalid_assignment, "consecutive");
    expect_refused(assigned({{-1, {one}}, {0, {one}}}), invalid_assignment, "consecutive");
    expect_refused(assigned({{0, {}}}), invalid_assignment, "empty");
    expect_refused(assigned({{0, {stranger}}}), invalid_assignment, "broker 9");
    expect_refused(assigned({{0, {one, one}}}), invalid_assignment, "more than once");
    expect_refused(assigned({{0, {one}}, {1, {one, two}}}), invalid_assignment, "different lengths");
    auto twice = assigned({{0, {one}}});
    twice.assigned_twice = true;
    expect_refused(twice, invalid_assignment, "multiple");
    auto both = assigned({{0, {one}}});
    both.partitions = 1;
    expect_refused(both, contradiction, "numPartitions");
    both.partitions = -1, both.replication = 1;
    expect_refused(both, contradiction, "replication");
    std::map<std::int32_t, std::vector<BrokerId>> many;
    for (std::int32_t p = 0; p <= partitions_max; ++p) many[p] = {one};
    expect_refused(assigned(many), invalid_partitions);
}

// Everything is wrong at first; repaired one by one, what Kafka finds first is told first.
TEST_F(ControllerTest, refusals_come_in_this_order) {
    using enum TopicRefusal;
    ASSERT_TRUE(create(wanted("a.b")) && create(wanted("x")));
    auto topic = wanted("..", 0, 0);
    topic.configs = {{"nonsense", "1"}};
    expect_refused(topic, invalid_name);
    topic.name = "x";
    expect_refused(topic, exists);
    topic.name = "a_b";
    expect_refused(topic, invalid_name, "collides");
    topic.name = "new";
    expect_refused(topic, invalid_replication, "larger than 0");  // The factor before the partitions,
    topic.replication = 4;
    expect_refused(topic, invalid_partitions, "non-positive");  // but the brokers that it needs behind.
    topic.partitions = 1;
    expect_refused(topic, invalid_replication, "only 3 broker(s)");
    topic.replication = 3;
    expect_refused(topic, invalid_config);
    topic.configs.clear();
    EXPECT_TRUE(create(topic));

    auto manual = assigned({{1, {}}});
    manual.replication = 1, manual.partitions = 1, manual.assigned_twice = true,
    manual.configs = {{"nonsense", "1"}};
    expect_refused(manual, contradiction, "replication");
    manual.replication = -1;
    expect_refused(manual, contradiction, "numPartitions");
    manual.partitions = -1;
    expect_refused(manual, invalid_assignment, "multiple");
    manual.assigned_twice = false;
    expect_refused(manual, invalid_assignment, "consecutive");
    manual.assignment = {{0, {}}};
    expect_refused(manual, invalid_assignment, "empty");
    manual.assignment = {{0, {BrokerId{1}}}};
    expect_refused(manual, invalid_config);
}

TEST_F(ControllerTest, a_partition_has_no_more_replicas_than_the_store_can_tell) {
    std::vector<BrokerId> all;
    for (int id = 1; id <= 9; ++id) join(id), all.push_back(BrokerId{id});
    expect_refused(wanted("nine", 1, 9), TopicRefusal::invalid_replication, "8");
    expect_refused(assigned({{0, all}}), TopicRefusal::invalid_assignment, "8");
    all.pop_back();
    EXPECT_TRUE(create(wanted("eight", 1, 8)));
    EXPECT_TRUE(create(assigned({{0, all}})));
}

TEST_F(ControllerTest, a_topic_grows_and_what_it_had_stays) {
    auto made = *create(wanted("orders", 2, 2));
    auto grown = *grow("orders", 7);
    ASSERT_EQ(grown->partitions.size(), 7U);
    EXPECT_EQ(grown->id, made->id);
    for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(grown->partitions[i], made->partitions[i]);
    // As if it had been made so.
    auto whole = wanted("others", 7, 2);
    whole.id = made->id;
    whole.name = "others";
    EXPECT_EQ((*create(whole))->partitions, grown->partitions);
    EXPECT_EQ(made->partitions.size(), 2U);

    std::vector<std::vector<BrokerId>> assignment{{BrokerId{3}, BrokerId{1}}};
    auto assigned = act(Controller::GrowTopic{"orders", 8, assignment, false});
    ASSERT_TRUE(assigned);
    EXPECT_EQ((*assigned)->partitions.back().replicas, assignment[0]);
    EXPECT_EQ((*assigned)->partitions.back().leader, BrokerId{3});
}

TEST_F(ControllerTest, a_growth_that_is_none_is_refused) {
    create(wanted("orders", 3, 2));
    using Lists = std::vector<std::vector<BrokerId>>;
    auto asked = [](std::int32_t to, std::optional<Lists> lists = {}, std::string name = "orders") {
        return Controller::GrowTopic{std::move(name), to, std::move(lists), false};
    };
    constexpr BrokerId one{1}, two{2}, nobody{9};
    expect_refused(asked(5, {}, "order"), TopicRefusal::unknown_name, "order");
    expect_refused(asked(5, {}, ""), TopicRefusal::unknown_name);
    expect_refused(asked(3), TopicRefusal::invalid_partitions, "already has 3");
    for (auto to : {2, 0, -1, INT32_MIN})
        expect_refused(asked(to), TopicRefusal::invalid_partitions, "would not be an increase");
    for (auto to : {partitions_max + 1, INT32_MAX})
        expect_refused(asked(to), TopicRefusal::invalid_partitions, "10000");
    expect_refused(asked(5, Lists{{one, two}}), TopicRefusal::invalid_assignment, "2 partition(s)");
    expect_refused(asked(4, Lists{{one, two}, {one, two}}), TopicRefusal::invalid_assignment, "2 assignment");
    expect_refused(asked(4, Lists{}), TopicRefusal::invalid_assignment);
    expect_refused(asked(4, Lists{{}}), TopicRefusal::invalid_assignment, "empty replica list");
    expect_refused(asked(4, Lists{{one, nobody}}), TopicRefusal::invalid_assignment, "broker 9");
    expect_refused(asked(4, Lists{{one, one}}), TopicRefusal::invalid_assignment, "more than once");
    expect_refused(asked(4, Lists{{one}}), TopicRefusal::invalid_assignment, "have 2");
    controller_ = Controller{4, {}};  // The next one, whom only one broker has found yet.
    for (auto& fact : log_)
        if (!std::holds_alternative<BrokerIs>(fact)) controller_.apply(fact);
    join(1);
    expect_refused(asked(4), TopicRefusal::invalid_replication);
    EXPECT_EQ(controller_.image().find("orders")->partitions.size(), 3U);
    join(2);
    auto only_validated = act(Controller::GrowTopic{"orders", 4, std::nullopt, true});
    ASSERT_TRUE(only_validated);
    EXPECT_EQ(controller_.image().find("orders")->partitions.size(), 3U);
}

TEST_F(ControllerTest, a_deleted_topic_is_owed_until_its_files_are_gone) {
    auto made = *create(wanted("orders", 3));
    auto other = *create(wanted("bills", 2));
    auto removed = remove("orders");
    ASSERT_TRUE(removed);
    EXPECT_EQ(*removed, made);
    EXPECT_EQ(controller_.image().find("orders"), nullptr);
    TopicGone tombstone{made->id, "orders", 3};
    EXPECT_EQ(controller_.tombstones().at(made->id), tombstone);
    expect_refused(Controller::DeleteTopic{"orders"}, TopicRefusal::unknown_name, "orders");
    expect_refused(Controller::DeleteTopic{made->id}, TopicRefusal::unknown_id, to_text(made->id));

    auto successor = *create(wanted("orders", 1));
    EXPECT_NE(successor->id, made->id);
    EXPECT_TRUE(act(Controller::DeleteTopic{other->id}));
    EXPECT_EQ(controller_.owed(),
              (std::vector{std::min(made->id, other->id), std::max(made->id, other->id)}));
    for (int n = 0; n < 2; ++n) EXPECT_TRUE(act(Controller::ForgetTopic{made->id}));
    EXPECT_EQ(controller_.owed(), std::vector{other->id});
    EXPECT_EQ(controller_.image().find("orders"), successor.get());
}

TEST_F(ControllerTest, without_brokers_nothing_can_be_placed) {
    Controller alone;
    auto answer =
        alone.decide(Controller::CreateTopic{wanted("orders"), false}, Ticket{1}, {}).answers.front().second;
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().why, TopicRefusal::invalid_replication);
}

TEST_F(ControllerTest, what_is_durable_rebuilds_what_is_durable) {
    for (int n = 0; n < 20; ++n)
        create(wanted("topic-" + std::to_string(n % 15), 1 + n, std::int16_t(1 + n % 3)));
    EXPECT_EQ(log_.size(), 15U);
    for (int n = 0; n < 6; ++n) remove("topic-" + std::to_string(2 * n));
    for (int n = 0; n < 3; ++n) act(Controller::ForgetTopic{controller_.owed().front()});
    create(wanted("topic-0", 4));
    grow("topic-1", 30);
    EXPECT_EQ(log_.size(), 26U);
    Controller again{4, {}};
    for (int round = 0; round < 2; ++round)  // Each is absolute: told twice it does no harm.
        for (auto& event : log_) again.apply(event);
    EXPECT_EQ(again.image().topics(), controller_.image().topics());
    for (auto& [name, topic] : controller_.image().topics())
        EXPECT_EQ(again.image().find(topic->id), topic.get());
    EXPECT_TRUE(again.image().brokers().empty());  // Who is there is soft: they come and say so.
    EXPECT_TRUE(again.settle({}).empty());
    EXPECT_FALSE(again.deadline());
    EXPECT_EQ(again.owed(), controller_.owed());
    EXPECT_EQ(again.owed().size(), 3U);
    EXPECT_EQ(again.tombstones(), controller_.tombstones());
}

TEST_F(ControllerTest, to_decide_changes_nothing) {
    auto before = controller_.image().topics().size();
    for (int n = 0; n < 3; ++n)
        EXPECT_EQ(
            controller_.decide(Controller::CreateTopic{wanted("orders"), false}, Ticket{1}, {}).events.size(),
            1U);
    EXPECT_EQ(controller_.image().topics().size(), before);
}

using Alter = Controller::AlterConfigs;

TEST_F(ControllerTest, settings_of_a_topic_change_and_nothing_else_of_it) {
    auto made = create(wanted("orders", 2));
    ASSERT_TRUE(made);
    Alter alter{{ConfigOwner::Kind::topic, "orders"}, {{ConfigEdit::Op::set, "retention.ms", "5"}}};
    EXPECT_TRUE(act(alter));
    Topic expected = **made;
    expected.configs["retention.ms"] = "5";
    EXPECT_EQ(*controller_.image().find("orders"), expected);
    alter.edits = {{ConfigEdit::Op::set, "retention.ms", "6"}};
    alter.validate_only = true;
    EXPECT_TRUE(act(alter));
    EXPECT_EQ(*controller_.image().find("orders"), expected);
}

TEST_F(ControllerTest, what_changes_nothing_is_no_event) {
    create(wanted("orders"));
    Alter alter{{ConfigOwner::Kind::topic, "orders"}, {{ConfigEdit::Op::remove, "retention.ms", ""}}};
    auto decided = controller_.decide(alter, Ticket{1}, {});
    EXPECT_TRUE(decided.events.empty());
    EXPECT_TRUE(decided.answers.front().second);
}

TEST_F(ControllerTest, settings_that_cannot_be_are_refused) {
    create(wanted("orders"));
    auto why = [&](ConfigOwner owner, ConfigEdit edit) {
        auto decided = controller_.decide(Alter{std::move(owner), {std::move(edit)}}, Ticket{1}, {});
        EXPECT_TRUE(decided.events.empty());
        auto& answer = decided.answers.front().second;
        return answer ? TopicRefusal{} : answer.error().why;
    };
    using Kind = ConfigOwner::Kind;
    ConfigEdit good{ConfigEdit::Op::set, "retention.ms", "5"}, bad{ConfigEdit::Op::set, "retention.ms", "x"};
    EXPECT_EQ(why({Kind::topic, "missing"}, good), TopicRefusal::unknown_name);
    EXPECT_EQ(why({Kind::topic, "a b"}, good), TopicRefusal::invalid_name);
    EXPECT_EQ(why({Kind::topic, "orders"}, bad), TopicRefusal::invalid_config);
    EXPECT_EQ(why({Kind::broker, "1"}, {ConfigEdit::Op::set, "log.dirs", "/x"}), TopicRefusal::broker_config);
    EXPECT_EQ(why({Kind::group, std::string(256, 'g')}, {ConfigEdit::Op::set, "share.isolation.level", "x"}),
              TopicRefusal::no_room);
}

TEST_F(ControllerTest, settings_of_brokers_and_groups_come_and_go_and_are_replayed) {
    ConfigOwner all{ConfigOwner::Kind::broker, ""}, group{ConfigOwner::Kind::group, "g"};
    create(wanted("orders"));
    act(Alter{all, {{ConfigEdit::Op::set, "log.cleanup.policy", "compact"}}});
    act(Alter{group, {{ConfigEdit::Op::set, "share.isolation.level", "read_committed"}}});
    EXPECT_EQ(controller_.image().configs(all), (ConfigMap{{"log.cleanup.policy", "compact"}}));
    // A topic's list begins from what holds for all brokers.
    act(Alter{{ConfigOwner::Kind::topic, "orders"}, {{ConfigEdit::Op::append, "cleanup.policy", "delete"}}});
    EXPECT_EQ(controller_.image().find("orders")->configs.at("cleanup.policy"), "compact,delete");
    act(Alter{group, {{ConfigEdit::Op::remove, "share.isolation.level", ""}}});
    EXPECT_EQ(controller_.image().configs().size(), 1U);
    Controller again(4, {});
    for (auto& event : log_) again.apply(event);
    EXPECT_EQ(again.image().configs(), controller_.image().configs());
    EXPECT_EQ(*again.image().find("orders"), *controller_.image().find("orders"));
}

}  // namespace
}  // namespace fulmar::cluster
