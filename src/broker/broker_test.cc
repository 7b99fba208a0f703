// A whole broker without its doors, on a simulated machine: what its parts promise each other.
#include "broker/broker.h"

#include <gtest/gtest.h>

#include "tests/sim/coordination.h"
#include "tests/sim/node.h"

namespace fulmar {
namespace {

using cluster::Controller;
using kafka::ErrorCode;
using namespace std::chrono_literals;

// A machine with a store beside it, which lives on.
struct Machine {
    explicit Machine(std::uint64_t seed) : world(seed), node(world, "broker", 2) {}

    // A life of the broker; `story` is told between its start and its stop. It ends with that, or when the
    // story wants the power cut.
    using Story = std::function<Task<>(Machine&, Broker&)>;
    void live(const Story& story) {
        bool ended = false;
        wants_power_cut = expects_failure = false;
        node.program = [&](Host& host) { return run(host, story, ended); };
        node.boot();
        while (world.step()) {
            if (!wants_power_cut) continue;
            node.disk.root->lose(world, sim::Loss::all_lost);
            for (auto& other : node.other_disks) other.disk.root->lose(world, sim::Loss::all_lost);
            node.die(true);
            break;
        }
        for (auto session : std::set(store.live())) store.expire(session);
        EXPECT_TRUE(ended || wants_power_cut);
    }
    Task<> run(Host& host, const Story& story, bool& ended) {
        Broker broker(
            host, settings, [&](Loop& loop, const std::string&) { return open_store(loop); }, "test");
        auto started = co_await broker.start();
        EXPECT_TRUE(started) << (started ? "" : started.error());
        if (started) co_await story(*this, broker);
        co_await broker.stop();
        EXPECT_EQ(broker.failure().has_value(), expects_failure);
        ended = true;
    }
    std::expected<std::unique_ptr<coord::Store>, std::string> open_store(Loop& loop) {
        return std::make_unique<sim::ModelStore>(
            loop, store, sim::ModelStore::World{[this] { return world.programs.next(); }});
    }
    bool has(const std::string& name) const { return node.disk.root->names().contains(name); }
    bool other_has(const std::string& name) const {
        return node.other_disks.front().disk.root->names().contains(name);
    }

