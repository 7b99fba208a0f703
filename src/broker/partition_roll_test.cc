// A new segment whose making fails at any of its file operations, or in the middle of which the node dies:
// it is made again later, and nothing is appended where recovery would not look for it.
#include <gtest/gtest.h>

#include "broker/partition.h"
#include "tests/sim/node.h"

namespace fulmar {
namespace {

using kafka::ErrorCode;
const PartitionId orders{uuid_from(7, 7), 3};
const std::string name = partition_directory_name("orders", orders);
const RecoveryRules rules{.leader_epoch_max = 5, .clocks = {}};

// Segments of three of the larger batches below, or of these and a small one, and an index entry for each of
// these.
PartitionRules small_segments() {
    PartitionRules small{cluster::produce_rules({}, {}), cluster::log_rules({}, {})};
    small.log.segment_bytes = 440;
    small.log.index_interval_bytes = 1;
    return small;
}

// What the world knows of a partition, through its lives.
struct Ledger {
    std::int32_t next = 0;                        // Sequence of what is to be sent next.
    std::map<Offset, std::int32_t> acknowledged;  // The sequence of each.
};
struct Stage {
    Stage(Host& host, sim::Node& n)
        : node(n),
          seam(*host.cores[0]),
          budget(directories.emplace_back(0, false, *host.data[0], seam, 1 << 20).budget),
          context{seam, directories},
          partition(context, orders, name, 5, small_segments()) {}
    sim::Node& node;
    Seam& seam;
    std::deque<DirectoryShare> directories{};
    DiskBudget& budget;
    PartitionContext context;
    Partition partition;
};

// Some are so small that they still fit where the one before did not.
Task<Partition::Appended> append(Stage& stage, std::int32_t sequence, bool large = false) {
    wire::BatchBuilder builder;
    std::string value(large || stage.seam.loop.random() % 2 ? 50 : 0, 'v');
    builder.add(stage.seam.loop.wall_clock(), std::nullopt, bytes_of(value));
    auto batch = builder.finish(wire::Codec::none, {ProducerId{9}, 0, sequence});
    co_return co_await stage.partition.append(batch, true);
}
// Until it is acknowledged, which the ledger then knows.
Task<bool> acknowledged(Stage& stage, Ledger& ledger, std::int32_t sequence, Partition::Appended sent) {
    auto error = sent.error;
    if (error == ErrorCode::none) error = co_await stage.partition.acknowledged(sent.until, Millis(60'000));
    if (error != ErrorCode::none) co_return false;
    EXPECT_EQ(sent.base_offset, Offset{sequence});
    ledger.acknowledged[sent.base_offset] = sequence;
    ledger.next = std::max(ledger.next, sequence + 1);
    co_return true;
}
Task<bool> send(Stage& stage, Ledger& ledger, bool large = false) {
    auto sequence = ledger.next;
    auto sent = co_await append(stage, sequence, large);
    if (sent.error != ErrorCode::none) EXPECT_EQ(sent.error, ErrorCode::kafka_storage_error);
    co_return co_await acknowledged(stage, ledger, sequence, sent);
}
Task<> send_many(Stage& stage, Ledger& ledger, int count, bool large = false) {
    while (count-- > 0)
        if (!co_await send(stage, ledger, large)) co_return;
}
Task<> send_one(Stage& stage, Ledger& ledger, std::optional<bool>& went) {
    went = co_await send(stage, ledger, true);
}

// What was acknowledged is in a log just once and at its place; its files are those that the log knows of.
void expect_whole(PartitionLog& log, const Ledger& ledger, std::size_t sent_beyond) {
    std::map<Offset, std::int32_t> found;
    for (auto at = log.start(); at < log.end().offset; at = at + 1) {
        auto view = log.view(at, log.end(), 5, Timestamp{0});
        auto slice = view.read(at, 1, true);
        ASSERT_TRUE(slice && slice->base == at) << std::to_underlying(at);
        std::string bytes(slice->first_bytes, '\0');
        auto& range = slice->range;
        ASSERT_TRUE(range.file->read(range.position, std::as_writable_bytes(std::span(bytes))));
        wire::BatchView batch(bytes_of(bytes));
        ASSERT_TRUE(batch.crc_matches());
        found[at] = batch.base_sequence();
    }
    for (auto& [offset, sequence] : ledger.acknowledged) ASSERT_EQ(found[offset], sequence);
    ASSERT_LE(found.size(), ledger.acknowledged.size() + sent_beyond);
    for (auto& [offset, sequence] : found) ASSERT_EQ(std::to_underlying(offset), sequence);
}
Task<std::vector<Offset>> segments_on_disk(Stage& stage) {
    co_return co_await stage.seam.disk.run([&] {
        std::vector<Offset> bases;
        for (auto& entry : stage.directories[0].root->open_directory(name).value()->list().value())
            if (entry.name.ends_with(".log")) bases.push_back(Offset{std::stoll(entry.name.substr(0, 20))});
        return bases;
    });
}
std::vector<Offset> segments_of(const PartitionLog& log) {
    std::vector<Offset> bases;
    for (auto& segment : log.segments()) bases.push_back(segment.base);
    return bases;
}
Task<Result<Recovered>> recovered(Stage& stage, RecoveryPoint point, bool clean = false) {
    auto how = rules;
    how.clean = clean;
    co_return co_await stage.seam.disk.run(
        [&] { return recover(*stage.directories[0].root, name, point, how); });
}

struct Fault {
    Error failure{};      // `failed`, `full` or `exhausted`.
    std::int64_t at = 0;  // Operation of the roll.
    bool met = false;
};

// Fills a segment, and lets the disk refuse something of the next one.
Task<> roll_that_fails(Host& host, sim::Node& node, Fault& fault, Ledger& ledger, bool& ended) {
    Stage stage(host, node);
    auto& partition = stage.partition;
    co_await send_many(stage, ledger, 3, true);
    while (!partition.at_rest()) co_await Timer(stage.seam.loop, Millis(1));
    node.power.failure = fault.failure;
    node.power.fails_at = fault.at;
    auto errors = node.world.disk_errors;
    // Two at once: the second must not go in front of the first.
    std::optional<bool> first;
    auto sequence = ledger.next;
    stage.seam.loop.spawn(send_one(stage, ledger, first));
    auto behind = co_await append(stage, sequence + 1);
    while (!first) co_await Timer(stage.seam.loop, Millis(1));
    fault.met = node.world.disk_errors > errors;
    node.power.fails_at = 0, node.power.full_for = 0, node.power.exhausted_for = 0;
    EXPECT_TRUE(*first || fault.met);
    if (!*first && !stage.budget.failed()) EXPECT_NE(behind.error, ErrorCode::none);
    (void)co_await acknowledged(stage, ledger, sequence + 1, behind);
    if (stage.budget.failed()) {
        EXPECT_EQ(fault.failure, Error::failed);
        EXPECT_FALSE(co_await send(stage, ledger));  // For good.
    } else {
        co_await send_many(stage, ledger, 2);
        co_await send_many(stage, ledger, 7, true);
        EXPECT_EQ(std::size_t(ledger.next), std::size_t(std::to_underlying(partition.log_end().offset)));
        EXPECT_GE(partition.log().segments().size(), 3U);
        EXPECT_EQ(co_await segments_on_disk(stage), segments_of(partition.log()));
        while (!partition.at_rest()) co_await Timer(stage.seam.loop, Millis(1));
        auto found = co_await recovered(stage, partition.recovery_point(), true);
        EXPECT_TRUE(found && !found->damaged && found->bytes_cut == 0);
        if (found) EXPECT_EQ(segments_of(found->log), segments_of(partition.log()));
    }
    while (!partition.at_rest()) co_await Timer(stage.seam.loop, Millis(1));
    ended = true;
}
// The next life, which knows no recovery point, finds it all and goes on.
Task<> look_and_go_on(Host& host, sim::Node& node, Ledger& ledger, bool& ended) {
    Stage stage(host, node);
    auto found = co_await recovered(stage, {});
    bool none = !found && found.error() == Error::missing;
    EXPECT_TRUE(found || (none && ledger.acknowledged.empty()));
    if (found) {
        EXPECT_FALSE(found->damaged);
        // What nobody acknowledged may be there.
        (void)co_await stage.seam.disk.run([&] {
            expect_whole(found->log, ledger, 2);
            return true;
        });
        ledger.next = std::int32_t(std::to_underlying(found->log.end().offset));
        auto states = found->sequences.states();
        EXPECT_EQ(states.empty() ? 0 : states[0].expected, ledger.next);
        if (found->log.exists()) stage.partition.restore(std::move(*found), 0);
    }
    co_await send_many(stage, ledger, 7);
    while (!stage.partition.at_rest()) co_await Timer(stage.seam.loop, Millis(1));
    EXPECT_EQ(std::size_t(ledger.next), std::size_t(std::to_underlying(stage.partition.log_end().offset)));
    EXPECT_EQ(co_await segments_on_disk(stage), segments_of(stage.partition.log()));
    found = co_await recovered(stage, stage.partition.recovery_point());
    EXPECT_TRUE(found && !found->damaged);
    if (found)
        (void)co_await stage.seam.disk.run([&] {
            expect_whole(found->log, ledger, 2);
            return true;
        });
    ended = true;
}

// Until it dies.
Task<> write(Host& host, sim::Node& node, Ledger& ledger) {
    Stage stage(host, node);
    co_await send_many(stage, ledger, 10);
    while (!stage.partition.at_rest()) co_await Timer(stage.seam.loop, Millis(1));
}

void live(sim::World& world, sim::Node& node, std::function<Task<>(Host&)> program) {
    node.program = std::move(program);
    node.boot();
    while (world.step()) {}
}

TEST(PartitionRoll, each_operation_may_fail_and_it_is_made_again) {
    for (auto failure : {Error::failed, Error::full, Error::exhausted}) {
        int met = 0;
        bool through = false;
        for (std::int64_t at = 1; !through; ++at) {
            ASSERT_LT(at, 200);
            through = true;
            for (std::uint64_t seed = 0; seed < 12; ++seed) {
                SCOPED_TRACE(testing::Message()
                             << to_text(failure) << " at operation " << at << ", seed " << seed);
                sim::World world(seed);
                sim::Node node(world, "node", 1);
                Fault fault{failure, at};
                Ledger ledger;
                bool ended = false, again = false;
                live(world, node,
                     [&](Host& host) { return roll_that_fails(host, node, fault, ledger, ended); });
                ASSERT_TRUE(ended);
                met += fault.met;
                through &= !fault.met && at > 30;
                if (seed % 2) node.disk.root->lose(world, sim::Loss(world.disk.below(5)));
                live(world, node, [&](Host& host) { return look_and_go_on(host, node, ledger, again); });
                ASSERT_TRUE(again);
                ASSERT_FALSE(HasFailure());
                EXPECT_EQ(world.open_files, 0);
            }
        }
        EXPECT_GT(met, 20) << to_text(failure);
    }
}

TEST(PartitionRoll, through_every_death_nothing_acknowledged_is_lost) {
    for (bool power_cut : {false, true}) {
        int deaths = 0;
        bool through = false;
        for (std::int64_t at = 1; !through; ++at) {
            ASSERT_LT(at, 500);
            through = true;
            for (std::uint64_t seed = 0; seed < 12; ++seed) {
                SCOPED_TRACE(testing::Message()
                             << "death at " << at << ", power cut " << power_cut << ", seed " << seed);
                sim::World world(seed);
                sim::Node node(world, "node", 1);
                node.dies_without_power = power_cut;
                Ledger ledger;
                bool died = false, again = false;
                node.before_death = [&] { died = true; };
                node.program = [&](Host& host) { return write(host, node, ledger); };
                node.boot();
                node.power.dies_at = at;
                while (world.step()) {}
                through &= !died;
                deaths += died;
                live(world, node, [&](Host& host) { return look_and_go_on(host, node, ledger, again); });
                ASSERT_TRUE(again);
                ASSERT_FALSE(HasFailure());
            }
        }
        EXPECT_GT(deaths, 500);
    }
}

}  // namespace
}  // namespace fulmar
