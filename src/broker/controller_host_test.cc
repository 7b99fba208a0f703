#include "broker/controller_host.h"

#include <gtest/gtest.h>

#include <random>

#include "coord/paths.h"
#include "core/cluster/shard_codec.h"
#include "tests/sim/coordination.h"
#include "tests/support/test_loop.h"

namespace fulmar {
namespace {

using cluster::Controller, cluster::TopicGone, cluster::TopicIs, cluster::TopicForgotten;
using sim::ModelStore;

// A controller over a store that outlives it.
class ControllerHostTest : public testing::Test {
protected:
    ControllerHostTest() { start(); }
    ~ControllerHostTest() override { stop(); }

    void start() {
        told_.clear();
        store_ = std::make_unique<ModelStore>(loop_, state_, ModelStore::World{[this] { return random_(); }});
        auto publish = [this](const cluster::Delta& delta) -> Task<> { return learn(delta); };
        ControllerHost::Options options{BrokerId{1}, uuid_from(1, 1), {"host", 9092}, 1, {}, false};
        host_.emplace(loop_, *store_, options, publish);
        auto begin = [](ControllerHost& host) -> Task<> {
            auto started = co_await host.start();
            EXPECT_TRUE(started) << (started ? "" : started.error());
            co_return;
        };
        run(begin(*host_));
        loop_.spawn(host_->run());
    }
    // Runs it to its end, whatever else goes on.
    void run(Task<> task) {
        bool done = false;
        auto mark = [](Task<> work, bool& over) -> Task<> {
            co_await std::move(work);
            over = true;
        };
        loop_.spawn(mark(std::move(task), done));
        while (!done) ASSERT_TRUE(loop_.turn_if_any());
    }
    void stop() {
        host_->stop();
        while (loop_.spawned() > 0) ASSERT_TRUE(loop_.turn_if_any());
        EXPECT_FALSE(host_->failure());
        host_.reset();
        store_.reset();
    }
    void restart() {
        stop();
        start();
    }
    Task<> learn(const cluster::Delta& delta) {
        told_.insert(told_.end(), delta.begin(), delta.end());
        co_return;
    }
    template <class T>
    int told() const {
        return int(std::ranges::count_if(told_, [](auto& fact) { return std::holds_alternative<T>(fact); }));
    }

    using Answers = std::vector<ControllerHost::Answer>;
    Answers wait_for(Task<Answers> asked) {
        Answers answers;
        auto keep = [](Task<Answers> task, Answers& into) -> Task<> { into = co_await std::move(task); };
        run(keep(std::move(asked), answers));
        return answers;
    }
    Controller::CreateTopic wanted(std::string name, std::int32_t partitions = 1) {
        Controller::CreateTopic create;
        create.topic.name = std::move(name);
        create.topic.partitions = partitions;
        auto high = random_(), low = random_();
        create.topic.id = uuid_from(high, low);
        return create;
    }
    TopicId create(std::string name, std::int32_t partitions = 1) {
        auto made = wait_for(host_->create_topics({wanted(std::move(name), partitions)}));
        EXPECT_TRUE(made.size() == 1 && made[0]);
        return (*made.at(0))->id;
    }
    bool remove(std::string name) {
        auto removed = wait_for(host_->delete_topics({{std::move(name)}}));
        return removed.size() == 1 && removed[0].has_value();
    }
    bool forget(std::vector<TopicId> ids) {
        bool done = false;
        auto ask = [](ControllerHost& host, std::vector<TopicId> gone, bool& ok) -> Task<> {
            ok = co_await host.files_gone(gone);
        };
        run(ask(*host_, std::move(ids), done));
        return done;
    }
    // The names of tombstones in the store.
    std::vector<std::string> tombstones() {
        std::vector<std::string> ids;
        auto list = [](coord::Store& store, std::vector<std::string>& into) -> Task<> {
            auto entries = co_await store.list(coord::path::deleted);
            EXPECT_TRUE(entries);
            for (auto& entry : *entries) into.push_back(entry.name);
        };
        run(list(*store_, ids));
        return ids;
    }
    std::size_t state_bytes() {
        std::size_t bytes = 0;
        auto list = [](coord::Store& store, std::size_t& sum) -> Task<> {
            auto entries = co_await store.list(coord::path::state);
            for (auto& entry : *entries) sum += entry.data.size();
        };
        run(list(*store_, bytes));
        return bytes;
    }

