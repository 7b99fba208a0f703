// At what pace work in the background goes, in one data directory and in several, on a simulated machine.
#include "broker/background.h"

#include <gtest/gtest.h>

#include "tests/sim/node.h"

namespace fulmar {
namespace {

using kafka::ErrorCode;
using namespace std::chrono_literals;
const TopicId topic_id = uuid_from(7, 7);
constexpr std::uint64_t mib = 1 << 20;
constexpr Millis never = 24h * 365 * 10;

cluster::TopicIs topic_of(int partitions, cluster::ConfigMap configs) {
    auto topic = std::make_shared<cluster::Topic>();
    topic->id = topic_id, topic->name = "orders";
    topic->configs = std::move(configs);
    topic->partitions.resize(std::size_t(partitions));
    return {topic};
}
Settings settings_with(cluster::ConfigMap values) {
    auto settings = read_settings({}).value();
    for (auto& [name, value] : values) settings.topic_defaults[name] = value;
    return settings;
}
// A shard of all the node's directories; partitions are spread over the first `used` of them.
struct Stage {
    Stage(Host& host, cluster::TopicIs topic, std::size_t used, const Settings& settings)
        : shard(0, *host.cores[0], 1, roots_of(host), settings) {
        shard.place_by([used](PartitionId id) -> Task<std::optional<std::size_t>> {
            co_return std::size_t(id.index) % used;
        });
        shard.apply(topic);
        for (int n = 0; n < int(topic.topic->partitions.size()); ++n) shard.lead(*topic.topic, n);
    }
    static Shard::Roots roots_of(Host& host) {
        Shard::Roots roots;
        for (auto& root : host.data) roots.push_back(*root);
        return roots;
    }
    Loop& loop() { return shard.seam.loop; }
    Counters& counters() { return shard.counters(); }
    std::uint64_t size_bytes() const {
        std::uint64_t bytes = 0;
        for (auto& [id, partition] : shard.partitions()) bytes += partition->log().size_bytes();
        return bytes;
    }
    Shard shard;
};

// So many batches of one record each, each of the same key, durably.
Task<> produce(Stage& stage, int index, int batches, std::size_t value_bytes) {
    std::string value(value_bytes, 'v');
    auto& partition = *stage.shard.partitions().at({topic_id, index});
    for (int n = 0; n < batches; ++n) {
        wire::BatchBuilder builder;
        builder.add(stage.loop().wall_clock(), bytes_of("key"), bytes_of(value));
        auto batch = builder.finish();
        auto sent = co_await partition.append(batch, true);
        EXPECT_EQ(sent.error, ErrorCode::none);
        EXPECT_EQ(co_await partition.acknowledged(sent.until, 60s), ErrorCode::none);
    }
    partition.checkpointed = partition.recovery_point();
}

using Story = std::function<Task<>(Host&)>;
Task<> play(Host& host, const Story& story, bool& ended) {
    co_await story(host);
    ended = true;
}
// On a node with a home and two more directories.
void tell(const Story& story) {
    for (std::uint64_t seed = 0; seed < 3 && !testing::Test::HasFailure(); ++seed) {
        SCOPED_TRACE(seed);
        sim::World world(seed);
        sim::Node node(world, "node", 1);
        node.other_disks.resize(2);
        bool ended = false;
        node.program = [&](Host& host) { return play(host, story, ended); };
        node.boot();
        while (world.step()) {}
        EXPECT_TRUE(ended);
        EXPECT_EQ(world.open_files, 0);
    }
}

// What is scrubbed in a minute at a MiB a second, when there is always something to scrub.
Task<> scrub_for_a_minute(Host& host, std::size_t used, double& mibs) {
    Stage stage(host, topic_of(6, {}), used, settings_with({}));
    for (int n = 0; n < 6; ++n) co_await produce(stage, n, 20, 100'000);
    Background background(stage.shard, 1, {}, 100ms, mib);
    background.start();
    co_await Timer(stage.loop(), 60s);
    mibs = double(stage.counters().scrubbed_bytes) / mib;
    co_await background.stop();
    co_await stage.shard.come_to_rest(stage.loop());
}
TEST(Background, each_directory_has_a_pace_of_its_own) {
    for (std::size_t used : {1U, 2U, 3U}) {
        SCOPED_TRACE(used);
        double mibs = 0;
        tell([&](Host& host) { return scrub_for_a_minute(host, used, mibs); });
        EXPECT_GT(mibs, 57.0 * double(used));
        EXPECT_LT(mibs, 63.0 * double(used));
    }
}

// Compaction beside the scrub of the same directory.
const cluster::ConfigMap compacted = {{"cleanup.policy", "compact"}, {"segment.bytes", "1000000"}};
Task<> compact_and_scrub(Host& host, double& mibs) {
    auto settings = settings_with({{"log.cleaner.backoff.ms", "10"}});
    Stage stage(host, topic_of(2, compacted), 1, settings);
    for (int n = 0; n < 2; ++n) co_await produce(stage, n, 300, 100'000);
    Background background(stage.shard, 1, {}, 100ms, mib);
    background.start();
    co_await Timer(stage.loop(), 30s);
    EXPECT_GT(stage.counters().scrubbed_bytes, mib);
    EXPECT_GT(stage.counters().compacted_bytes, mib);
    mibs = double(stage.counters().scrubbed_bytes + stage.counters().compacted_bytes) / mib;
    co_await background.stop();
    co_await stage.shard.come_to_rest(stage.loop());
}
TEST(Background, compaction_and_scrub_share_the_pace_of_a_directory) {
    double mibs = 0;
    tell([&](Host& host) { return compact_and_scrub(host, mibs); });
    EXPECT_GT(mibs, 27);
    EXPECT_LT(mibs, 34);
}

// Where the setting is the bound, and no directory's pace.
Task<> compact_slowly(Host& host, double& mibs) {
    auto settings =
        settings_with({{"log.cleaner.backoff.ms", "10"}, {"log.cleaner.io.max.bytes.per.second", "1048576"}});
    Stage stage(host, topic_of(3, compacted), 3, settings);
    for (int n = 0; n < 3; ++n) co_await produce(stage, n, 300, 100'000);
    Background background(stage.shard, 1, {}, never, 100 * mib);
    background.start();
    co_await Timer(stage.loop(), 30s);
    mibs = double(stage.counters().compacted_bytes) / mib;
    co_await background.stop();
    co_await stage.shard.come_to_rest(stage.loop());
}
TEST(Background, what_compaction_may_do_is_said_for_all_directories_together) {
    double mibs = 0;
    tell([&](Host& host) { return compact_slowly(host, mibs); });
    EXPECT_GT(mibs, 27);
    EXPECT_LT(mibs, 36);
}

// A directory whose disk takes its time, here by being asked for much, holds up no other.
Task<> one_has_much_to_do(Host& host) {
    Stage stage(host, topic_of(2, compacted), 2, settings_with({{"log.cleaner.backoff.ms", "10"}}));
    co_await produce(stage, 0, 300, 100'000);
    co_await produce(stage, 1, 30, 100'000);
    Background background(stage.shard, 1, {}, never, mib);
    background.start();
    co_await Timer(stage.loop(), 15s);
    auto size_bytes = [&](int index) {
        return stage.shard.partitions().at({topic_id, index})->log().size_bytes();
    };
    EXPECT_GT(size_bytes(0), 25 * mib);
    EXPECT_LT(size_bytes(1), mib);
    co_await background.stop();
    co_await stage.shard.come_to_rest(stage.loop());
}
TEST(Background, no_directory_waits_for_another_to_be_compacted) { tell(one_has_much_to_do); }

// Of many small partitions, and one that is larger than all of them.
Task<> scrub_all(Host& host) {
    Stage stage(host, topic_of(400, {}), 2, settings_with({}));
    for (int n = 0; n < 400; ++n) co_await produce(stage, n, n == 0 ? 100 : 1, n == 0 ? 10'000 : 100);
    Background background(stage.shard, 1, {}, 10min, 64 * mib);
    background.start();
    auto all = stage.size_bytes();
    co_await Timer(stage.loop(), 4min);
    EXPECT_LT(stage.counters().scrubbed_bytes, all);  // No faster than needed.
    co_await Timer(stage.loop(), 6min);
    EXPECT_GE(stage.counters().scrubbed_bytes, all);
    EXPECT_LT(stage.counters().scrubbed_bytes, 2 * all);
    co_await background.stop();
    co_await stage.shard.come_to_rest(stage.loop());
}
TEST(Background, all_is_scrubbed_in_time_however_small_the_partitions_are) { tell(scrub_all); }

}  // namespace
}  // namespace fulmar
