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

struct DiskWorld {
    explicit DiskWorld(std::uint64_t seed = 1) : world(seed) {}
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

// Does `work` in a world of its own again and again: with a death at its first file operation, at its
// second, and so on until it gets through; each with every kind of loss. Then `look`.
template <class Before, class Work, class Look>
void at_every_death(Before before, Work work, Look look) {
    for (auto loss :
         {std::optional<sim::Loss>(), std::optional(sim::Loss::all_lost), std::optional(sim::Loss::all_kept),
          std::optional(sim::Loss::some), std::optional(sim::Loss::torn_512)}) {
        bool through = false;
        for (int at = 1; !through; ++at) {
            ASSERT_LT(at, 200);
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

// A partition in a directory of its own.
inline const std::string partition_name = partition_directory_name("orders", {uuid_from(7, 7), 3});
class Partition {
public:
    explicit Partition(Directory& data) { log.attach(make_log(data, partition_name).value()); }
    // The point behind it.
    LogPoint append(const BatchOf& of = {}) {
        auto batch = produced(of);
        auto written = log.append(batch, 5);
        EXPECT_TRUE(written);
        return log.end();
    }
    PartitionLog log;
};

}  // namespace fulmar::test