    std::mt19937_64 random_{5};
    TestLoop loop_;
    ModelStore::State state_;
    std::unique_ptr<ModelStore> store_;
    std::optional<ControllerHost> host_;
    cluster::Delta told_;
};

TEST_F(ControllerHostTest, a_deleted_topic_leaves_a_tombstone_until_its_files_are_gone) {
    auto id = create("orders", 3);
    create("bills", 2);
    EXPECT_TRUE(remove("orders"));
    EXPECT_FALSE(remove("orders"));
    EXPECT_EQ(told<TopicGone>(), 1);
    EXPECT_EQ(tombstones(), std::vector{to_text(id)});

    restart();
    EXPECT_EQ(host_->image().find("orders"), nullptr);
    EXPECT_EQ(host_->image().find("bills")->partitions.size(), 2U);
    EXPECT_EQ(host_->tombstones().at(id), (TopicGone{id, "orders", 3}));
    EXPECT_EQ(told<TopicGone>(), 1);  // Whoever starts is to finish it.

    auto successor = create("orders");
    EXPECT_TRUE(forget({id, id, uuid_from(9, 9)}));
    EXPECT_EQ(told<TopicForgotten>(), 1);
    EXPECT_TRUE(tombstones().empty());
    restart();
    EXPECT_EQ(host_->image().find("orders")->id, successor);
    EXPECT_TRUE(host_->tombstones().empty());
    EXPECT_EQ(told<TopicGone>(), 0);
}

TEST_F(ControllerHostTest, what_grew_is_grown_for_the_next_term) {
    auto id = create("orders", 500);
    auto grown =
        wait_for(host_->grow_topics({{"orders", 2000, std::nullopt, true}, {"orders", 1500, {}, false}}));
    ASSERT_EQ(grown.size(), 2U);
    EXPECT_EQ((*grown[0])->partitions.size(), 2000U);  // That one was only tried.
    EXPECT_EQ((*grown[1])->partitions.size(), 1500U);
    EXPECT_EQ(host_->image().find("orders")->partitions.size(), 1500U);
    auto before = *host_->image().find(id);
    restart();
    EXPECT_EQ(*host_->image().find(id), before);
}

TEST_F(ControllerHostTest, one_request_may_delete_and_make_a_name_again_and_again) {
    std::vector<TopicId> ids;
    for (int n = 0; n < 5; ++n) {
        ids.push_back(create("orders", n + 1));
        EXPECT_TRUE(remove("orders"));
    }
    EXPECT_EQ(tombstones().size(), 5U);
    auto last = create("orders", 9);
    EXPECT_TRUE(forget(ids));
    restart();
    EXPECT_EQ(host_->image().find("orders")->id, last);
    EXPECT_EQ(host_->image().topics().size(), 1U);
}

// Many large topics: their shards are more than one commit takes, and each is in twenty of them.
TEST_F(ControllerHostTest, to_delete_much_takes_several_commits_and_loses_nothing) {
    std::vector<TopicId> ids;
    std::vector<Controller::DeleteTopic> all;
    for (int n = 0; n < 60; ++n) {
        auto large = wanted("large-" + std::to_string(n), cluster::partitions_max);
        std::string replicas = "0:1";
        while (replicas.size() < 15'000) replicas += ",0:1";
        large.topic.configs = {{"leader.replication.throttled.replicas", replicas}};
        auto made = wait_for(host_->create_topics({large}));
        if (!made.at(0)) continue;  // No room where its parts would lie.
        ids.push_back((*made[0])->id);
        all.push_back({ids.back()});
    }
    auto kept = create("kept", 700);
    auto before = state_bytes();
    ASSERT_GT(before, 4 * coord::commit_bytes_max);
    auto removed = wait_for(host_->delete_topics(all));
    ASSERT_EQ(removed.size(), ids.size());
    for (auto& answer : removed) EXPECT_TRUE(answer);
    EXPECT_EQ(tombstones().size(), ids.size());
    // In the middle of it.
    restart();
    EXPECT_EQ(host_->image().topics().size(), 1U);
    EXPECT_EQ(host_->tombstones().size(), ids.size());
    EXPECT_TRUE(forget(ids));
    EXPECT_TRUE(tombstones().empty());
    EXPECT_LT(state_bytes(), 50'000U);
    restart();
    EXPECT_EQ(host_->image().topics().size(), 1U);
    EXPECT_EQ(host_->image().find("kept")->id, kept);
    EXPECT_EQ(host_->image().find(kept)->partitions.size(), 700U);
}

TEST_F(ControllerHostTest, a_store_from_before_there_were_tombstones_is_taken_over) {
    auto take_away = [](coord::Store& store) -> Task<> {
        std::vector<coord::Change> erase{{coord::Change::Kind::erase, coord::path::deleted, "", {}}};
        erase[0].version = coord::any_version;
        EXPECT_TRUE(co_await store.commit(std::move(erase)));
    };
    create("orders");
    run(take_away(*store_));
    restart();
    EXPECT_TRUE(remove("orders"));
    EXPECT_EQ(tombstones().size(), 1U);
}

using cluster::ConfigEdit, cluster::ConfigOwner, cluster::ConfigMap;
using Owner = ConfigOwner::Kind;

static Controller::AlterConfigs set(ConfigOwner owner, std::string name, std::string value) {
    return {std::move(owner), {{ConfigEdit::Op::set, std::move(name), std::move(value)}}};
}

TEST_F(ControllerHostTest, what_is_set_is_published_and_outlives_the_controller) {
    ConfigOwner all{Owner::broker, ""}, one{Owner::broker, "1"}, group{Owner::group, "a/b %"};
    create("orders");
    auto answers =
        wait_for(host_->alter_configs({set(all, "message.max.bytes", "1"), set(one, "message.max.bytes", "2"),
                                       set(group, "share.isolation.level", "read_committed"),
                                       set({Owner::topic, "orders"}, "retention.ms", "5"),
                                       set({Owner::topic, "missing"}, "retention.ms", "5")}));
    ASSERT_EQ(answers.size(), 5U);
    EXPECT_FALSE(answers[4]);
    EXPECT_EQ(told<cluster::ConfigsAre>(), 3);
    restart();
    EXPECT_EQ(told<cluster::ConfigsAre>(), 3);
    EXPECT_EQ(host_->image().configs().size(), 3U);
    EXPECT_EQ(host_->image().configs(one), (ConfigMap{{"message.max.bytes", "2"}}));
    EXPECT_EQ(host_->image().configs(group), (ConfigMap{{"share.isolation.level", "read_committed"}}));
    EXPECT_EQ(host_->image().find("orders")->configs, (ConfigMap{{"retention.ms", "5"}}));
    Controller::AlterConfigs remove{one, {{ConfigEdit::Op::remove, "message.max.bytes", ""}}};
    EXPECT_TRUE(wait_for(host_->alter_configs({remove})).at(0));
    restart();
    EXPECT_EQ(host_->image().configs().size(), 2U);
    EXPECT_TRUE(host_->image().configs(one).empty());
}

TEST_F(ControllerHostTest, one_request_may_change_the_same_again_and_again) {
    ConfigOwner all{Owner::broker, ""};
    Controller::AlterConfigs clear{all, {}, true};
    auto answers = wait_for(
        host_->alter_configs({set(all, "message.max.bytes", "1"), set(all, "log.roll.ms", "2"), clear,
                              set(all, "message.max.bytes", "3"), clear, set(all, "log.roll.ms", "4")}));
    ASSERT_EQ(answers.size(), 6U);
    for (auto& answer : answers) EXPECT_TRUE(answer);
    restart();
    EXPECT_EQ(host_->image().configs(all), (ConfigMap{{"log.roll.ms", "4"}}));
}

TEST_F(ControllerHostTest, more_settings_than_one_commit_takes_are_all_kept) {
    std::vector<Controller::AlterConfigs> wanted;
    for (int n = 0; n < 100; ++n)
        wanted.push_back(
            set({Owner::broker, std::to_string(n)}, "some.plugins.text", std::string(16'000, 'x')));
    auto answers = wait_for(host_->alter_configs(wanted));
    ASSERT_EQ(answers.size(), 100U);
    for (auto& answer : answers) EXPECT_TRUE(answer);
    restart();
    EXPECT_EQ(host_->image().configs().size(), 100U);
}

TEST_F(ControllerHostTest, a_store_from_before_there_were_settings_is_taken_over) {
    auto take_away = [](coord::Store& store) -> Task<> {
        std::vector<coord::Change> erase{
            {coord::Change::Kind::erase, coord::path::configs, "", coord::any_version}};
        EXPECT_TRUE(co_await store.commit(std::move(erase)));
    };
    run(take_away(*store_));
    restart();
    EXPECT_TRUE(wait_for(host_->alter_configs({set({Owner::broker, ""}, "log.roll.ms", "4")})).at(0));
}

}  // namespace
}  // namespace fulmar
