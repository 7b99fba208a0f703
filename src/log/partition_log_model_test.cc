// A log against a model in memory: appends, rolls, reads, searches, deletions in front, kills and power cuts
// by chance, from one seed.
#include <map>
#include <random>

#include "log/partition_files.h"
#include "log/producer_snapshot.h"
#include "tests/log/log_world.h"

namespace fulmar {
namespace {

using test::DiskWorld, test::partition_name;

class Model {
public:
    explicit Model(std::uint64_t seed) : world_(seed), random_(seed) {
        auto made = make_log(*world_.data, partition_name).value();
        EXPECT_TRUE(world_.data->sync());
        log_.attach(made.directory, made.file);
    }
    void step() {
        auto dice = below(100);
        if (dice < 55) append();
        else if (dice < 65) sync();
        else if (dice < 70) roll();
        else if (dice < 85) read();
        else if (dice < 91) find_time();
        else if (dice < 94) snapshot();
        else if (dice < 96) advance();
        else if (dice < 98) checkpoint();
        else restart();
    }
    std::string summary() const {
        return std::to_string(lives_) + " lives, " + std::to_string(lost_) + " batches lost, " +
               std::to_string(deleted_) + " segments deleted";
    }
    int lives_ = 0, lost_ = 0, deleted_ = 0, by_job_ = 0, read_ = 0;

private:
    struct Batch {
        Offset next;
        std::string text;
        std::vector<std::int64_t> stamps;
    };
    std::uint64_t below(std::uint64_t n) { return random_() % n; }
    Offset any_offset() {
        auto span = std::uint64_t(log_.end().offset - log_.start());
        return log_.start() + std::int64_t(below(span + 1));
    }

