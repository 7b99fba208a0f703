#include "broker/partition.h"

#include <gtest/gtest.h>

#include "tests/sim/node.h"

namespace fulmar {
namespace {

using kafka::ErrorCode;
const PartitionId orders{uuid_from(7, 7), 3};
const std::string name = partition_directory_name("orders", orders);

PartitionRules usual_rules() { return {cluster::produce_rules({}, {}), cluster::log_rules({}, {})}; }

// A partition on a simulated core, and what happens to its disk.
struct Stage {
    Stage(Host& host, sim::Node& n, std::uint64_t unsynced_max, bool page_cache, bool several)
        : node(n),
          seam(*host.cores[0]),
          directories(),
          budget(directories.emplace_back(0, several, *host.data[0], seam, unsynced_max).budget),
          context{seam, directories, page_cache},
          partition(context, orders, name, 5, usual_rules()) {}
    sim::Power& power() { return node.power; }
    // What a power cut would leave of the log for sure.
    std::uint64_t durable_bytes() {
        using Entry = std::shared_ptr<sim::DirectoryState>;
        auto& root = *node.disk.root;
        auto at = root.versions.front().find(name);
        if (at == root.versions.front().end()) return 0;
        auto& names = std::get<Entry>(at->second)->versions.front();
        auto file = names.find(log_file_name(Offset{0}));
        return file == names.end() ? 0 : std::get<std::shared_ptr<sim::FileState>>(file->second)->safe.size();
    }
    sim::Node& node;
    Seam& seam;
    std::deque<DirectoryShare> directories;
    DiskBudget& budget;
    PartitionContext context;
    Partition partition;
    std::vector<Partition::Appended> done;
    std::vector<ErrorCode> acks;
};
struct Sent {
    wire::BatchProducer producer{};
    int records = 1;
    std::size_t bytes = 10;
    wire::Codec codec = wire::Codec::none;
};
Task<Partition::Appended> produce(Stage& stage, Sent sent = {}) {
    wire::BatchBuilder builder;
    std::string value(sent.bytes, 'v');
    for (int n = 0; n < sent.records; ++n)
        builder.add(stage.seam.loop.wall_clock(), std::nullopt, bytes_of(value));
    auto batch = builder.finish(sent.codec, sent.producer);
    auto appended = co_await stage.partition.append(batch, true);
    co_return appended;
}
// One that waits for its acknowledgement; when that comes, it is true.
Task<> produce_and_wait(Stage& stage, Sent sent, Millis patience = Millis(60'000)) {
    auto appended = co_await produce(stage, sent);
    stage.done.push_back(appended);
    if (appended.error != ErrorCode::none) co_return;
    auto position = stage.partition.log_end().position;
    auto ack = co_await stage.partition.acknowledged(appended.until, patience);
    if (ack == ErrorCode::none && !stage.context.page_cache_acks) {
        EXPECT_GE(stage.partition.durable_end().offset, appended.until);
        EXPECT_GE(stage.durable_bytes(), stage.partition.durable_end().position);
        if (stage.partition.durable_end().offset == appended.until)
            EXPECT_GE(stage.durable_bytes(), position);
    }
    stage.acks.push_back(ack);
}
// What the next life would find.
Task<Result<Recovered>> recovered(Stage& stage, RecoveryRules rules) {
    auto point = stage.partition.recovery_point();
    co_return co_await stage.seam.disk.run(
        [&] { return recover(*stage.directories[0].root, name, point, rules); });
}
Task<> all_done(Stage& stage, std::size_t sent) {
    for (int n = 0; n < 10'000 && stage.done.size() < sent; ++n) co_await Timer(stage.seam.loop, Millis(1));
    EXPECT_EQ(stage.done.size(), sent);
    for (int n = 0; n < 10'000 && stage.seam.loop.spawned() > 1; ++n)
        co_await Timer(stage.seam.loop, Millis(1));
}

struct World {
    std::uint64_t unsynced_max = 1 << 20;
    bool page_cache = false;
    sim::Micros job_delay_max = 1000;
    bool by_the_core = false;  // Each write, and done when it is appended. Else also by jobs.
};
Task<> play(Host& host, sim::Node& node, World world, bool several, Task<> (*story)(Stage&), bool& ended) {
    node.disk.one_of_several = several;
    Stage stage(host, node, world.unsynced_max, world.page_cache, several);
    co_await story(stage);
    for (int n = 0; n < 10'000 && !stage.partition.at_rest(); ++n) co_await Timer(stage.seam.loop, Millis(1));
    EXPECT_TRUE(stage.partition.at_rest());
    ended = true;
}
// Under many seeds, to its end; written by the core itself, and by jobs.
void tell(Task<> (*story)(Stage&), World world = {}) {
    for (std::uint64_t seed = 0; seed < 40 && !testing::Test::HasFailure(); ++seed) {
        SCOPED_TRACE(seed);
        sim::World simulated(seed);
        simulated.job_delay_max = world.job_delay_max;
        bool several = seed % 2 == 1 && !world.by_the_core;
        sim::Node node(simulated, "node", 1);
        bool ended = false;
        node.program = [&](Host& host) { return play(host, node, world, several, story, ended); };
        node.boot();
        while (simulated.step()) {}
        EXPECT_TRUE(ended);
        EXPECT_FALSE(simulated.core_waited);
        EXPECT_EQ(simulated.open_files, 0);
    }
}

Task<> five_at_once(Stage& stage) {
    for (int n = 0; n < 5; ++n) stage.seam.loop.spawn(produce_and_wait(stage, {.records = n + 1}));
    EXPECT_EQ(stage.partition.log_end().offset, Offset{0});  // The directory is made first, by a job.
    co_await all_done(stage, 5);
    Offset expected{};
    for (int n = 0; n < 5; ++n) {
        EXPECT_EQ(stage.done[std::size_t(n)].base_offset, expected);
        expected = expected + (n + 1);
        EXPECT_EQ(stage.done[std::size_t(n)].until, expected);
    }
    EXPECT_EQ(stage.acks, std::vector<ErrorCode>(5));
}
TEST(BrokerPartition, appends_are_in_the_order_of_the_calls) { tell(five_at_once); }

Task<> many_one_by_one(Stage& stage) {
    for (int n = 0; n < 30; ++n) {
        stage.seam.loop.spawn(produce_and_wait(stage, {.bytes = 100}));
        if (n % 3) co_await Timer(stage.seam.loop, Millis(n % 4));
    }
    co_await all_done(stage, 30);
    EXPECT_EQ(stage.acks, std::vector<ErrorCode>(30));
    EXPECT_EQ(stage.partition.durable_end(), stage.partition.log_end());
    EXPECT_EQ(stage.budget.unsynced_bytes(), 0U);
}
TEST(BrokerPartition, an_acknowledgement_comes_only_after_the_sync) { tell(many_one_by_one); }

Task<> not_yet_visible(Stage& stage) {
    stage.seam.loop.spawn(produce_and_wait(stage, {}));
    co_await all_done(stage, 1);
    stage.node.world.job_delay_max = 3'600'000'000;  // The next sync takes its time.
    auto appended = co_await produce(stage);
    auto& partition = stage.partition;
    EXPECT_EQ(partition.log_end().offset, Offset{2});
    EXPECT_EQ(partition.high_watermark().offset, Offset{1});
    EXPECT_EQ(partition.visible_end().offset, Offset{1});
    EXPECT_FALSE(partition.at_rest());
    for (auto patience : {Millis(0), Millis(2)})
        EXPECT_EQ(co_await partition.acknowledged(appended.until, patience), ErrorCode::request_timed_out);
    EXPECT_EQ(partition.waiters().size(), 0U);
    EXPECT_EQ(co_await partition.acknowledged(Offset{1}, Millis(0)), ErrorCode::none);  // That is.
    EXPECT_EQ(co_await partition.acknowledged(appended.until, Millis(7'200'000)), ErrorCode::none);
    EXPECT_EQ(partition.visible_end().offset, Offset{2});
    EXPECT_TRUE(partition.at_rest());
}
TEST(BrokerPartition, what_is_not_durable_is_not_visible_and_patience_ends) { tell(not_yet_visible); }

Task<> acknowledged_from_the_cache(Stage& stage) {
    auto appended = co_await produce(stage);
    EXPECT_EQ(co_await stage.partition.acknowledged(appended.until, Millis(0)), ErrorCode::none);
    EXPECT_EQ(stage.partition.visible_end().offset, Offset{1});
    EXPECT_EQ(stage.partition.durable_end().offset, Offset{0});
}
TEST(BrokerPartition, where_the_page_cache_will_do_nobody_waits) {
    tell(acknowledged_from_the_cache, {.page_cache = true});
}

// Three records may rest there: the second batch waits, and what was acknowledged in front of it stays so.
Task<> acknowledged_from_the_cache_up_to_a_number(Stage& stage) {
    stage.node.world.job_delay_max = 3'600'000'000;
    auto& partition = stage.partition;
    auto rules = usual_rules();
    rules.log.flush_messages = 4;
    partition.lead(5, rules);
    auto first = co_await produce(stage, {.records = 3});
    EXPECT_EQ(co_await partition.acknowledged(first.until, Millis(0)), ErrorCode::none);
    bool synced = partition.durable_end().offset == Offset{3};
    auto second = co_await produce(stage, {.records = 3});
    EXPECT_EQ(co_await partition.acknowledged(first.until, Millis(0)), ErrorCode::none);
    if (synced || partition.durable_end().offset > Offset{0}) co_return;
    EXPECT_EQ(partition.visible_end().offset, Offset{3});
    EXPECT_EQ(co_await partition.acknowledged(second.until, Millis(0)), ErrorCode::request_timed_out);
    EXPECT_EQ(co_await partition.acknowledged(second.until, Millis(7'200'000)), ErrorCode::none);
    EXPECT_EQ(partition.durable_end().offset, Offset{6});
}
TEST(BrokerPartition, so_many_messages_as_are_to_be_flushed_together_wait_for_the_disk) {
    tell(acknowledged_from_the_cache_up_to_a_number, {.page_cache = true, .by_the_core = true});
}

Task<> twice_without_producer(Stage& stage) {
    Sent batch{{ProducerId{-2}, 0, 0}, 3};
    EXPECT_EQ((co_await produce(stage, batch)).base_offset, Offset{0});
    EXPECT_EQ((co_await produce(stage, batch)).base_offset, Offset{3});
    auto found = co_await recovered(stage, {});
    EXPECT_TRUE(found && found->sequences.size() == 0);
}
TEST(BrokerPartition, an_id_below_0_is_no_producer) { tell(twice_without_producer); }

Task<> sent_again(Stage& stage) {
    stage.seam.loop.spawn(produce_and_wait(stage, {}));
    co_await all_done(stage, 1);
    stage.node.world.job_delay_max = 3'600'000'000;
    Sent batch{{ProducerId{9}, 0, 0}, 3};
    auto first = co_await produce(stage, batch);
    auto again = co_await produce(stage, batch);
    EXPECT_EQ(first.base_offset, Offset{1});
    EXPECT_EQ(again.base_offset, first.base_offset);
    EXPECT_EQ(again.error, ErrorCode::none);
    EXPECT_EQ(again.until, first.until);  // And waits for the same.
    EXPECT_EQ(co_await stage.partition.acknowledged(again.until, Millis(2)), ErrorCode::request_timed_out);
    EXPECT_EQ(stage.partition.log_end().offset, Offset{4});
    EXPECT_EQ((co_await produce(stage, {{ProducerId{9}, 0, 5}})).error,
              ErrorCode::out_of_order_sequence_number);
    EXPECT_EQ((co_await produce(stage, {{ProducerId{9}, 1, 0}})).error, ErrorCode::none);
    EXPECT_EQ((co_await produce(stage, {{ProducerId{9}, 0, 3}})).error, ErrorCode::invalid_producer_epoch);
    EXPECT_EQ(stage.partition.log_end().offset, Offset{5});
    EXPECT_EQ(co_await stage.partition.acknowledged(Offset{5}, Millis(100'000'000)), ErrorCode::none);
}
TEST(BrokerPartition, what_is_sent_again_is_not_appended_again) { tell(sent_again); }

Task<> too_full(Stage& stage) {
    stage.power().failure = Error::full;
    stage.power().full_for = 1;  // Already for its directory.
    EXPECT_EQ((co_await produce(stage, {{ProducerId{9}, 0, 0}})).error, ErrorCode::kafka_storage_error);
    EXPECT_EQ((co_await produce(stage, {{ProducerId{9}, 0, 1}})).error,
              ErrorCode::out_of_order_sequence_number);
    EXPECT_EQ((co_await produce(stage, {{ProducerId{9}, 0, 0}})).base_offset, Offset{0});
    stage.power().full_for = 1;
    EXPECT_EQ((co_await produce(stage, {{ProducerId{9}, 0, 1}, 1, 500})).error,
              ErrorCode::kafka_storage_error);
    EXPECT_EQ((co_await produce(stage, {{ProducerId{9}, 0, 2}})).error,
              ErrorCode::out_of_order_sequence_number);
    stage.seam.loop.spawn(produce_and_wait(stage, {{ProducerId{9}, 0, 1}}));
    co_await all_done(stage, 1);
    EXPECT_EQ(stage.done[0].base_offset, Offset{1});
    EXPECT_EQ(stage.acks, std::vector<ErrorCode>(1));
    EXPECT_FALSE(stage.budget.failed());
    auto found = co_await recovered(stage, {.clean = true});
    EXPECT_TRUE(found && found->log.end() == stage.partition.log_end() && !found->damaged);
}
TEST(BrokerPartition, a_full_disk_refuses_and_leaves_the_log_usable) { tell(too_full); }

Task<> write_fails(Stage& stage) {
    int told = 0;
    stage.budget.on_failure = [&] { ++told; };
    stage.seam.loop.spawn(produce_and_wait(stage, {}));
    co_await all_done(stage, 1);
    stage.node.world.job_delay_max = 3'600'000;
    stage.seam.loop.spawn(produce_and_wait(stage, {}));  // Waits for its sync.
    stage.power().fails_at = 1;
    EXPECT_EQ((co_await produce(stage)).error, ErrorCode::kafka_storage_error);
    EXPECT_TRUE(stage.budget.failed());
    EXPECT_EQ((co_await produce(stage)).error, ErrorCode::kafka_storage_error);  // For good.
    co_await Timer(stage.seam.loop, Millis(1));
    EXPECT_EQ(stage.acks.back(), ErrorCode::kafka_storage_error);  // At once; its sync is still under way.
    EXPECT_EQ(stage.acks.size(), 2U);
    EXPECT_EQ(stage.partition.log_end().offset, Offset{2});
    EXPECT_EQ(told, 1);
    co_await Timer(stage.seam.loop, Millis(10'000));
}
TEST(BrokerPartition, a_write_that_fails_ends_the_role) { tell(write_fails, {.by_the_core = true}); }

Task<> sync_fails(Stage& stage) {
    stage.seam.loop.spawn(produce_and_wait(stage, {}));
    co_await all_done(stage, 1);
    for (int n = 0; n < 3; ++n) stage.seam.loop.spawn(produce_and_wait(stage, {}));
    stage.power().fails_at = 1;  // The next operation is the sync.
    auto operations = stage.power().operations;
    co_await all_done(stage, 4);
    EXPECT_EQ(stage.acks, (std::vector{ErrorCode::none, ErrorCode::kafka_storage_error,
                                       ErrorCode::kafka_storage_error, ErrorCode::kafka_storage_error}));
    EXPECT_EQ(stage.power().operations, operations + 1);  // It is not tried again.
    EXPECT_EQ(stage.partition.visible_end().offset, Offset{1});
    EXPECT_EQ((co_await produce(stage)).error, ErrorCode::kafka_storage_error);
}
TEST(BrokerPartition, a_sync_that_fails_is_believed_once_and_ends_the_role) {
    tell(sync_fails, {.by_the_core = true});
}

Task<> write_hangs(Stage& stage) {
    stage.seam.loop.spawn(produce_and_wait(stage, {}));
    co_await all_done(stage, 1);
    auto& world = stage.node.world;
    stage.node.disk.hang = {world.now, world.now + 3'600'000'000};
    auto begun = stage.seam.loop.now();
    auto hung = stage.directories.front().one_of_several;
    for (int n = 0; n < 3; ++n) stage.seam.loop.spawn(produce_and_wait(stage, {}));
    EXPECT_EQ((co_await produce(stage)).error, hung ? ErrorCode::kafka_storage_error : ErrorCode::none);
    auto waited = stage.seam.loop.now() - begun;
    if (hung) EXPECT_TRUE(Millis(500) <= waited && waited < Millis(600)) << waited.count();
    else EXPECT_EQ(waited, Millis(0));
    co_await all_done(stage, 4);
    EXPECT_TRUE(stage.budget.failed());
    EXPECT_EQ(stage.acks.front(), ErrorCode::none);
    EXPECT_EQ(stage.partition.visible_end().offset, Offset{1});
}
TEST(BrokerPartition, of_several_disks_no_core_waits_for_one_that_hangs) { tell(write_hangs); }

// While another one's batch is opened.
Task<> a_large_batch_has_the_turn(Stage& stage) {
    stage.seam.loop.spawn(produce_and_wait(stage, {}));
    co_await all_done(stage, 1);
    co_await stage.context.heavy_work.enter();
    stage.context.opened_here_bytes = 1 << 20;
    for (int n = 0; n < 3; ++n) {
        stage.seam.loop.spawn(produce_and_wait(stage, {}));
        co_await Timer(stage.seam.loop, Millis(stage.seam.loop.random() % 20));
    }
    stage.seam.loop.spawn(produce_and_wait(stage, {.codec = wire::Codec::gzip}));
    stage.seam.loop.spawn(produce_and_wait(stage, {}));
    co_await Timer(stage.seam.loop, Millis(1'000));
    EXPECT_EQ(stage.acks.size(), 4U);
    stage.context.heavy_work.leave(stage.seam.loop);
    co_await all_done(stage, 6);
    EXPECT_EQ(stage.acks, std::vector<ErrorCode>(6));
}
TEST(BrokerPartition, who_was_before_a_large_batch_does_not_wait_for_it) {
    tell(a_large_batch_has_the_turn, {.job_delay_max = 20'000});
}

Task<> look_for_time(Stage& stage, std::size_t& failed) {
    failed += !(co_await stage.partition.find_time(Timestamp{0}));
}
Task<> time_is_looked_for_while_it_hangs(Stage& stage) {
    stage.seam.loop.spawn(produce_and_wait(stage, {}));
    co_await all_done(stage, 1);
    auto& world = stage.node.world;
    stage.node.disk.hang = {world.now, world.now + 3'600'000'000};
    std::size_t failed = 0;
    for (int n = 0; n < 2; ++n) stage.seam.loop.spawn(look_for_time(stage, failed));
    co_await Timer(stage.seam.loop, Millis(100));
    // Partitions of other directories have their large batches opened meanwhile.
    EXPECT_FALSE(stage.context.heavy_work.taken());
    EXPECT_TRUE(stage.directories.front().heavy_reads.taken());
    for (int n = 0; n < 10'000 && failed < 2; ++n) co_await Timer(stage.seam.loop, Millis(1));
    EXPECT_EQ(failed, 2U);
}
TEST(BrokerPartition, to_look_for_a_time_where_a_disk_hangs_holds_up_no_others_work) {
    tell(time_is_looked_for_while_it_hangs);
}

// Somebody takes its files away while some wait: for room, for their turn, for their acknowledgement.
Task<> taken_away(Stage& stage) {
    constexpr auto gone = ErrorCode::kafka_storage_error;
    stage.seam.loop.spawn(produce_and_wait(stage, {.bytes = 400}));
    co_await all_done(stage, 1);
    using Names = std::shared_ptr<sim::DirectoryState>;
    auto& names = std::get<Names>(stage.node.disk.root->names().at(name))->names();
    std::get<std::shared_ptr<sim::FileState>>(names.at(log_file_name(Offset{0})))->taken = true;
    for (int n = 0; n < 12; ++n) stage.seam.loop.spawn(produce_and_wait(stage, {.bytes = 400}));
    co_await all_done(stage, 13);
    EXPECT_FALSE(stage.budget.failed());  // Nothing is wrong with the disk.
    EXPECT_EQ(stage.budget.unsynced_bytes(), 0U);
    auto refused = std::ranges::count(stage.acks, gone) +
                   std::ranges::count_if(stage.done, [](auto& one) { return one.error == gone; });
    EXPECT_EQ(refused, 12);
    EXPECT_EQ(stage.partition.durable_end().offset, Offset{1});
    EXPECT_TRUE(stage.partition.damaged());
    EXPECT_EQ((co_await produce(stage)).error, gone);
    // A checkpoint knows what was durable, so that the next start misses it.
    EXPECT_TRUE(stage.partition.has_point());
    EXPECT_EQ(stage.partition.recovery_point().offset, Offset{1});
}
TEST(BrokerPartition, whose_files_are_taken_away_acknowledges_no_more) {
    tell(taken_away, {.unsynced_max = 1000});
}

Task<> make_fails(Stage& stage) {
    stage.power().fails_at = 1;
    for (int n = 0; n < 3; ++n) stage.seam.loop.spawn(produce_and_wait(stage, {}));
    co_await all_done(stage, 3);
    for (auto& appended : stage.done) EXPECT_EQ(appended.error, ErrorCode::kafka_storage_error);
    EXPECT_TRUE(stage.budget.failed());
    EXPECT_FALSE(stage.partition.log().exists());
}
TEST(BrokerPartition, a_directory_that_cannot_be_made_ends_the_role) { tell(make_fails); }

// Room for two batches that are not durable; the third waits, and in its turn.
// Its topic is deleted while some wait: for room, for their turn, for their acknowledgement.
Task<> retired(Stage& stage) {
    constexpr auto gone = ErrorCode::unknown_topic_or_partition;
    for (int n = 0; n < 12; ++n) stage.seam.loop.spawn(produce_and_wait(stage, {.bytes = 400}));
    while (stage.done.empty()) co_await Timer(stage.seam.loop, Millis(1));
    Timer waiting(stage.seam.loop);
    Waiters::Place place(stage.partition.waiters(), Offset{1000}, waiting);
    stage.partition.retire();
    EXPECT_EQ((co_await produce(stage)).error, gone);
    co_await stage.partition.come_to_rest();
    auto operations = stage.power().operations;
    co_await waiting;
    co_await all_done(stage, 12);
    EXPECT_EQ(stage.partition.waiters().size(), 0U);
    EXPECT_EQ(stage.budget.unsynced_bytes(), 0U);
    for (auto& appended : stage.done)
        EXPECT_TRUE(appended.error == ErrorCode::none || appended.error == gone);
    for (auto ack : stage.acks) EXPECT_TRUE(ack == ErrorCode::none || ack == gone);
    EXPECT_EQ(stage.done.back().error, gone);
    EXPECT_EQ((co_await produce(stage)).error, gone);
    EXPECT_EQ(stage.power().operations, operations);  // Nothing touches its files any more.
}
TEST(BrokerPartition, a_retired_one_refuses_all_and_rests) { tell(retired, {.unsynced_max = 1000}); }

Task<> under_pressure(Stage& stage) {
    for (int n = 0; n < 12; ++n)
        stage.seam.loop.spawn(produce_and_wait(stage, {.bytes = n == 5 ? 3000U : 400U}));
    std::uint64_t most = 0;
    for (int n = 0; n < 10'000 && stage.acks.size() < 12; ++n) {
        most = std::max(most, stage.partition.log_end().position - stage.partition.durable_end().position);
        co_await Timer(stage.seam.loop, Millis(1));
    }
    EXPECT_EQ(stage.acks, std::vector<ErrorCode>(12));
    for (int n = 0; n < 12; ++n) EXPECT_EQ(stage.done[std::size_t(n)].base_offset, Offset{n});
    EXPECT_LE(most, 3200U);  // The large one passes, alone.
    EXPECT_EQ(stage.budget.unsynced_bytes(), 0U);
}
TEST(BrokerPartition, what_is_not_durable_is_bounded) { tell(under_pressure, {.unsynced_max = 1000}); }

Task<> nowhere_to_go(Stage& stage) {
    stage.directories.emplace_back(1, true, stage.directories[0].root, stage.seam, 1000);
    stage.context.place = [](PartitionId) -> Task<std::optional<std::size_t>> { co_return std::nullopt; };
    Partition partition(stage.context, orders, name, 5, usual_rules());
    wire::BatchBuilder builder;
    builder.add(stage.seam.loop.wall_clock(), std::nullopt, bytes_of("v"));
    auto batch = builder.finish();
    for (int n = 0; n < 2; ++n)
        EXPECT_EQ((co_await partition.append(batch, true)).error, ErrorCode::kafka_storage_error);
    EXPECT_EQ(partition.directory(), nullptr);
}
TEST(BrokerPartition, which_no_directory_takes_refuses_all) { tell(nowhere_to_go); }

Task<> damaged(Stage& stage) {
    stage.partition.checkpointed.log_start = Offset{7};
    stage.partition.mark_damaged();
    EXPECT_EQ(stage.partition.log_start(), Offset{7});
    EXPECT_EQ((co_await produce(stage)).error, ErrorCode::kafka_storage_error);
    EXPECT_FALSE(stage.partition.log().exists());
    EXPECT_FALSE(stage.budget.failed());  // One partition's, not the directory's.
}
TEST(BrokerPartition, a_damaged_one_takes_nothing) { tell(damaged); }

Task<> refused(Stage& stage) {
    auto bad = bytes_of("no batch at all, but long enough to look like one, or so it seems to me");
    auto appended = co_await stage.partition.append(bad, true);
    EXPECT_EQ(appended.error, ErrorCode::corrupt_message);
    EXPECT_EQ(appended.fault, wire::BatchFault::corrupt);
    EXPECT_EQ(appended.log_start, Offset{-1});
    wire::BatchBuilder builder;
    builder.add(stage.seam.loop.wall_clock() + Millis(4'000'000), std::nullopt, std::nullopt);
    auto early = builder.finish(wire::Codec::zstd);
    appended = co_await stage.partition.append(early, true);
    EXPECT_EQ(appended.error, ErrorCode::invalid_timestamp);
    EXPECT_EQ(appended.records, std::vector{0});
    EXPECT_EQ(appended.log_start, Offset{0});
    EXPECT_EQ((co_await stage.partition.append(early, false)).error, ErrorCode::unsupported_compression_type);
    EXPECT_FALSE(stage.partition.log().exists());  // What is refused makes no directory.
}
TEST(BrokerPartition, what_is_wrong_is_told_before_anything_is_made) { tell(refused); }

Task<> epochs(Stage& stage) {
    auto& partition = stage.partition;
    EXPECT_EQ(partition.check_epoch(-1), ErrorCode::none);
    EXPECT_EQ(partition.check_epoch(5), ErrorCode::none);
    EXPECT_EQ(partition.check_epoch(4), ErrorCode::fenced_leader_epoch);
    EXPECT_EQ(partition.check_epoch(6), ErrorCode::unknown_leader_epoch);
    partition.lead(6, usual_rules());
    EXPECT_EQ(partition.check_epoch(5), ErrorCode::fenced_leader_epoch);
    co_return;
}
TEST(BrokerPartition, an_epoch_that_is_not_its_own_is_told_apart) { tell(epochs); }

}  // namespace
}  // namespace fulmar
