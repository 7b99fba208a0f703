// What tests of `log` stand on: a simulated disk that loses power on request, and batches in a few words.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "log/partition_log.h"
#include "log/recovery.h"
#include "tests/sim/disk.h"
#include "wire/records.h"

namespace fulmar::test {

inline std::string read_all(File& file) {
    std::string text(file.size().value(), '\0');
    EXPECT_EQ(file.read(0, std::as_writable_bytes(std::span(text))), text.size());
    return text;
}
inline void write_all(File& file, std::string_view text) {
    auto bytes = bytes_of(text);
    EXPECT_TRUE(file.truncate(0) && file.write(0, std::span(&bytes, 1)));
}
// "a b/ ": a directory has a slash.
inline std::string names(Directory& directory) {
    std::string all;
    for (auto& entry : directory.list().value()) all += entry.name + (entry.directory ? "/ " : " ");
    return all;
}

template <class T>
std::optional<Error> error_of(const Result<T>& result) {
    return result ? std::nullopt : std::optional(result.error());
}

struct DiskWorld {
    explicit DiskWorld(std::uint64_t seed = 1) : world(seed) { world.looks_per_eviction = 0; }
    // After a power cut or the end of a process: what is there, and the power is on.
    Directory& restart(std::optional<sim::Loss> power_cut = sim::Loss::all_lost) {
        if (power_cut) disk.root->lose(world, *power_cut);
        power = {.state = sim::Power::State::on};
        disk.locks.clear();
        data = sim::open_root(world, power, disk);
        return *data;
    }
    bool died() const { return power.state == sim::Power::State::dying; }

    sim::World world;
    sim::Power power{.state = sim::Power::State::on};
    sim::DiskState disk;
    std::shared_ptr<Directory> data = sim::open_root(world, power, disk);
};

inline const std::vector<std::optional<sim::Loss>> every_loss{
    {}, sim::Loss::all_lost, sim::Loss::all_kept, sim::Loss::some, sim::Loss::torn_512};

// Does `work` in a world of its own again and again: with a death at its first file operation, at its
// second, and so on until it gets through; each with every kind of loss. Then `look`.
template <class Before, class Work, class Look>
void at_every_death(Before before, Work work, Look look,
                    const std::vector<std::optional<sim::Loss>>& losses = every_loss) {
    for (auto loss : losses) {
        bool through = false;
        for (int at = 1; !through; ++at) {
            ASSERT_LT(at, 2000);
            for (std::uint64_t seed = 0; seed < (loss == sim::Loss::some ? 12U : 4U); ++seed) {
                SCOPED_TRACE(testing::Message() << "dies at operation " << at << ", loss "
                                                << (loss ? int(*loss) : -1) << ", seed " << seed);
                DiskWorld world(seed);
                before(*world.data);
                world.power.dies_at = at;
                work(*world.data);
                through = !world.died();
                look(world.restart(loss), through);
                if (testing::Test::HasFatalFailure() || testing::Test::HasNonfatalFailure()) return;
            }
        }
    }
}

// A batch of `records`, each of a value of `bytes`, stamped `stamp`, `stamp` + 1 and so on.
struct BatchOf {
    int records = 1;
    std::size_t bytes = 10;
    std::int64_t stamp = 1000;
    wire::BatchProducer producer{};
    wire::Codec codec = wire::Codec::none;
};
inline wire::ProducedBatch produced(const BatchOf& of) {
    wire::BatchBuilder builder;
    std::string value(of.bytes, 'v');
    for (int n = 0; n < of.records; ++n) builder.add(Timestamp{of.stamp + n}, std::nullopt, bytes_of(value));
    wire::ProducedBatch batch;
    batch.rewritten = builder.finish(of.codec, of.producer);
    std::copy_n(batch.rewritten.begin(), wire::batch_header_bytes, batch.header.begin());
    batch.records = Bytes(batch.rewritten).subspan(wire::batch_header_bytes);
    return batch;
}

// When a partition of these tests appends, unless it is told otherwise.
inline constexpr Timestamp usual_wall{2000};

// A partition in a directory of its own.
inline const std::string partition_name = partition_directory_name("orders", {uuid_from(7, 7), 3});
class Partition {
public:
    explicit Partition(Directory& data) {
        auto made = make_log(data, partition_name).value();
        EXPECT_TRUE(data.sync());
        log.attach(made.directory, made.file);
    }
    explicit Partition(PartitionLog found) : log(std::move(found)) {}
    // The point behind it.
    LogPoint append(const BatchOf& of = {}, Timestamp wall = usual_wall) {
        auto batch = produced(of);
        auto written = log.append(batch, 5, wall, index_interval_bytes);
        EXPECT_TRUE(written);
        return log.end();
    }
    void roll() {
        auto file = make_segment(*log.directory(), log.end().offset);
        EXPECT_TRUE(file && log.write_index());
        log.roll(*file);
    }
    const std::shared_ptr<File>& file() const { return log.segments().back().file; }
    void sync() {
        for (auto& file : log.unsynced_files({})) EXPECT_TRUE(file->sync());
    }
    // Of the end, as a checkpoint has it.
    RecoveryPoint point() const {
        auto place = log.place_of(log.end());
        return {log.end().offset, place.segment, place.position, log.start(), log.newest().appended_before};
    }
    PartitionLog log;
    std::uint64_t index_interval_bytes = Index::usual_interval_bytes;
};

// As a fetch does: at once, or by a job from which the log learns.
inline Result<Slice> read(PartitionLog& log, Offset from, LogPoint limit, std::size_t bytes_max,
                          bool at_least_one, std::int32_t leader_epoch = INT32_MAX) {
    if (auto found = log.read(from, limit, bytes_max, at_least_one)) return *found;
    auto view = log.view(from, limit, leader_epoch, usual_wall, 2);
    auto found = view.read(from, bytes_max, at_least_one);
    for (auto& news : view.news()) log.learn(news);
    return found;
}
inline std::string text_of(const FileRange& range) {
    std::string text(range.length, '\0');
    if (!text.empty())
        EXPECT_EQ(range.file->read(range.position, std::as_writable_bytes(std::span(text))), text.size());
    return text;
}
// Of that partition.
inline std::shared_ptr<File> open_file(Directory& data, const std::string& name) {
    return data.open_directory(partition_name).value()->open(name).value();
}

}  // namespace fulmar::test
