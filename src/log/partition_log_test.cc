#include "log/partition_log.h"

#include "tests/log/log_world.h"

namespace fulmar {
namespace {

using test::DiskWorld;

class PartitionLogTest : public testing::Test {
protected:
    // "0+61 of 0, 61": position and length of the range, the first batch's offset and size. "-" if empty.
    std::string read(std::int64_t from, std::size_t most, bool at_least_one = false) {
        return read(from, log_.end(), most, at_least_one);
    }
    std::string read(std::int64_t from, LogPoint limit, std::size_t most, bool at_least_one = false) {
        auto found = log_.read(Offset{from}, limit, most, at_least_one);
        if (!found) return "takes a job";
        auto& slice = *found;
        if (!slice) return to_text(slice.error());
        if (slice->range.length == 0) return "-";
        EXPECT_EQ(slice->range.file, partition_.file());
        return std::to_string(slice->range.position) + "+" + std::to_string(slice->range.length) + " of " +
               std::to_string(std::to_underlying(slice->base)) + ", " + std::to_string(slice->first_bytes);
    }
    // Of a batch of one record of such a value.
    static std::size_t size_of(std::size_t value) { return test::produced({.bytes = value}).size(); }

    DiskWorld world_;
    test::Partition partition_{*world_.data};
    PartitionLog& log_ = partition_.log;
};

TEST_F(PartitionLogTest, a_batch_gets_the_offset_at_the_end_and_the_leaders_epoch) {
    EXPECT_EQ(partition_.append({.records = 3}).offset, Offset{3});
    EXPECT_EQ(partition_.append({.records = 1}).offset, Offset{4});
    auto text = test::read_all(*partition_.file());
    EXPECT_EQ(text.size(), log_.end().position);
    auto first = wire::BatchView::whole(bytes_of(text)).value();
    auto second = wire::BatchView::whole(bytes_of(text).subspan(first.size())).value();
    EXPECT_EQ(first.base_offset(), Offset{0});
    EXPECT_EQ(second.base_offset(), Offset{3});
    EXPECT_EQ(second.leader_epoch(), 5);
    EXPECT_TRUE(first.crc_matches() && second.crc_matches());
    EXPECT_EQ(first.size() + second.size(), text.size());
}

TEST_F(PartitionLogTest, a_log_that_does_not_exist_yet_is_read_as_empty) {
    PartitionLog none;
    EXPECT_FALSE(none.exists());
    EXPECT_EQ(test::read(none, Offset{0}, {}, 1000, true)->range.length, 0U);
    EXPECT_EQ(none.view(Offset{0}, {}, 5, test::usual_wall).find_time(Offset{0}, Timestamp{0})->offset,
              Offset{-1});
    EXPECT_EQ(none.view(Offset{0}, {}, 5, test::usual_wall).largest_time(Offset{0}), Timestamp{-1});
    EXPECT_EQ(none.size_bytes(), 0U);
    EXPECT_TRUE(none.write_index());
}

TEST_F(PartitionLogTest, reading_starts_with_the_batch_that_holds_the_offset) {
    auto a = partition_.append({.records = 3}), b = partition_.append({.records = 2});
    auto c = partition_.append();
    auto all = std::to_string(a.position) + "+";
    for (int from : {0, 1, 2})
        EXPECT_EQ(read(from, 10'000),
                  "0+" + std::to_string(c.position) + " of 0, " + std::to_string(a.position));
    for (int from : {3, 4})
        EXPECT_EQ(read(from, 10'000), all + std::to_string(c.position - a.position) + " of 3, " +
                                          std::to_string(b.position - a.position));
    EXPECT_EQ(read(6, 10'000), "-");  // At the end.
    EXPECT_EQ(read(0, b, 10'000), "0+" + std::to_string(b.position) + " of 0, " + std::to_string(a.position));
    EXPECT_EQ(read(5, b, 10'000), "-");
}

// KIP-74: the answer is cut to its bytes, but a first batch that does not fit comes all the same, once.
TEST_F(PartitionLogTest, the_first_batch_is_whole_and_the_last_may_be_cut) {
    auto one = partition_.append().position;
    ASSERT_EQ(partition_.append().position, 2 * one);
    auto first = " of 0, " + std::to_string(one);
    for (std::size_t most = 0; most < one; ++most) {
        ASSERT_EQ(read(0, most), "-") << most;
        ASSERT_EQ(read(0, most, true), "0+" + std::to_string(one) + first) << most;
    }
    for (std::size_t most = one; most <= 2 * one + 1; ++most) {
        auto cut = "0+" + std::to_string(std::min(most, 2 * one)) + first;
        ASSERT_EQ(read(0, most), cut);
        ASSERT_EQ(read(0, most, true), cut);
    }
    EXPECT_EQ(read(0, SIZE_MAX), "0+" + std::to_string(2 * one) + first);
}

// With few entries, which are all in memory, and with many, most of which are on the disk.
TEST_F(PartitionLogTest, every_offset_is_found_through_the_index) {
    for (std::uint64_t interval : {4096, 150}) {
        DiskWorld world;
        test::Partition made(*world.data);
        made.index_interval_bytes = interval;
        std::vector<std::pair<Offset, std::uint64_t>> starts;
        std::size_t most = 0;
        for (int n = 0; n < 400; ++n) {
            starts.emplace_back(made.log.end().offset, made.log.end().position);
            auto bytes = std::size_t(n * 37 % 900);
            made.append({.records = 1 + n % 4, .bytes = bytes});
            most = std::max<std::size_t>(most, made.log.end().position - starts.back().second);
            ASSERT_LE(made.log.unwritten_entries(), 2 * PartitionLog::tail_entries);
        }
        std::size_t batch = 0, by_job = 0;
        for (Offset at{}; at < made.log.end().offset; at = at + 1) {
            while (batch + 1 < starts.size() && starts[batch + 1].first <= at) ++batch;
            by_job += !made.log.read(at, made.log.end(), 1, true);
            auto slice = test::read(made.log, at, made.log.end(), 1, true);
            ASSERT_TRUE(slice);
            ASSERT_EQ(slice->base, starts[batch].first);
            ASSERT_EQ(slice->range.position, starts[batch].second);
        }
        if (interval == 4096) EXPECT_EQ(by_job, 0U);
        else EXPECT_TRUE(by_job > 100 && by_job < std::size_t(std::to_underlying(made.log.end().offset)));

        ASSERT_TRUE(made.log.write_index());
        auto index = Index::open(*made.log.directory(), Offset{0}).value();
        LogPoint last{};
        for (std::uint32_t n = 0; n < index.size(); ++n) {
            auto entry = index.entry(n).value();
            ASSERT_TRUE(std::ranges::binary_search(starts, std::pair(entry.at.offset, entry.at.position)) ||
                        entry.at == made.log.end());
            ASSERT_LT(entry.at.position - last.position, interval + most);  // As close as it was asked for,
            if (entry.at != made.log.end())
                ASSERT_GE(entry.at.position - last.position, interval);  // no closer.
            last = entry.at;
        }
        EXPECT_EQ(last, made.log.end());
    }
}

TEST_F(PartitionLogTest, a_full_disk_leaves_the_log_as_it_was) {
    partition_.append();
    for (int n = 0; n < 40; ++n) {
        auto before = log_.end();
        auto text = test::read_all(*partition_.file());
        world_.power.full_for = 1;
        auto batch = test::produced({.bytes = 300});
        EXPECT_EQ(log_.append(batch, 5, test::usual_wall).error(), Error::full);
        EXPECT_EQ(log_.end(), before);
        EXPECT_EQ(test::read_all(*partition_.file()), text);  // Nothing of it is left behind.
        partition_.append({.bytes = 20});
        EXPECT_EQ(read(std::to_underlying(before.offset), 0, true),
                  std::to_string(before.position) + "+" + std::to_string(size_of(20)) + " of " +
                      std::to_string(std::to_underlying(before.offset)) + ", " + std::to_string(size_of(20)));
    }
}

TEST_F(PartitionLogTest, a_failing_disk_is_told_and_moves_no_end) {
    partition_.append();
    auto before = log_.end();
    world_.power.fails_at = 1;
    auto batch = test::produced({});
    EXPECT_EQ(log_.append(batch, 5, test::usual_wall).error(), Error::failed);
    EXPECT_EQ(log_.end(), before);
}

TEST(PartitionDirectory, names_are_read_back) {
    for (auto* topic : {"a", "orders", "a-1", "a.b-c_", "..-", "3"}) {
        for (std::int32_t index : {0, 7, 9999, INT32_MAX}) {
            PartitionId id{uuid_from(0x1234567890abcdefULL * (unsigned(index) + 1), 3), index};
            EXPECT_EQ(partition_of_directory(partition_directory_name(topic, id)), id) << topic;
        }
    }
    PartitionId id{uuid_from(1, 2), 12};
    auto name = partition_directory_name(std::string(249, 'x'), id);
    EXPECT_LE(name.size(), 255U);  // What a file system takes.
    EXPECT_EQ(partition_of_directory(name), id);
    EXPECT_EQ(partition_directory_name("orders", id), "orders-12." + to_text(id.topic));
}

TEST(PartitionDirectory, other_names_are_none) {
    auto id = to_text(uuid_from(1, 2));
    EXPECT_TRUE(partition_of_directory("orders-0." + id));
    for (auto name : {std::string(), std::string("orders-0"), std::string("lost+found"), id, "." + id,
                      "orders." + id, "-0." + id, "orders-." + id, "orders--1." + id.substr(1),
                      "orders-+1." + id, "orders-1x." + id, "orders-x." + id, "orders-2147483648." + id,
                      "orders-0_" + id, "orders-0." + id.substr(0, 21) + "!", "orders-0." + id + "x"})
        EXPECT_FALSE(partition_of_directory(name)) << name;
}

TEST(LogFile, is_named_by_the_offset_it_starts_at) {
    EXPECT_EQ(log_file_name(Offset{0}), "00000000000000000000.log");
    EXPECT_EQ(log_file_name(Offset{INT64_MAX}), "09223372036854775807.log");
}

TEST(MakeLog, whatever_a_crash_leaves_half_made_is_taken_over) {
    test::at_every_death([](Directory&) {},
                         [](Directory& data) {
                             if (auto made = make_log(data, test::partition_name)) {
                                 auto bytes = bytes_of("acknowledged");
                                 if (data.sync() && made->file->write(0, std::span(&bytes, 1)))
                                     (void)made->file->sync();
                             }
                         },
                         [](Directory& data, bool through) {
                             auto made = make_log(data, test::partition_name);
                             ASSERT_TRUE(made);
                             auto text = test::read_all(*made->file);
                             if (through) EXPECT_EQ(text, "acknowledged");  // Once it is made, it stays.
                             EXPECT_EQ(test::names(data), test::partition_name + "/ ");
                             EXPECT_EQ(test::names(*data.open_directory(test::partition_name).value()),
                                       "00000000000000000000.log ");
                         });
}

}  // namespace
}  // namespace fulmar
