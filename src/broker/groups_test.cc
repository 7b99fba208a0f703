// What group coordinators of a whole broker are told of the world.
#include "broker/groups.h"

#include <gtest/gtest.h>

#include "broker/broker.h"
#include "tests/sim/coordination.h"
#include "tests/sim/node.h"

namespace fulmar {
namespace {

using cluster::Controller;
using group::Coordinator;

// A broker of one core, with a store beside it.
class GroupsOfABroker : public testing::Test {
protected:
    using Story = Task<> (*)(Broker&);
    void live(Story story) {
        for (std::uint64_t seed = 0; seed < 10 && !HasFailure(); ++seed) {
            SCOPED_TRACE(seed);
            sim::World world(seed);
            sim::Node node(world, "broker", 1);
            sim::ModelStore::State store;
            bool ended = false;
            node.program = [&](Host& host) { return run(host, world, store, story, ended); };
            node.boot();
            while (world.step()) {}
            EXPECT_TRUE(ended);
        }
    }
    static Task<> run(Host& host, sim::World& world, sim::ModelStore::State& store, Story story,
                      bool& ended) {
        auto settings = read_settings({}).value();
        settings.offsets_topic_partitions = 1;
        auto open = [&](Loop& loop,
                        const std::string&) -> std::expected<std::unique_ptr<coord::Store>, std::string> {
            return std::make_unique<sim::ModelStore>(
                loop, store, sim::ModelStore::World{[&world] { return world.programs.next(); }});
        };
        Broker broker(host, settings, open, "test");
        auto started = co_await broker.start();
        EXPECT_TRUE(started);
        co_await story(broker);
        co_await broker.stop();
        ended = true;
    }

    static Task<> create(Broker& broker, cluster::NewTopic topic) {
        auto& loop = broker.controller_loop();
        auto high = loop.random();
        topic.id = uuid_from(high, loop.random());
        std::vector<Controller::CreateTopic> wanted(1);
        wanted.front().topic = std::move(topic);
        auto made = co_await broker.controller().create_topics(std::move(wanted));
        EXPECT_TRUE(made.size() == 1 && made[0]);
    }
    static cluster::NewTopic orders() {
        cluster::NewTopic topic;
        topic.name = "orders";
        topic.partitions = 1;
        return topic;
    }
    static Task<> remove_orders(Broker& broker) {
        std::vector<Controller::DeleteTopic> wanted(1);
        wanted.front().topic = std::string("orders");
        auto gone = co_await broker.controller().delete_topics(std::move(wanted));
        EXPECT_TRUE(gone.size() == 1 && gone[0]);
    }
    static Task<Groups::Coordinator*> coordinator(Broker& broker) {
        auto at = coordinator_of(broker.shard(0).image(), "g");
        for (;; co_await Timer(broker.controller_loop(), Millis(1)))
            if (auto* found = broker.groups(0).find(*at); found && found->serving()) co_return found;
    }
    template <class A>
    static Task<A> tell(Broker& broker, Coordinator::Command command) {
        auto* host = co_await coordinator(broker);
        auto& loop = broker.controller_loop();
        auto reply = std::make_shared<Reply<Groups::Coordinator::Answer>>(loop);
        if (auto at_once = host->submit(command, reply)) reply->value = std::move(at_once);
        while (!reply->value) co_await Timer(loop, Millis(1));
        EXPECT_TRUE(*reply->value);
        co_return std::get<A>(std::move(**reply->value));
    }
    static Task<> commit(Broker& broker, std::int64_t offset) {
        Coordinator::Commit wanted{"g", "", {}, -1, {}, {{{"orders", 0}, {.offset = Offset{offset}}}}};
        auto told = co_await tell<Coordinator::Placed>(broker, wanted);
        EXPECT_EQ(told.error, group::GroupError::none);
    }
    static Task<std::optional<std::int64_t>> committed(Broker& broker) {
        Coordinator::FetchOffsets wanted{"g", std::vector<Coordinator::Place>{{"orders", 0}}};
        auto told = co_await tell<Coordinator::Fetched>(broker, wanted);
        auto& one = told.offsets.at(0).second;
        co_return one ? std::optional(std::to_underlying(one->offset)) : std::nullopt;
    }
    static void set_room(Broker& broker, Room room) {
        for (auto& directory : broker.shard(0).directories) directory.room = room;
    }
    static Task<> delete_with_an_offset_on_a_full_disk(Broker& broker) {
        co_await create(broker, group_topic_wanted(broker.settings()));
        co_await create(broker, orders());
        co_await commit(broker, 7);
        set_room(broker, Room::none);
        co_await remove_orders(broker);
    }
};

TEST_F(GroupsOfABroker, offsets_of_a_topic_that_was_deleted_on_a_full_disk_go_once_there_is_room) {
    live([](Broker& broker) -> Task<> {
        auto& loop = broker.controller_loop();
        co_await delete_with_an_offset_on_a_full_disk(broker);
        co_await create(broker, orders());
        co_await Timer(loop, Millis(100));
        EXPECT_EQ(co_await committed(broker), 7);  // Nothing can be written.
        set_room(broker, Room::plenty);
        co_await Timer(loop, Millis(3'000));
        EXPECT_EQ(co_await committed(broker), std::nullopt);
    });
}
TEST_F(GroupsOfABroker, what_is_committed_to_the_next_topic_of_that_name_stays) {
    live([](Broker& broker) -> Task<> {
        auto& loop = broker.controller_loop();
        co_await delete_with_an_offset_on_a_full_disk(broker);
        co_await create(broker, orders());
        set_room(broker, Room::plenty);
        co_await Timer(loop, Millis(2));  // Stamps are of milliseconds.
        co_await commit(broker, 3);
        co_await Timer(loop, Millis(3'000));
        EXPECT_EQ(co_await committed(broker), 3);
    });
}
TEST_F(GroupsOfABroker, who_still_has_offsets_to_forget_stops_without_waiting_for_room) {
    live([](Broker& broker) -> Task<> {
        co_await delete_with_an_offset_on_a_full_disk(broker);
        co_await Timer(broker.controller_loop(), Millis(50));
    });
}

}  // namespace
}  // namespace fulmar
