// What partitions delete, and what a janitor does for them, on a simulated machine.
#include <gtest/gtest.h>

#include "broker/janitor.h"
#include "log/retention.h"
#include "tests/sim/node.h"

namespace fulmar {
namespace {

using kafka::ErrorCode;
using namespace std::chrono_literals;
const PartitionId orders{uuid_from(7, 7), 3};
const std::string name = partition_directory_name("orders", orders);
constexpr Millis day = 24h;

// Segments of about four of the batches below; nothing is deleted unless a test says so.
PartitionRules small_segments() {
    PartitionRules rules{cluster::produce_rules({}, {}), cluster::log_rules({}, {})};
    rules.log.segment_bytes = 500;
    rules.log.index_interval_bytes = 100;
    rules.log.retention = {};
    rules.produce.after_max = Millis::max();
    return rules;
}

struct Stage {
    Stage(Host& host, sim::Node& n)
        : node(n),
          seam(*host.cores[0]),
          directories(),
          budget(directories.emplace_back(0, false, *host.data[0], seam, 1 << 20).budget),
          context{seam, directories},
          partition(context, orders, name, 5, small_segments()) {}
    Loop& loop() { return seam.loop; }
    void go_by(PartitionRules rules) { partition.lead(5, rules); }
    // As the broker's checkpoints do.
    void checkpoint() { partition.checkpointed = partition.recovery_point(); }
    sim::Node& node;
    Seam& seam;
    std::deque<DirectoryShare> directories;
    DiskBudget& budget;
    PartitionContext context;
    Partition partition;
};

struct Sent {
    Millis ahead{};  // Of the clock, by its time stamp.
    wire::BatchProducer producer{};
};
Task<Partition::Appended> produce(Stage& stage, Sent sent = {}) {
    wire::BatchBuilder builder;
    std::string value(50, 'v');
    builder.add(stage.loop().wall_clock() + sent.ahead, bytes_of("key"), bytes_of(value));
    auto batch = builder.finish(wire::Codec::none, sent.producer);
    auto appended = co_await stage.partition.append(batch, true);
    EXPECT_EQ(appended.error, ErrorCode::none);
    co_return appended;
}
Task<> produce_durably(Stage& stage, int batches, Millis ahead = 0ms) {
    for (int n = 0; n < batches; ++n) {
        auto appended = co_await produce(stage, {.ahead = ahead});
        EXPECT_EQ(co_await stage.partition.acknowledged(appended.until, 60s), ErrorCode::none);
    }
}
// Every offset from the start on, as consumers read.
Task<> expect_readable(Stage& stage) {
    auto& partition = stage.partition;
    auto end = partition.high_watermark();
    for (auto at = partition.log_start(); at < end.offset; at = at + 1) {
        auto slice = partition.read(at, end, 1);
        if (!slice) slice = co_await partition.read_cold(at, end, 1);
        EXPECT_TRUE(*slice && (*slice)->base == at);
    }
}
Task<std::string> files(Stage& stage) {
    co_return co_await stage.seam.disk.run([&] {
        std::string all;
        for (auto& entry : stage.directories[0].root->open_directory(name).value()->list().value())
            if (entry.name.ends_with(".log"))
                all += std::to_string(std::stoll(entry.name.substr(0, 20))) + " ";
        return all;
    });
}
std::string segments(Stage& stage) {
    std::string all;
    for (auto& segment : stage.partition.log().segments())
        all += std::to_string(std::to_underlying(segment.base)) + " ";
    return all;
}
Task<Result<Recovered>> recovered(Stage& stage, bool clean) {
    auto point = stage.partition.recovery_point();
    RecoveryRules rules{.clean = clean, .leader_epoch_max = 5, .clocks = stage.loop().clocks()};
    co_return co_await stage.seam.disk.run(
        [&] { return recover(*stage.directories[0].root, name, point, rules); });
}

Task<> play(Host& host, sim::Node& node, Task<> (*story)(Stage&), bool& ended) {
    Stage stage(host, node);
    co_await story(stage);
    for (int n = 0; n < 10'000 && !stage.partition.at_rest(); ++n) co_await Timer(stage.loop(), Millis(1));
    EXPECT_TRUE(stage.partition.at_rest());
    ended = true;
}
void tell(Task<> (*story)(Stage&)) {
    for (std::uint64_t seed = 0; seed < 20 && !testing::Test::HasFailure(); ++seed) {
        SCOPED_TRACE(seed);
        sim::World simulated(seed);
        sim::Node node(simulated, "node", 1);
        bool ended = false;
        node.program = [&](Host& host) { return play(host, node, story, ended); };
        node.boot();
        while (simulated.step()) {}
        EXPECT_TRUE(ended);
        EXPECT_EQ(simulated.open_files, 0);
    }
}

Task<> rolls(Stage& stage) {
    co_await produce_durably(stage, 13);
    auto all = segments(stage);
    EXPECT_GE(stage.partition.log().segments().size(), 3U);
    EXPECT_EQ(co_await files(stage), all);
    co_await expect_readable(stage);
    auto found = co_await recovered(stage, false);
    EXPECT_TRUE(found && found->log.end() == stage.partition.log_end() && !found->damaged);
    EXPECT_EQ(found->log.segments().size(), stage.partition.log().segments().size());
}
TEST(PartitionUpkeep, a_segment_that_is_full_is_followed_by_another) { tell(rolls); }

Task<> by_size(Stage& stage) {
    co_await produce_durably(stage, 30);
    auto& partition = stage.partition;
    auto before = segments(stage);
    co_await partition.retain(true);
    EXPECT_EQ(segments(stage), before);  // No rule, nothing deleted.
    auto rules = small_segments();
    rules.log.retention_bytes = 1000;
    stage.go_by(rules);
    co_await partition.retain(false);
    EXPECT_GE(partition.log().size_bytes(), 1000U);
    EXPECT_LT(partition.log().size_bytes(), 1000U + 500U);
    EXPECT_EQ(partition.log_start(), partition.log().segments().front().base);
    EXPECT_GT(partition.log_start(), Offset{0});
    co_await expect_readable(stage);
    rules.log.retention_bytes = 0;
    stage.go_by(rules);
    co_await partition.retain(false);
    EXPECT_EQ(partition.log().segments().size(), 1U);  // The active one stays.
    rules.log.deletes = false;
    stage.go_by(rules);
    co_await produce_durably(stage, 10);
    auto after = segments(stage);
    co_await partition.retain(true);
    EXPECT_EQ(segments(stage), after);
}
TEST(PartitionUpkeep, what_is_too_much_is_deleted_from_the_front) { tell(by_size); }

Task<> by_age(Stage& stage) {
    auto& partition = stage.partition;
    auto rules = small_segments();
    rules.log.retention = 10 * day;
    stage.go_by(rules);
    co_await produce_durably(stage, 10);
    co_await Timer(stage.loop(), 9 * day);
    co_await produce_durably(stage, 3);
    auto young = partition.log().segments().back().base;
    co_await partition.retain(true);
    EXPECT_EQ(partition.log_start(), Offset{0});
    co_await Timer(stage.loop(), 2 * day);
    co_await partition.retain(false);  // The clock is not to be believed.
    EXPECT_EQ(partition.log_start(), Offset{0});
    co_await partition.retain(true);
    EXPECT_GT(partition.log_start(), Offset{0});
    EXPECT_LE(partition.log_start(), young);
    co_await expect_readable(stage);
    co_await Timer(stage.loop(), 10 * day);  // Now the active one too, of which nothing is left.
    co_await partition.retain(true);
    EXPECT_EQ(partition.log_start(), Offset{13});
    EXPECT_EQ(partition.log_end().offset, Offset{13});
    co_await produce_durably(stage, 1);
    co_await expect_readable(stage);
    auto found = co_await recovered(stage, false);
    EXPECT_TRUE(found && found->log.start() == Offset{13} && found->log.end().offset == Offset{14});
}
TEST(PartitionUpkeep, what_is_too_old_is_deleted_in_the_active_segment_too) { tell(by_age); }

// R38: what a producer stamps neither destroys what has just come nor keeps it for ever.
Task<> strange_stamps(Stage& stage) {
    auto& partition = stage.partition;
    auto rules = small_segments();
    rules.log.retention = 10 * day;
    stage.go_by(rules);
    co_await produce_durably(stage, 10, -1000 * day);
    co_await partition.retain(true);
    EXPECT_EQ(partition.log_start(), Offset{0});
    auto found = co_await recovered(stage, true);  // Nor after a start.
    EXPECT_TRUE(found);
    if (found) {
        auto view = found->log.view(Offset{0}, found->log.end(), 5, stage.loop().wall_clock());
        auto expired = co_await stage.seam.disk.run([&] {
            return expired_segments(view, found->log.segments().size() - 1, 10'000, {10 * day, {}},
                                    stage.loop().wall_clock());
        });
        EXPECT_TRUE(expired && *expired == 0);
        EXPECT_GT(retained_from(found->log.newest()), stage.loop().wall_clock() + -day);
    }
    co_await Timer(stage.loop(), 9 * day);
    co_await produce_durably(stage, 10, 1000 * day);
    co_await Timer(stage.loop(), 10 * day + 2h);
    co_await partition.retain(true);
    EXPECT_EQ(partition.log_start(), Offset{20});
}
TEST(PartitionUpkeep, old_stamps_destroy_nothing_fresh_and_future_ones_pin_nothing) { tell(strange_stamps); }

// The files go when a checkpoint knows the new start, and not before whoever reads them had his time.
Task<> files_go(Stage& stage) {
    auto& partition = stage.partition;
    auto rules = small_segments();
    rules.log.file_delete_delay = 60s;
    stage.go_by(rules);
    co_await produce_durably(stage, 20);
    stage.checkpoint();
    auto before = co_await files(stage);
    auto reader = partition.log().view(Offset{0}, partition.log_end(), 5, stage.loop().wall_clock());
    partition.delete_until(partition.log().segments()[2].base + 1);
    auto after = segments(stage);
    EXPECT_FALSE(partition.wants_upkeep());
    co_await Timer(stage.loop(), 61s);
    EXPECT_FALSE(partition.wants_upkeep());  // A crash now would bring them back.
    co_await partition.keep_up();
    EXPECT_EQ(co_await files(stage), before);
    auto found = co_await recovered(stage, false);
    EXPECT_TRUE(found && found->log.start() == partition.log_start());
    stage.checkpoint();
    EXPECT_TRUE(partition.wants_upkeep());
    co_await partition.keep_up();
    EXPECT_FALSE(partition.wants_upkeep());
    EXPECT_EQ(co_await files(stage), after);
    auto slice = co_await stage.seam.disk.run([&] { return reader.read(Offset{0}, 100, true); });
    EXPECT_TRUE(slice && slice->base == Offset{0});
    co_await expect_readable(stage);
}
TEST(PartitionUpkeep, files_outlive_their_deletion_until_a_checkpoint_knows_of_it) { tell(files_go); }

// A client deletes records while retention looks at the same segments.
Task<> at_once(Stage& stage) {
    auto& partition = stage.partition;
    co_await produce_durably(stage, 40);
    auto& all = partition.log().segments();
    std::vector<Offset> bases;
    std::vector<std::uint64_t> positions;
    for (auto& segment : all) bases.push_back(segment.base), positions.push_back(segment.position);
    EXPECT_GT(bases.size(), 7U);
    auto rules = small_segments();
    rules.log.retention_bytes = partition.log_end().position - positions[3];  // Three are too many.
    stage.go_by(rules);
    stage.node.world.job_delay_max = 60'000'000;
    for (auto deleted : {bases[2] + 1, bases[3], bases[5]}) {
        stage.loop().spawn(partition.retain(false));
        if (deleted > partition.log_start()) partition.delete_until(deleted);
        co_await Timer(stage.loop(), 10min);
        EXPECT_EQ(partition.log_start(), std::max(deleted, bases[3]));
    }
    stage.node.world.job_delay_max = 1000;
    co_await expect_readable(stage);
}
TEST(PartitionUpkeep, retention_and_a_client_that_deletes_do_not_add_up) { tell(at_once); }

Task<> produce_many(Stage& stage, int batches, int& left) {
    for (int n = 0; n < batches; ++n) {
        co_await produce(stage);
        co_await Timer(stage.loop(), Millis(stage.loop().random() % 3));
    }
    --left;
}
Task<> while_it_appends(Stage& stage) {
    auto& partition = stage.partition;
    auto rules = small_segments();
    rules.log.retention_bytes = 0;
    rules.log.retention = 0ms;
    rules.log.file_delete_delay = 0ms;
    stage.go_by(rules);
    int left = 3;
    for (int n = 0; n < 3; ++n) stage.loop().spawn(produce_many(stage, 40, left));
    while (left > 0) {
        co_await partition.retain(true);
        EXPECT_LE(partition.log_start(), partition.durable_end().offset);
        if (stage.loop().random() % 2) stage.checkpoint();
        co_await partition.keep_up();
        co_await Timer(stage.loop(), Millis(1));
    }
    EXPECT_EQ(partition.log_end().offset, Offset{120});
    co_await expect_readable(stage);
}
TEST(PartitionUpkeep, nothing_is_deleted_that_is_not_durable) { tell(while_it_appends); }

// Of a compacted log the first segments have nothing left, and while a reader looks behind them for records,
// all that he may see is deleted. Whoever gets batches without records, and an end behind them, may take that
// for a record that is too large for him.
Task<> read_from_the_start(Stage& stage, Result<Slice>& slice, bool& done) {
    auto& partition = stage.partition;
    slice = co_await partition.read_cold(Offset{0}, partition.visible_end(), 100);
    done = true;
}
Task<> while_it_reads(Stage& stage) {
    auto& partition = stage.partition;
    auto rules = small_segments();
    rules.log.compacts = true;
    stage.go_by(rules);
    co_await produce_durably(stage, 40);
    stage.checkpoint();
    bool stopping = false;
    Pacer pacer(stage.loop());
    co_await partition.compact({pacer, pacer, stopping}, 1 << 20);
    for (bool deletes : {false, true}) {
        Result<Slice> slice;
        bool done = false;
        stage.loop().spawn(read_from_the_start(stage, slice, done));
        if (deletes) partition.delete_until(partition.durable_end().offset);
        EXPECT_FALSE(done);
        while (!done) co_await Timer(stage.loop(), 1ms);
        EXPECT_TRUE(slice && !slice->without_records);
        if (!slice) continue;
        EXPECT_EQ(slice->range.length > 0, !deletes);
        if (!deletes) EXPECT_EQ(slice->base, Offset{35});
    }
}
TEST(PartitionUpkeep, of_what_is_deleted_while_it_is_read_only_records_are_given) { tell(while_it_reads); }

Task<> snapshots(Stage& stage) {
    auto& partition = stage.partition;
    auto rules = small_segments();
    rules.log.segment_bytes = 1 << 20;
    rules.log.index_interval_bytes = 10;
    stage.go_by(rules);
    for (int n = 0; n < 40; ++n) co_await produce(stage, {.producer = {ProducerId{9}, 0, n}});
    EXPECT_TRUE(partition.wants_upkeep());
    co_await partition.keep_up();
    EXPECT_FALSE(partition.wants_upkeep());
    auto at = partition.log_end();
    co_await produce_durably(stage, 1);
    auto found = co_await recovered(stage, false);
    EXPECT_TRUE(found && found->snapshot == at);
    EXPECT_TRUE(found && found->sequences.states().at(0).expected == 40);
    // Nor is anything lost of a clean stop.
    for (int n = 40; n < 60; ++n) co_await produce(stage, {.producer = {ProducerId{9}, 0, n}});
    while (!partition.at_rest()) co_await Timer(stage.loop(), Millis(1));
    co_await partition.close();
    found = co_await recovered(stage, true);
    EXPECT_TRUE(found && !found->damaged && found->log.end() == partition.log_end());
    EXPECT_TRUE(found && found->snapshot == partition.log_end());
    EXPECT_TRUE(found && found->sequences.states().at(0).expected == 60);
}
TEST(PartitionUpkeep, what_producers_wrote_is_written_down_when_it_gets_much) { tell(snapshots); }

Task<> forgotten(Stage& stage) {
    auto& partition = stage.partition;
    co_await produce(stage, {.producer = {ProducerId{9}, 0, 0}});
    partition.expire_producers(stage.loop().now());  // That one wrote just now.
    EXPECT_EQ((co_await produce(stage, {.producer = {ProducerId{9}, 0, 0}})).base_offset, Offset{0});
    co_await Timer(stage.loop(), 1s);
    partition.expire_producers(stage.loop().now());
    EXPECT_EQ((co_await produce(stage, {.producer = {ProducerId{9}, 0, 0}})).base_offset, Offset{1});
}
TEST(PartitionUpkeep, who_has_not_written_for_long_is_forgotten) { tell(forgotten); }

// --- the janitor -----------------------------------------------------------------------------------

// A shard with three partitions, and its janitor.
Task<> keep_house(Host& host, sim::Node& node, bool& ended) {
    auto settings = read_settings({});
    EXPECT_TRUE(settings);
    auto topic = std::make_shared<cluster::Topic>();
    topic->id = orders.topic, topic->name = "orders";
    topic->configs = {{"retention.ms", "86400000"},
                      {"segment.bytes", "400"},
                      {"file.delete.delay.ms", "1000"},
                      {"message.timestamp.after.max.ms", "9223372036854775807"}};
    topic->partitions.resize(3);
    Shard shard(0, *host.cores[0], 1, {*host.data[0]}, *settings);
    shard.apply(cluster::TopicIs{topic});
    auto& loop = shard.seam.loop;
    for (int n = 0; n < 3; ++n) shard.lead(*topic, n);
    Janitor janitor(shard, {});
    loop.spawn(janitor.run());

    auto produce = [&](int batches) -> Task<> {
        for (int n = 0; n < batches; ++n) {
            for (auto& [id, partition] : shard.partitions()) {
                wire::BatchBuilder builder;
                builder.add(loop.wall_clock(), std::nullopt, bytes_of("value"));
                auto batch = builder.finish(wire::Codec::none, {ProducerId{id.index}, 0, n});
                auto appended = co_await partition->append(batch, true);
                EXPECT_TRUE(appended.error == ErrorCode::none);
            }
        }
    };
    auto checkpoint = [&] {
        for (auto& [id, partition] : shard.partitions())
            partition->checkpointed = partition->recovery_point();
    };
    auto started_at = [&](Offset at) {
        for (auto& [id, partition] : shard.partitions()) EXPECT_EQ(partition->log_start(), at) << id.index;
    };
    co_await produce(10);
    co_await Timer(loop, 23h);
    started_at(Offset{0});
    // The clock jumps ahead: for an hour it is not believed.
    node.wall_offset += 100 * day;
    co_await Timer(loop, 50min);
    started_at(Offset{0});
    node.wall_offset -= 100 * day;  // It was wrong, and is set right.
    co_await Timer(loop, 50min);
    started_at(Offset{0});
    co_await Timer(loop, 30min);
    started_at(Offset{10});  // Now they are a day old.
    auto files = [&] {
        std::size_t count = 0;
        for (auto& [id, partition] : shard.partitions())
            for (auto& entry : partition->log().directory()->list().value())
                count += entry.name.ends_with(".log") || entry.name.ends_with(".index");
        return count;
    };
    EXPECT_GT(files(), 6U);  // No checkpoint knows of it.
    checkpoint();
    co_await Timer(loop, 1min);
    EXPECT_EQ(files(), 3U);
    // Producers that were silent for a day are forgotten: their first sequence is new again.
    co_await produce(1);
    for (auto& [id, partition] : shard.partitions()) EXPECT_EQ(partition->log_end().offset, Offset{11});
    co_await Timer(loop, 1min);
    janitor.stop();
    while (janitor.running()) co_await janitor.ended().wait();
    co_await shard.come_to_rest(loop);
    ended = true;
}
TEST(Janitor, deletes_what_is_old_when_the_clock_is_to_be_believed_and_removes_its_files) {
    for (std::uint64_t seed = 0; seed < 10 && !testing::Test::HasFailure(); ++seed) {
        SCOPED_TRACE(seed);
        sim::World simulated(seed);
        sim::Node node(simulated, "node", 1);
        bool ended = false;
        node.program = [&](Host& host) { return keep_house(host, node, ended); };
        node.boot();
        while (simulated.step()) {}
        EXPECT_TRUE(ended);
        EXPECT_EQ(simulated.open_files, 0);
    }
}

}  // namespace
}  // namespace fulmar