    sim::World world;
    sim::Node node;
    sim::ModelStore::State store;
    Settings settings = read_settings({}).value();
    bool wants_power_cut = false, expects_failure = false;  // For this life.
};

Task<TopicId> create(Broker& broker, std::string name, int partitions = 1) {
    Controller::CreateTopic wanted;
    wanted.topic.name = std::move(name);
    wanted.topic.partitions = partitions;
    auto high = broker.controller_loop().random();
    wanted.topic.id = uuid_from(high, broker.controller_loop().random());
    std::vector<Controller::CreateTopic> all{wanted};
    auto made = co_await broker.controller().create_topics(std::move(all));
    EXPECT_TRUE(made.size() == 1 && made[0]);
    co_return wanted.topic.id;
}
Task<> produce(Broker& broker, const PartitionId& id, std::size_t value_bytes = 10) {
    auto& home = broker.controller_loop();
    wire::BatchBuilder builder;
    std::string value(value_bytes, 'v');
    builder.add(home.wall_clock(), std::nullopt, bytes_of(value));
    auto batch = builder.finish();
    co_await Hop(broker.owner(id).seam.loop);
    auto partition = broker.owner(id).find(id);
    auto sent = co_await partition->append(batch, true);
    EXPECT_EQ(sent.error, ErrorCode::none);
    EXPECT_EQ(co_await partition->acknowledged(sent.until, 60s), ErrorCode::none);
    partition.reset();
    co_await Hop(home);
}
bool checkpoint_knows(Machine& machine, const PartitionId& id) {
    auto root = sim::open_root(machine.world, machine.node.power, machine.node.disk);
    machine.node.power.state = sim::Power::State::on;
    auto data = DataDirectory::open_to_look(root, "/data", "test", false);
    machine.node.power.state = sim::Power::State::off;
    machine.node.disk.locks.clear();
    EXPECT_TRUE(data);
    return data && data->recovery_points().contains(id);
}

// In all directories that are there.
Task<bool> next_checkpoint(Broker& broker) {
    std::set<std::size_t> all;
    for (auto& directory : broker.directories())
        if (directory.root) all.insert(all.size());
    auto late = co_await broker.next_checkpoint(all);
    co_return late.empty();
}
Task<Offset> checkpointed(Broker& broker, const PartitionId& id) {
    auto& home = broker.controller_loop();
    co_await Hop(broker.owner(id).seam.loop);
    auto at = broker.owner(id).find(id)->checkpointed.offset;
    co_await Hop(home);
    co_return at;
}

TEST(Broker, a_recovery_point_follows_within_a_second_or_64_mib) {
    for (std::uint64_t seed = 0; seed < 3 && !testing::Test::HasFailure(); ++seed) {
        SCOPED_TRACE(seed);
        Machine machine(seed);
        auto by_time = [&](Machine&, Broker& broker) -> Task<> {
            PartitionId id{co_await create(broker, "orders"), 0};
            for (int n = 1; n < 4; ++n) {
                co_await produce(broker, id);
                co_await Timer(broker.controller_loop(), 1'100ms);
                EXPECT_EQ(co_await checkpointed(broker, id), Offset{n});
            }
        };
        machine.live(by_time);
        machine.settings.checkpoint_interval = 1h;
        auto by_size = [&](Machine&, Broker& broker) -> Task<> {
            PartitionId id{co_await create(broker, "large"), 0};
            for (int n = 0; n < 60; ++n) co_await produce(broker, id, 1'000'000);
            EXPECT_EQ(co_await checkpointed(broker, id), Offset{0});
            for (int n = 0; n < 80; ++n) co_await produce(broker, id, 1'000'000);
            co_await Timer(broker.controller_loop(), 100ms);
            EXPECT_GE(co_await checkpointed(broker, id), Offset{120});
        };
        machine.live(by_size);
    }
}

TEST(Broker, a_recovery_point_waits_for_no_other_directory_that_hangs) {
    for (std::uint64_t seed = 0; seed < 3 && !testing::Test::HasFailure(); ++seed) {
        SCOPED_TRACE(seed);
        Machine machine(seed);
        machine.world.answer_limit = 60'000'000;
        machine.node.other_disks.emplace_back();
        machine.settings.data_directories.push_back("./other");
        auto& other = machine.node.other_disks.front().disk;
        auto hang = [&](Machine& on, Broker& broker) -> Task<> {
            auto& loop = broker.controller_loop();
            PartitionId here{co_await create(broker, "here"), 0};
            co_await produce(broker, here);
            PartitionId there{co_await create(broker, "there"), 0};
            co_await produce(broker, there);
            EXPECT_TRUE(machine.other_has(partition_directory_name("there", there)));
            other.hang = {on.world.now, on.world.now + 30'000'000};
            for (int n = 2; n < 8; ++n) {
                co_await produce(broker, here);
                co_await Timer(loop, 2'100ms);
                EXPECT_EQ(co_await checkpointed(broker, here), Offset{n});
            }
            std::set<std::size_t> home{0}, both{0, 1}, hanging{1};
            EXPECT_TRUE((co_await broker.next_checkpoint(home)).empty());
            EXPECT_EQ(co_await broker.next_checkpoint(both), hanging);
            EXPECT_EQ(co_await checkpointed(broker, there), Offset{0});
            EXPECT_GT(other.unanswered(on.world), 0);
            co_await Timer(loop, 30s);
            EXPECT_EQ(co_await checkpointed(broker, there), Offset{1});
            EXPECT_EQ(broker.directories().back().trouble, "");
        };
        machine.live(hang);
    }
}

// A topic is deleted, and when its files have gone the disk has no room for a checkpoint: until that is
// written the tombstone stays, since a power cut may bring them back, and the checkpoint knows of them.
TEST(Broker, a_tombstone_outlives_checkpoints_that_fail) {
    for (std::uint64_t seed = 0; seed < 10 && !testing::Test::HasFailure(); ++seed) {
        SCOPED_TRACE(seed);
        Machine machine(seed);
        PartitionId id{};
        std::string name;
        auto fill_and_delete = [&](Machine& on, Broker& broker) -> Task<> {
            id.topic = co_await create(broker, "orders");
            name = partition_directory_name("orders", id);
            co_await produce(broker, id);
            auto& loop = broker.controller_loop();
            EXPECT_TRUE(co_await next_checkpoint(broker));
            std::vector<Controller::DeleteTopic> gone{{"orders"}};
            co_await broker.controller().delete_topics(std::move(gone));
            for (int n = 0; n < 5'000 && on.has(name); ++n) co_await Timer(loop, 1ms);
            EXPECT_FALSE(on.has(name));
            on.node.disk.quota = 1;
            co_await Timer(loop, 4s);  // Several that fail.
            EXPECT_TRUE(broker.controller().tombstones().contains(id.topic));
            on.node.disk.quota = 0;
            for (int n = 0; n < 20'000 && !broker.controller().tombstones().empty(); ++n)
                co_await Timer(loop, 1ms);
            EXPECT_TRUE(broker.controller().tombstones().empty());
            on.wants_power_cut = true;
            co_await Timer(loop, 1h);
        };
        machine.live(fill_and_delete);
        EXPECT_FALSE(machine.has(name));
        EXPECT_FALSE(checkpoint_knows(machine, id));
        auto look = [&](Machine& on, Broker& broker) -> Task<> {
            // That it could go may not have reached the store.
            co_await Timer(broker.controller_loop(), 10s);
            EXPECT_FALSE(on.has(name));
            EXPECT_TRUE(broker.controller().tombstones().empty());
        };
        machine.live(look);
    }
}

// A topic is deleted whose first partition stands in the other directory of two, and that fails before what
// was removed from it is synced: after a power cut the files are there again, with a tombstone. A start
// without that directory leaves the tombstone, and one with it removes them.
struct ComesBack {
    explicit ComesBack(std::uint64_t seed) : machine(seed) {
        machine.node.other_disks.emplace_back();
        machine.settings.data_directories.push_back("./other");
        machine.settings.checkpoint_interval = 1h;  // They come when they are asked for.
    }
    sim::Node::OtherDisk& other() { return machine.node.other_disks.front(); }
    Task<> fill(Broker& broker, int partitions) {
        PartitionId beside{co_await create(broker, "beside"), 0};
        co_await produce(broker, beside);  // It takes the place in the home.
        id.topic = co_await create(broker, "orders", partitions);
        name = partition_directory_name("orders", id);
        for (int n = 0; n < partitions; ++n) co_await produce(broker, {id.topic, n});
        EXPECT_TRUE(machine.other_has(name));
        EXPECT_TRUE(co_await next_checkpoint(broker));
    }
    Task<> delete_it(Broker& broker) {
        std::vector<Controller::DeleteTopic> gone{{"orders"}};
        co_await broker.controller().delete_topics(std::move(gone));
    }
    Task<> cut_power(Broker& broker) {
        EXPECT_TRUE(broker.controller().tombstones().contains(id.topic));
        machine.wants_power_cut = true;
        co_await Timer(broker.controller_loop(), 1h);
    }
    void expect_it_to_go() {
        EXPECT_TRUE(machine.other_has(name));
        other().disk.lost = false;
        other().away = sim::Node::Away::unreadable;
        auto wait = [this](Machine&, Broker& broker) -> Task<> {
            EXPECT_TRUE(broker.offline().contains(id));
            for (int n = 0; n < 5; ++n) {
                co_await Timer(broker.controller_loop(), 1s);
                EXPECT_TRUE(co_await next_checkpoint(broker));
            }
            EXPECT_TRUE(broker.controller().tombstones().contains(id.topic));
        };
        machine.live(wait);
        other().away = sim::Node::Away::no;
        auto look = [](Machine& on, Broker& broker) -> Task<> {
            for (int n = 0; n < 10 && !broker.controller().tombstones().empty(); ++n) {
                co_await Timer(broker.controller_loop(), 1s);
                EXPECT_TRUE(co_await next_checkpoint(broker));
            }
            EXPECT_TRUE(broker.controller().tombstones().empty());
            on.wants_power_cut = true;
            co_await Timer(broker.controller_loop(), 1h);
        };
        machine.live(look);
        EXPECT_FALSE(machine.other_has(name));
    }
    Machine machine;
    PartitionId id{};
    std::string name;
};
TEST(Broker, what_a_directory_had_of_a_deleted_topic_is_remembered_when_it_fails_in_the_checkpoint_behind) {
    for (std::uint64_t seed = 0; seed < 10 && !testing::Test::HasFailure(); ++seed) {
        SCOPED_TRACE(seed);
        ComesBack scene(seed);
        auto fail = [&](Machine& on, Broker& broker) -> Task<> {
            co_await scene.fill(broker, 1);
            co_await scene.delete_it(broker);
            auto& loop = broker.controller_loop();
            for (int n = 0; n < 1'000 && on.other_has(scene.name); ++n) co_await Timer(loop, 1ms);
            co_await Timer(loop, 100ms);
            EXPECT_FALSE(on.other_has(scene.name));
            scene.other().disk.lost = true;
            EXPECT_TRUE(co_await next_checkpoint(broker));
            EXPECT_TRUE(broker.directories().back().trouble.starts_with("the checkpoint"));
            EXPECT_TRUE(co_await next_checkpoint(broker));
            co_await Timer(loop, 1s);
            co_await scene.cut_power(broker);
        };
        scene.machine.live(fail);
        scene.expect_it_to_go();
    }
}
// There the topic's second partition, in the home, goes long after that directory has failed.
TEST(Broker, a_deleted_topic_keeps_its_tombstone_when_a_directory_has_failed_before_all_of_it_was_removed) {
    for (std::uint64_t seed = 0; seed < 10 && !testing::Test::HasFailure(); ++seed) {
        SCOPED_TRACE(seed);
        ComesBack scene(seed);
        auto fail = [&](Machine& on, Broker& broker) -> Task<> {
            co_await scene.fill(broker, 2);
            auto& loop = broker.controller_loop();
            auto second = partition_directory_name("orders", {scene.id.topic, 1});
            EXPECT_TRUE(on.has(second));
            on.world.on_event = [&](std::string_view, const sim::Core*) {
                if (!on.other_has(scene.name)) on.node.power.exhausted_for = 1'000'000;
            };
            co_await scene.delete_it(broker);
            for (int n = 0; n < 1'000 && on.other_has(scene.name); ++n) co_await Timer(loop, 1ms);
            scene.other().disk.lost = true;
            for (int n = 0; n < 10'000 && broker.directories().back().trouble.empty(); ++n)
                co_await Timer(loop, 1ms);
            EXPECT_FALSE(broker.directories().back().trouble.empty());
            EXPECT_TRUE(co_await next_checkpoint(broker));
            EXPECT_TRUE(on.has(second));
            on.world.on_event = nullptr;
            on.node.power.exhausted_for = 0;
            co_await Timer(loop, 3s);
            EXPECT_FALSE(on.has(second));
            EXPECT_TRUE(co_await next_checkpoint(broker));
            co_await Timer(loop, 1s);
            co_await scene.cut_power(broker);
        };
        scene.machine.live(fail);
        scene.expect_it_to_go();
    }
}

// The disk says no at one operation of a checkpoint, which is all that is done then. In the home an error
// ends the broker; without room, or handles, the next checkpoint comes. The next start finds what was
// acknowledged.
void fail_a_checkpoint(Error how, std::int64_t at, std::uint64_t seed, bool& met) {
    Machine machine(seed);
    PartitionId id{};
    auto fail = [&](Machine& on, Broker& broker) -> Task<> {
        id.topic = co_await create(broker, "orders");
        co_await produce(broker, id);
        EXPECT_TRUE(co_await next_checkpoint(broker));
        co_await produce(broker, id);
        auto errors = on.world.disk_errors;
        on.node.power.failure = how;
        on.node.power.fails_at = at;
        bool done = co_await next_checkpoint(broker);
        if (!done && how == Error::exhausted) done = co_await next_checkpoint(broker);  // Now there are some.
        on.node.power.fails_at = on.node.power.full_for = on.node.power.exhausted_for = 0;
        met = on.world.disk_errors > errors;
        on.expects_failure = met && how == Error::failed;
        EXPECT_EQ(done, !on.expects_failure);
        if (on.expects_failure) co_return;
        co_await Timer(broker.controller_loop(), 11s);  // Until it is known that there is room again.
        co_await produce(broker, id);
    };
    machine.live(fail);
    bool failed = machine.expects_failure;
    auto find = [&](Machine&, Broker& broker) -> Task<> {
        auto& home = broker.controller_loop();
        co_await Hop(broker.owner(id).seam.loop);
        auto partition = broker.owner(id).find(id);
        EXPECT_FALSE(partition->damaged());
        EXPECT_EQ(partition->durable_end().offset, Offset{failed ? 2 : 3});
        EXPECT_GE(partition->checkpointed.offset, Offset{1});
        partition.reset();
        co_await Hop(home);
        co_await produce(broker, id);
        EXPECT_TRUE(co_await next_checkpoint(broker));
    };
    machine.live(find);
    EXPECT_TRUE(checkpoint_knows(machine, id));
}
TEST(Broker, a_checkpoint_may_fail_at_each_operation) {
    for (auto how : {Error::failed, Error::full, Error::exhausted}) {
        int hits = 0;
        for (std::int64_t at = 1; at <= 12; ++at)
            for (std::uint64_t seed = 0; seed < 4 && !testing::Test::HasFailure(); ++seed) {
                SCOPED_TRACE(testing::Message() << to_text(how) << " at " << at << ", seed " << seed);
                bool met = false;
                fail_a_checkpoint(how, at, seed, met);
                hits += met;
            }
        EXPECT_GE(hits, 12) << to_text(how);
    }
}

// The number of the other data directory of two.
int generation(Machine& machine) {
    auto& file = std::get<std::shared_ptr<sim::FileState>>(
        machine.node.other_disks.front().disk.root->names().at("generation"));
    std::string text(file->seen.size(), '\0');
    std::ranges::transform(file->seen, text.begin(), [](std::byte b) { return char(b); });
    return std::stoi(text);
}
TEST(Broker, a_generation_begins_with_a_start_a_clean_stop_and_each_minute_in_which_records_are_written) {
    Machine machine(1);
    machine.node.other_disks.emplace_back();
    machine.settings.data_directories.push_back("./other");
    auto write = [&](Machine& on, Broker& broker) -> Task<> {
        auto& loop = broker.controller_loop();
        EXPECT_EQ(generation(on), 1);
        PartitionId id{co_await create(broker, "orders"), 0};
        co_await Timer(loop, 10min);
        EXPECT_EQ(generation(on), 1);  // Nothing is written.
        co_await produce(broker, id);
        co_await Timer(loop, 10min);
        EXPECT_EQ(generation(on), 2);
        for (int n = 0; n < 300; ++n) {
            co_await produce(broker, id);
            co_await Timer(loop, 1s);
        }
        EXPECT_GE(generation(on), 6);
        EXPECT_LE(generation(on), 7);
    };
    machine.live(write);
    auto before = generation(machine);
    auto look = [&](Machine& on, Broker&) -> Task<> {
        EXPECT_EQ(generation(on), before + 1);
        co_return;
    };
    machine.live(look);
    EXPECT_EQ(generation(machine), before + 2);
}
// Where its file cannot be written. Then its directory fails as it does with any other write, and with the
// home's the broker ends; or it goes on with the number that there is.
TEST(Broker, a_generation_may_fail_at_each_operation) {
    int homes = 0, others = 0;
    for (auto how : {Error::failed, Error::full, Error::exhausted})
        for (std::int64_t at = 1; at <= 20 && !testing::Test::HasFailure(); ++at) {
            SCOPED_TRACE(testing::Message() << to_text(how) << " at " << at);
            Machine machine{std::uint64_t(at)};
            machine.node.other_disks.emplace_back();
            machine.settings.data_directories.push_back("./other");
            PartitionId id{};
            auto fail = [&](Machine& on, Broker& broker) -> Task<> {
                auto& loop = broker.controller_loop();
                id.topic = co_await create(broker, "orders");
                co_await produce(broker, id);
                EXPECT_TRUE(co_await next_checkpoint(broker));
                co_await Timer(loop, 58s);
                co_await produce(broker, id);
                EXPECT_TRUE(co_await next_checkpoint(broker));
                on.node.power.failure = how;
                on.node.power.fails_at = at;
                co_await Timer(loop, 5s);
                on.node.power.fails_at = on.node.power.full_for = on.node.power.exhausted_for = 0;
                on.expects_failure = broker.failure().has_value();
                EXPECT_TRUE(how == Error::failed || !on.expects_failure);
                homes += on.expects_failure;
                others += !broker.directories().back().trouble.empty();
            };
            machine.live(fail);
            auto find = [&](Machine&, Broker& broker) -> Task<> {
                EXPECT_TRUE(broker.offline().empty());
                co_await produce(broker, id);
            };
            machine.live(find);
        }
    EXPECT_GE(homes, 8);
    EXPECT_GE(others, 4);
}

}  // namespace
}  // namespace fulmar
