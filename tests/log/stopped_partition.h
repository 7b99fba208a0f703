// A partition as a stop of the broker has left it, to be spoilt, looked at and mended: what tests of verify
// and repair stand on.
#pragma once

#include "log/producer_snapshot.h"
#include "log/repair.h"
#include "tests/log/log_world.h"

namespace fulmar::test {

inline const PartitionId orders{uuid_from(7, 7), 3};
inline const DirectoryMeta ours{uuid_from(1, 1), uuid_from(2, 2), BrokerId{1}};
inline constexpr Clocks clocks{.now = Instant{5}, .wall = Timestamp{9000}};

inline std::expected<DataDirectory, std::string> look(DiskWorld& world, bool finish = true) {
    world.disk.locks.clear();
    auto opened = DataDirectory::open_to_look(world.data, "/data", "process 1", finish);
    if (!opened) return std::unexpected(opened.error().why);
    return std::move(*opened);
}

// A log of three segments of ten batches of two records each, as a stop has left it.
class StoppedPartition : public testing::Test {
protected:
    StoppedPartition() { write(world_); }

    void write(DiskWorld& world, bool clean = true) {
        auto founded = DataDirectory::open(world.data, "/data", ours, "process 1");
        ASSERT_TRUE(founded);
        Partition made(*world.data);
        made.index_interval_bytes = 300;
        ends_.clear();
        for (int n = 0; n < 30; ++n) {
            if (n == 10 || n == 20) {
                snapshot(made, n);
                made.roll();
            }
            ends_.push_back(made.append(
                {.records = 2, .bytes = 50, .stamp = 1000 + n, .producer = {ProducerId{4}, 0, 2 * n}}));
            if (n == 24) snapshot(made, 25);
        }
        ASSERT_TRUE(made.log.write_index());
        made.sync();
        ASSERT_TRUE(made.log.segments().back().index.file()->sync());
        point_ = made.point();
        DataDirectory::Points points{{orders, point_}};
        ASSERT_TRUE(clean ? founded->close_clean(points, Timestamp{8000})
                          : founded->write_checkpoint(points, Timestamp{8000}));
        ASSERT_TRUE(made.log.directory()->sync() && world.data->sync());
    }
    // Of what the first `batches` have written.
    static void snapshot(Partition& made, int batches) {
        ProducerSnapshot taken;
        taken.offset = made.log.end().offset;
        auto place = made.log.place_of(made.log.end());
        bool rolls = batches % 10 == 0;
        taken.segment = rolls ? taken.offset : place.segment;
        taken.position = rolls ? 0 : place.position;
        taken.producers = {{.id = ProducerId{4}, .epoch = 0, .expected = 2 * batches, .batches = {}}};
        ASSERT_TRUE(write_snapshot(*made.log.directory(), taken, true, taken.segment));
    }

    std::string text(DiskWorld& world, const std::string& name) {
        return read_all(*open_file(*world.data, name));
    }
    void put(DiskWorld& world, const std::string& name, std::string_view bytes) {
        auto file = open_file(*world.data, name);
        write_all(*file, bytes);
        ASSERT_TRUE(file->sync());
    }
    // Turns a byte of the n-th batch over, `at` from its start.
    void spoil(DiskWorld& world, int n, std::size_t at) {
        auto base = Offset{n / 10 * 20};
        auto bytes = text(world, log_file_name(base));
        bytes[batch_bytes() * std::size_t(n % 10) + at] ^= 0x10;
        put(world, log_file_name(base), bytes);
    }
    std::size_t batch_bytes() const { return ends_[0].position; }
    void remove(DiskWorld& world, const std::string& name) {
        auto directory = world.data->open_directory(partition_name).value();
        ASSERT_TRUE(directory->remove(name) && directory->sync());
    }

    static std::int32_t epoch_of(std::string_view batch) {
        return load_big<std::int32_t>(bytes_of(batch).data() + 12);
    }

    static Result<PartitionAudit> audit(const DataDirectory& data) {
        bool there = data.partitions().contains(orders);
        return audit_partition(*data.root(), orders, there ? data.partitions().at(orders) : "",
                               data.recovery_point(orders),
                               {.clean = data.was_clean(), .checkpoint_damaged = data.checkpoint_damaged()});
    }
    std::vector<Damage> damage(DiskWorld& world) {
        auto data = look(world);
        EXPECT_TRUE(data) << (data ? "" : data.error());
        auto found = audit(*data);
        EXPECT_TRUE(found);
        return found->damage;
    }
    // Gives what it says it does.
    std::vector<std::string> mend(DiskWorld& world) {
        auto data = look(world);
        EXPECT_TRUE(data) << (data ? "" : data.error());
        auto found = audit(*data);
        EXPECT_TRUE(found);
        auto decided = repair_of(*found, data->was_clean());
        EXPECT_TRUE(decided);
        if (!decided) return {};
        EXPECT_EQ(error_of(repair(*data, {*decided}, clocks)), std::nullopt);
        return decided->says;
    }
    // As a broker does, which serves all but `lost`.
    Recovered served(DiskWorld& world, std::vector<int> lost, bool clean = true) {
        world.disk.locks.clear();
        auto data = DataDirectory::open(world.data, "/data", ours, "process 1");
        EXPECT_TRUE(data) << (data ? "" : data.error().why);
        EXPECT_EQ(data->was_clean(), clean);
        auto found = recover(*world.data, data->partitions().at(orders), data->recovery_point(orders),
                             {.clean = clean, .clocks = clocks});
        EXPECT_TRUE(found);
        EXPECT_FALSE(found->damaged);
        auto& log = found->log;
        for (Offset at = log.start(); at < log.end().offset;) {
            auto slice = read(log, at, log.end(), 1 << 20, true);
            EXPECT_TRUE(slice) << std::to_underlying(at);
            if (!slice) break;
            auto bytes = text_of(slice->range);
            for (Bytes left = bytes_of(bytes); left.size() >= wire::batch_header_bytes;) {
                auto batch = wire::BatchView::whole(left);
                if (!batch) break;
                EXPECT_TRUE(batch->crc_matches());
                auto is_lost = [&] {
                    return std::ranges::find(lost, std::to_underlying(at) / 2) != lost.end();
                };
                // A hole comes only where nothing else follows.
                while (at < batch->base_offset() && is_lost()) at = at + 2;
                EXPECT_EQ(batch->base_offset(), at);
                if (at < Offset{60}) EXPECT_EQ(batch->count() == 0, is_lost()) << std::to_underlying(at);
                at = batch->next_offset();
                left = left.subspan(batch->size());
            }
        }
        return std::move(*found);
    }

    DiskWorld world_;
    std::vector<LogPoint> ends_;
    RecoveryPoint point_;
};

}  // namespace fulmar::test
