// The disk says no while files are removed: of segments that retention has deleted, and of deleted topics.
#include <gtest/gtest.h>

#include "broker/reconcile.h"
#include "tests/sim/node.h"

namespace fulmar {
namespace {

using kafka::ErrorCode;
const TopicId orders = uuid_from(7, 7), beside = uuid_from(8, 8);

cluster::TopicIs topic_of(const TopicId& id, std::string name) {
    auto topic = std::make_shared<cluster::Topic>();
    topic->id = id, topic->name = std::move(name);
    topic->configs = {{"segment.bytes", "400"}, {"file.delete.delay.ms", "0"}};
    topic->partitions.resize(2);
    return {topic};
}
struct Stage {
    Stage(Host& host, sim::Node& n)
        : node(n),
          settings(read_settings({}).value()),
          owned(std::make_unique<Shard>(0, *host.cores[0], 1, Shard::Roots{*host.data[0]}, settings)),
          shard(*owned) {
        for (auto& topic : {topic_of(orders, "orders"), topic_of(beside, "beside")}) {
            shard.apply(topic);
            for (int i = 0; i < 2; ++i) shard.lead(*topic.topic, i);
        }
    }
    Loop& loop() { return shard.seam.loop; }
    Partition& partition(const TopicId& topic, int index = 0) {
        return *shard.partitions().at({topic, index});
    }
    // From now on the disk refuses something.
    void fail(Error how, std::int64_t at) {
        errors = node.world.disk_errors;
        node.power.failure = how;
        node.power.fails_at = at;
    }
    // And no more. Whether it did.
    bool relent() {
        node.power.fails_at = node.power.full_for = node.power.exhausted_for = 0;
        return node.world.disk_errors > errors;
    }
    sim::Node& node;
    Settings settings;
    std::unique_ptr<Shard> owned;
    Shard& shard;
    std::uint64_t errors = 0;
};
Task<ErrorCode> produce(Stage& stage, const TopicId& topic, int index) {
    auto& partition = stage.partition(topic, index);
    wire::BatchBuilder builder;
    builder.add(stage.loop().wall_clock(), std::nullopt, bytes_of("a value of some bytes"));
    auto batch = builder.finish();
    auto sent = co_await partition.append(batch, true);
    if (sent.error != ErrorCode::none) co_return sent.error;
    co_return co_await partition.acknowledged(sent.until, Millis(60'000));
}
Task<> fill(Stage& stage) {
    for (auto& topic : {orders, beside})
        for (int index = 0; index < 2; ++index)
            for (int n = 0; n < 12; ++n) EXPECT_EQ(co_await produce(stage, topic, index), ErrorCode::none);
    co_await stage.shard.come_to_rest(stage.loop());
}
Task<std::string> names(Stage& stage, std::string in) {
    auto data = *stage.node.host().data[0];
    co_return co_await stage.shard.seam.disk.run([&] {
        std::string all;
        auto directory = in.empty() ? Result<std::shared_ptr<Directory>>(data) : data->open_directory(in);
        if (!directory) return std::string(to_text(directory.error()));
        for (auto& entry : (*directory)->list().value())
            if (entry.directory || entry.name.ends_with(".log")) all += entry.name + " ";
        return all;
    });
}
struct Fault {
    Error how{};
    std::int64_t at = 0;
    bool met = false, ended = false;
};

// --- retention -----------------------------------------------------------------------------------

Task<> delete_segments(Host& host, sim::Node& node, Fault& fault) {
    Stage stage(host, node);
    co_await fill(stage);
    auto& partition = stage.partition(orders);
    const auto name = partition_directory_name("orders", partition.id());
    partition.delete_until(partition.log().segments()[2].base);
    partition.checkpointed = partition.recovery_point();
    EXPECT_TRUE(partition.wants_upkeep());
    stage.fail(fault.how, fault.at);
    co_await partition.keep_up();
    fault.met = stage.relent();
    bool failed = stage.shard.directories[0].budget.failed();
    EXPECT_EQ(failed, fault.met && fault.how == Error::failed);
    auto start = partition.log_start();
    if (!failed) {
        co_await partition.keep_up();
        EXPECT_FALSE(partition.wants_upkeep());
        std::string left;
        for (auto& segment : partition.log().segments()) left += log_file_name(segment.name()) + " ";
        EXPECT_EQ(co_await names(stage, name), left);
        EXPECT_EQ(co_await produce(stage, orders, 0), ErrorCode::none);
    } else {
        EXPECT_EQ(co_await produce(stage, orders, 0), ErrorCode::kafka_storage_error);
        EXPECT_EQ(co_await produce(stage, beside, 1), ErrorCode::kafka_storage_error);
    }
    // What is read is what was not deleted; the next start finds it too, and nothing in front.
    auto point = partition.recovery_point();
    auto found = co_await stage.shard.seam.disk.run(
        [&] { return recover(**host.data[0], name, point, {.leader_epoch_max = 5, .clocks = {}}); });
    EXPECT_TRUE(found && !found->damaged);
    if (found) EXPECT_EQ(found->log.start(), start);
    if (found) EXPECT_EQ(found->log.end().offset, partition.durable_end().offset);
    for (auto at = start; at < partition.durable_end().offset; at = at + 1) {
        auto slice = co_await partition.read_cold(at, partition.durable_end(), 1);
        EXPECT_TRUE(slice && slice->base == at);
    }
    co_await stage.shard.come_to_rest(stage.loop());
    fault.ended = true;
}

// --- topics --------------------------------------------------------------------------------------

Task<> run(Reconcile& reconcile, bool& ended) {
    co_await reconcile.run();
    ended = true;
}
std::vector<TopicId> ids_of(const std::vector<Reconcile::Removed>& removed) {
    std::vector<TopicId> ids;
    for (auto& topic : removed) {
        EXPECT_EQ(topic.directories, std::set<std::size_t>{0});
        ids.push_back(topic.id);
    }
    return ids;
}
Task<> delete_topic(Host& host, sim::Node& node, Fault& fault) {
    Stage stage(host, node);
    Reconcile::Shards shards;
    shards.push_back(std::move(stage.owned));
    int failures = 0;
    auto find = [&](const PartitionId&) { return Reconcile::Site{0, *host.data[0]}; };
    auto failed = [&](std::size_t directory, std::string) -> Task<> {
        EXPECT_EQ(directory, 0U);
        ++failures;
        co_return;
    };
    Reconcile reconcile(stage.shard.seam, shards, find, failed);
    co_await fill(stage);
    bool ended = false;
    stage.loop().spawn(run(reconcile, ended));
    stage.shard.drop(orders);
    stage.fail(fault.how, fault.at);
    reconcile.topic_gone({orders, "orders", 2});
    std::vector<TopicId> removed;
    for (int n = 0; n < 200 && removed.empty() && failures == 0; ++n) {
        co_await Timer(stage.loop(), Millis(100));
        removed = ids_of(reconcile.take_removed());
    }
    fault.met = stage.relent();
    auto left = co_await names(stage, "");
    // It is told to be removed only when nothing of it is there.
    if (!removed.empty()) EXPECT_EQ(left.find("orders"), left.npos) << left;
    EXPECT_EQ(removed.empty(), fault.how == Error::failed && fault.met);
    EXPECT_EQ(failures > 0, removed.empty());
    // Another topic has no part in it.
    for (int index = 0; index < 2; ++index) {
        EXPECT_EQ(co_await produce(stage, beside, index), ErrorCode::none);
        EXPECT_EQ(stage.partition(beside, index).log_end().offset, Offset{13});
    }
    // The next start finishes it.
    reconcile.stop();
    while (!ended) co_await Timer(stage.loop(), Millis(10));
    if (removed.empty()) {
        Reconcile again(stage.shard.seam, shards, find, failed);
        again.topic_gone({orders, "orders", 2});
        bool again_ended = false;
        stage.loop().spawn(run(again, again_ended));
        co_await Timer(stage.loop(), Millis(5'000));
        EXPECT_EQ(ids_of(again.take_removed()), std::vector{orders});
        again.stop();
        while (!again_ended) co_await Timer(stage.loop(), Millis(10));
    }
    left = co_await names(stage, "");
    EXPECT_EQ(left.find("orders"), left.npos) << left;
    co_await stage.shard.come_to_rest(stage.loop());
    fault.ended = true;
}

// What stands in a directory that is there goes, whatever becomes of the rest.
Task<> delete_what_is_here(Host& host, sim::Node& node, Fault& fault) {
    Stage stage(host, node);
    Reconcile::Shards shards;
    shards.push_back(std::move(stage.owned));
    bool away = true;
    auto find = [&](const PartitionId& id) {
        return Reconcile::Site{0, *host.data[0], id.index == 0 && away};
    };
    auto failed = [](std::size_t, std::string) -> Task<> { co_return; };
    Reconcile reconcile(stage.shard.seam, shards, find, failed);
    co_await fill(stage);
    bool ended = false;
    stage.loop().spawn(run(reconcile, ended));
    stage.shard.drop(orders);
    reconcile.topic_gone({orders, "orders", 2});
    co_await Timer(stage.loop(), Millis(5'000));
    EXPECT_TRUE(reconcile.take_removed().empty());
    auto left = co_await names(stage, "");
    EXPECT_NE(left.find("orders-0"), left.npos) << left;
    EXPECT_EQ(left.find("orders-1"), left.npos) << left;
    away = false;
    reconcile.topic_gone({orders, "orders", 2});
    co_await Timer(stage.loop(), Millis(5'000));
    EXPECT_EQ(ids_of(reconcile.take_removed()), std::vector{orders});
    left = co_await names(stage, "");
    EXPECT_EQ(left.find("orders"), left.npos) << left;
    reconcile.stop();
    while (!ended) co_await Timer(stage.loop(), Millis(10));
    co_await stage.shard.come_to_rest(stage.loop());
    fault.ended = true;
}

void each(Error how, Task<> (*story)(Host&, sim::Node&, Fault&), int met_min) {
    int met = 0;
    bool through = false;
    for (std::int64_t at = 1; !through; ++at) {
        ASSERT_LT(at, 200);
        through = true;
        for (std::uint64_t seed = 0; seed < 8; ++seed) {
            SCOPED_TRACE(testing::Message() << to_text(how) << " at operation " << at << ", seed " << seed);
            sim::World world(seed);
            sim::Node node(world, "node", 1);
            Fault fault{how, at};
            node.program = [&](Host& host) { return story(host, node, fault); };
            node.boot();
            while (world.step()) {}
            ASSERT_TRUE(fault.ended);
            ASSERT_FALSE(testing::Test::HasFailure());
            EXPECT_EQ(world.open_files, 0);
            met += fault.met;
            through &= !fault.met && at > 12;
        }
    }
    EXPECT_GE(met, met_min) << to_text(how);
}
TEST(DeleteFaults, segments_that_the_disk_does_not_let_go_of_go_later) {
    for (auto how : {Error::failed, Error::full, Error::exhausted}) each(how, delete_segments, 16);
}
TEST(DeleteFaults, a_deleted_topic_that_the_disk_does_not_let_go_of_goes_later) {
    for (auto how : {Error::failed, Error::full, Error::exhausted}) each(how, delete_topic, 40);
}
TEST(DeleteFaults, a_deleted_topic_goes_from_the_directories_that_are_there) {
    sim::World world(1);
    sim::Node node(world, "node", 1);
    Fault fault;
    node.program = [&](Host& host) { return delete_what_is_here(host, node, fault); };
    node.boot();
    while (world.step()) {}
    EXPECT_TRUE(fault.ended);
}

}  // namespace
}  // namespace fulmar