    void append() {
        test::BatchOf of{.records = 1 + int(below(3)),
                         .bytes = below(8) == 0 ? below(3000) : below(60),
                         .stamp = std::int64_t(below(10'000)),
                         .producer = {ProducerId{std::int64_t(below(3))}, 0, 0}};
        auto& next = next_[of.producer.id];
        of.producer.base_sequence = next;
        auto batch = test::produced(of);
        auto base = log_.end().offset;
        bool full = below(20) == 0;
        if (full) world_.power.full_for = 1;
        auto written = log_.append(batch, 5, test::usual_wall, interval_);
        world_.power.full_for = 0;
        if (!written) {
            ASSERT_EQ(written.error(), Error::full);
            ASSERT_EQ(log_.end().offset, base);
            return;
        }
        next += of.records;
        sequences_.appended(Sequences::Batch::of(batch.view()), {});
        Batch kept{log_.end().offset, std::string(batch.size(), '\0'), {}};
        std::memcpy(kept.text.data(), batch.header.data(), batch.header.size());
        std::memcpy(kept.text.data() + batch.header.size(), batch.records.data(), batch.records.size());
        for (int n = 0; n < of.records; ++n) kept.stamps.push_back(of.stamp + n);
        batches_[base] = std::move(kept);
    }
    void sync() {
        for (auto& file : log_.unsynced_files(durable_)) ASSERT_TRUE(file->sync());
        durable_ = log_.end();
    }
    RecoveryPoint durable_point() const {
        auto place = log_.place_of(durable_);
        return {durable_.offset, place.segment, place.position, log_.start(), Timestamp{-1}};
    }
    // What a checkpoint knows survives whatever happens.
    void checkpoint() {
        point_ = durable_point();
        for (auto base : gone_) ASSERT_TRUE(remove_segment(*log_.directory(), base));
        gone_.clear();
    }
    void roll() {
        if (log_.newest().at.position == 0) return;
        auto base = log_.end().offset;
        ASSERT_TRUE(write_snapshot(*log_.directory(), {base, base, 0, sequences_.states()}, true, base));
        auto file = make_segment(*log_.directory(), base);
        ASSERT_TRUE(file && log_.write_index());
        log_.roll(*file);
    }
    void snapshot() {
        auto place = log_.place_of(log_.end());
        ASSERT_TRUE(write_snapshot(*log_.directory(),
                                   {log_.end().offset, place.segment, place.position, sequences_.states()},
                                   false, place.segment));
    }
    void advance() {
        auto to = log_.start() + std::int64_t(below(std::uint64_t(durable_.offset - log_.start()) + 1));
        if (below(2) && log_.segments().size() > 1) to = std::min(log_.segments()[1].base, durable_.offset);
        for (auto& segment : log_.advance_start(to)) gone_.push_back(segment.base), ++deleted_;
        ASSERT_EQ(log_.start(), to);
    }
    void read() {
        auto from = any_offset();
        auto limit = log_.end();
        if (below(2)) {  // Some boundary behind it.
            auto at = batches_.lower_bound(from);
            for (auto n = below(5); n > 0 && at != batches_.end(); --n) ++at;
            if (at != batches_.end()) limit = {at->first, position_of(at->first)};
        }
        std::size_t most = below(3) == 0 ? below(100'000) : below(400);
        bool at_least_one = below(2);
        by_job_ += !log_.read(from, limit, most, at_least_one), ++read_;
        auto slice = test::read(log_, from, limit, most, at_least_one, 5);
        ASSERT_TRUE(slice);
        if (from == limit.offset) {
            ASSERT_EQ(slice->range.length, 0U);
            return;
        }
        auto batch = std::prev(batches_.upper_bound(from));
        auto size = batch->second.text.size();
        if (most < size && !at_least_one) {
            ASSERT_EQ(slice->range.length, 0U);
            return;
        }
        ASSERT_EQ(slice->base, batch->first);
        ASSERT_EQ(slice->first_bytes, size);
        auto text = test::text_of(slice->range);
        ASSERT_LE(text.size(), std::max(most, size));
        std::string expected;
        auto until = log_.segments().back().base;  // Of its segment.
        for (auto& segment : log_.segments())
            if (segment.base > batch->first) {
                until = segment.base;
                break;
            }
        if (until <= batch->first) until = limit.offset;
        until = std::min(until, limit.offset);
        for (auto at = batch; at != batches_.end() && at->first < until; ++at) expected += at->second.text;
        ASSERT_EQ(text, expected.substr(0, std::max(most, size)));
    }
    std::uint64_t position_of(Offset at) {
        std::uint64_t position = log_.end().position;
        for (auto batch = batches_.lower_bound(at); batch != batches_.end(); ++batch)
            position -= batch->second.text.size();
        return position;
    }
    void find_time() {
        Timestamp at{std::int64_t(below(10'100))};
        auto from = log_.start();
        auto view = log_.view(from, log_.end(), 5, test::usual_wall);
        auto found = view.find_time(from, at);
        auto largest = view.largest_time(Offset{0});
        for (auto& news : view.news()) log_.learn(news);
        ASSERT_TRUE(found && largest);
        auto expected = Offset{-1};
        Timestamp most{-1};
        for (auto& [base, batch] : batches_) {
            // A segment is there as a whole; batches in front of the start are not found all the same.
            if (base >= log_.segments().front().base)
                most = std::max(most, Timestamp{std::ranges::max(batch.stamps)});
            for (std::size_t n = 0; n < batch.stamps.size(); ++n) {
                auto offset = base + std::int64_t(n);
                if (expected < Offset{0} && offset >= from && Timestamp{batch.stamps[n]} >= at)
                    expected = offset;
            }
        }
        ASSERT_EQ(found->offset, expected);
        ASSERT_EQ(*largest, most);
    }
    void restart() {
        ++lives_;
        bool clean = below(4) == 0, power_cut = !clean && below(2) == 0;
        auto start = log_.start();
        if (clean) {
            sync();
            if (below(2)) ASSERT_TRUE(log_.write_index());
            point_ = durable_point();
        }
        auto durable = durable_, end = log_.end();
        log_ = {};
        std::optional<sim::Loss> loss;
        constexpr sim::Loss losses[] = {sim::Loss::all_lost, sim::Loss::all_kept, sim::Loss::some,
                                        sim::Loss::torn_512, sim::Loss::torn_4096};
        if (power_cut) loss = losses[below(5)];
        world_.restart(loss);
        interval_ = std::array{1, 100, 1000, 4096}[below(4)];
        auto found =
            recover(*world_.data, partition_name, point_,
                    {.clean = clean, .leader_epoch_max = 5, .index_interval_bytes = interval_, .clocks = {}});
        ASSERT_TRUE(found);
        ASSERT_FALSE(found->damaged);
        log_ = std::move(found->log);
        gone_.clear();
        ASSERT_GE(log_.end().offset, durable.offset);  // Nothing durable is lost,
        ASSERT_LE(log_.end().offset, end.offset);      // and nothing comes from nowhere.
        if (!power_cut) ASSERT_EQ(log_.end().offset, end.offset);
        ASSERT_EQ(log_.start(), point_.log_start);  // What no checkpoint knew is not deleted.
        ASSERT_LE(log_.start(), start);
        while (!batches_.empty() && batches_.rbegin()->second.next > log_.end().offset)
            batches_.erase(std::prev(batches_.end())), ++lost_;
        durable_ = log_.end();
        // Producers are those of what is there; of what was deleted at least those that the snapshots knew.
        Sequences of_all;
        for (auto& [base, batch] : batches_)
            of_all.appended(Sequences::Batch::of(wire::BatchView(bytes_of(batch.text))), {});
        sequences_ = std::move(found->sequences);
        std::map<std::int64_t, std::int32_t> seen;
        for (auto& state : sequences_.states()) seen[std::to_underlying(state.id)] = state.expected;
        next_.clear();
        for (auto& state : of_all.states()) {
            ASSERT_TRUE(seen.contains(std::to_underlying(state.id)));
            ASSERT_EQ(seen[std::to_underlying(state.id)], state.expected);
            next_[state.id] = state.expected;
        }
        // All of it is there.
        for (auto& [base, batch] : batches_) {
            if (batch.next <= log_.start()) continue;
            auto from = std::max(base, log_.start());
            auto slice = test::read(log_, from, log_.end(), batch.text.size(), true, 5);
            ASSERT_TRUE(slice);
            ASSERT_EQ(test::text_of(slice->range), batch.text);
        }
    }

    DiskWorld world_;
    std::mt19937_64 random_;
    PartitionLog log_;
    Sequences sequences_;
    std::map<Offset, Batch> batches_;  // From the beginning, by their first offsets.
    std::map<ProducerId, std::int32_t> next_;
    LogPoint durable_;
    RecoveryPoint point_;
    std::vector<Offset> gone_;
    std::uint64_t interval_ = 100;
};

TEST(PartitionLogModel, agrees_with_a_model_in_memory_through_crashes) {
    int lives = 0, lost = 0, deleted = 0, by_job = 0, read = 0;
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        Model model(seed);
        for (int n = 0; n < 400; ++n) {
            model.step();
            ASSERT_FALSE(testing::Test::HasFailure())
                << "seed " << seed << ", step " << n << ": " << model.summary();
        }
        lives += model.lives_, lost += model.lost_, deleted += model.deleted_;
        by_job += model.by_job_, read += model.read_;
    }
    // Each of these happened often.
    EXPECT_GT(lives, 300);
    EXPECT_GT(lost, 100);
    EXPECT_GT(deleted, 100);
    EXPECT_TRUE(by_job > read / 10 && by_job < read) << by_job << " of " << read;
}

}  // namespace
}  // namespace fulmar
