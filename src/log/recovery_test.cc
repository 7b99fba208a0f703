#include "log/recovery.h"

#include "tests/log/log_world.h"

namespace fulmar {
namespace {

using test::DiskWorld, test::partition_name;
constexpr RecoveryRules after_kill{.leader_epoch_max = 5, .clocks = {Instant{5000}, Timestamp{3000}}};
constexpr RecoveryRules after_clean_stop{
    .clean = true, .leader_epoch_max = 5, .clocks = {Instant{5000}, Timestamp{3000}}};

// A log of five batches on a disk, for one damage at a time.
class RecoveryTest : public testing::Test {
protected:
    RecoveryTest() {
        test::Partition made(*world_.data);
        for (int n = 0; n < 5; ++n)
            ends_.push_back(made.append({.records = 1 + n % 2,
                                         .bytes = std::size_t(20 + n),
                                         .stamp = 1000 - n,
                                         .producer = {ProducerId{4}, 0, sequence(n)}}));
        whole_ = test::read_all(*made.file());
        EXPECT_TRUE(made.file()->sync());
    }
    static std::int32_t sequence(int batch) { return std::array{0, 1, 3, 4, 6}[std::size_t(batch)]; }
    File& file() {
        file_ = world_.data->open_directory(partition_name).value()->open(log_file_name(Offset{0})).value();
        return *file_;
    }
    void lies(std::string_view text) {
        test::write_all(file(), text);
        EXPECT_TRUE(file_->sync());
    }
    Recovered recovered(RecoveryPoint point = {}, RecoveryRules rules = after_kill) {
        auto found = recover(*world_.data, partition_name, point, rules);
        EXPECT_TRUE(found);
        return found ? std::move(*found) : Recovered{};
    }
    // The last boundary at or in front of a position, and how many batches lie there.
    std::size_t batches_before(std::uint64_t position) const {
        return std::size_t(std::ranges::upper_bound(ends_, position, {}, &LogPoint::position) -
                           ends_.begin());
    }
    LogPoint end_of(std::size_t batches) const { return batches == 0 ? LogPoint{} : ends_[batches - 1]; }
    RecoveryPoint behind(std::size_t batches) const {
        return {.offset = end_of(batches).offset, .position = end_of(batches).position};
    }
    // The producer's next batch must follow the last that was kept.
    void expect_sequences(const Recovered& found, std::size_t batches) const {
        Sequences::Batch next{ProducerId{4}, 0, 8, 8, {}, {}};
        EXPECT_EQ(found.sequences.size(), batches == 0 ? 0U : 1U);
        if (batches == 0) return;
        auto last = sequence(int(batches - 1));
        next.first_sequence = next.last_sequence = last + 1 + int(batches - 1) % 2;
        EXPECT_EQ(found.sequences.judge(next).verdict, Sequences::Verdict::next);
        next.first_sequence = last, next.last_sequence = last + int(batches - 1) % 2;
        auto judged = found.sequences.judge(next);
        EXPECT_EQ(judged.verdict, Sequences::Verdict::duplicate);
        EXPECT_EQ(judged.known.last_offset, end_of(batches).offset + -1);
    }
    std::string quarantine() {
        auto directory = world_.data->open_directory("quarantine");
        return directory ? test::names(**directory) : "none";
    }
    // `batches` are kept and the rest is cut off the file.
    void expect_cut(const Recovered& found, std::size_t batches, std::size_t size) {
        auto end = end_of(batches);
        EXPECT_EQ(found.log.end(), end);
        EXPECT_FALSE(found.damaged);
        EXPECT_EQ(found.bytes_cut, size - end.position);
        EXPECT_EQ(test::read_all(file()), whole_.substr(0, end.position));
        expect_sequences(found, batches);
    }
    // Nobody knows its end. It is served up to there, and every byte stays where it is.
    void expect_end_lost(const Recovered& found, std::size_t batches, std::string_view text) {
        EXPECT_TRUE(found.damaged);
        EXPECT_EQ(found.log.end(), end_of(batches));
        expect_sequences(found, batches);
        EXPECT_EQ(found.bytes_cut, 0U);
        EXPECT_EQ(test::read_all(file()), text);
        EXPECT_EQ(quarantine(), "none");
    }

    DiskWorld world_;
    std::vector<LogPoint> ends_;
    std::string whole_;
    std::shared_ptr<File> file_;
};

TEST_F(RecoveryTest, a_whole_log_is_found_whole) {
    for (bool clean : {false, true}) {
        auto found = recovered(behind(5), clean ? after_clean_stop : after_kill);
        EXPECT_EQ(found.log.end(), ends_.back());
        EXPECT_FALSE(found.damaged);
        EXPECT_EQ(found.bytes_cut, 0U);
        EXPECT_FALSE(found.loss_possible);
        expect_sequences(found, 5);
        auto slice = test::read(found.log, Offset{0}, found.log.end(), SIZE_MAX, false);
        EXPECT_EQ(slice->range.length, whole_.size());
    }
    EXPECT_EQ(quarantine(), "none");
}

TEST_F(RecoveryTest, cut_at_every_byte_it_ends_with_the_last_whole_batch) {
    for (std::size_t have = ends_[1].position; have <= whole_.size(); ++have) {
        lies(whole_.substr(0, have));
        auto found = recovered(behind(2));
        expect_cut(found, batches_before(have), have);
        EXPECT_FALSE(found.loss_possible) << have;
        ASSERT_FALSE(HasFailure()) << have;
    }
    EXPECT_EQ(quarantine(), "none");  // A torn tail is no riddle.
}

TEST_F(RecoveryTest, cut_below_the_recovery_point_or_after_a_clean_stop_its_end_is_lost) {
    for (std::size_t have = ends_[1].position; have < whole_.size(); ++have) {
        auto text = whole_.substr(0, have);
        auto batches = batches_before(have);
        RecoveryPoint just_behind{.offset = end_of(batches).offset + 1, .position = have + 1};
        for (auto& [point, rules] : {std::pair(behind(5), after_kill), std::pair(behind(5), after_clean_stop),
                                     std::pair(just_behind, after_kill)}) {
            lies(text);
            expect_end_lost(recovered(point, rules), batches, text);
        }
        if (have == end_of(batches).position) continue;
        lies(text);  // All that the point vouches for is there; but a clean stop leaves nothing torn.
        expect_end_lost(recovered(behind(batches), after_clean_stop), batches, text);
        ASSERT_FALSE(HasFailure()) << have;
    }
}

TEST_F(RecoveryTest, flipped_at_every_byte_it_ends_in_front_of_that_batch_and_what_is_cut_is_kept) {
    int cuts = 0;
    for (std::size_t at = ends_[1].position; at < whole_.size(); ++at) {
        auto text = whole_;
        text[at] = char(text[at] ^ 0x10);
        auto batches = batches_before(at);
        auto in_batch = at - end_of(batches).position;
        bool of_epoch = in_batch >= 12 && in_batch < 16;  // Under no checksum; but none was so late.
        if (of_epoch) {
            auto any_epoch = after_kill;
            any_epoch.leader_epoch_max = INT32_MAX;
            lies(text);
            EXPECT_EQ(recovered({}, any_epoch).log.end(), ends_.back());
        }
        lies(text);
        auto found = recovered();
        expect_cut(found, batches, text.size());
        // Behind the last one nothing follows; but that itself is a batch, if only its offset has grown, or
        // its epoch.
        bool follows = batches < 4 || (in_batch >= 4 && in_batch < 8) || of_epoch;
        EXPECT_EQ(found.loss_possible, follows) << at;
        if (follows) {
            auto kept = world_.data->open_directory("quarantine").value();
            auto name =
                partition_name + "." + std::to_string(std::to_underlying(end_of(batches).offset)) + ".cut.";
            int copies = 0;
            for (auto& entry : kept->list().value()) copies += entry.name.starts_with(name);
            auto last = kept->open(name + std::to_string(copies - 1));
            ASSERT_TRUE(last);
            EXPECT_EQ(test::read_all(**last), text.substr(end_of(batches).position));
            ++cuts;
        }
        ASSERT_FALSE(HasFailure()) << at;
    }
    // One is never written over another.
    EXPECT_EQ(cuts, int(world_.data->open_directory("quarantine").value()->list()->size()));
}

// Below the recovery point damage costs its own batch: nothing is cut, and the log goes on where it was.
TEST_F(RecoveryTest, flipped_below_the_recovery_point_only_that_batch_is_lost) {
    for (std::size_t at = 0; at < whole_.size(); ++at) {
        auto text = whole_;
        text[at] = char(text[at] ^ 0x10);
        auto hit = batches_before(at);
        for (auto& rules : {after_kill, after_clean_stop}) {
            lies(text);
            auto found = recovered(behind(5), rules);
            EXPECT_FALSE(found.damaged);
            EXPECT_EQ(found.log.end(), ends_.back());
            EXPECT_EQ(found.bytes_cut, 0U);
            EXPECT_EQ(test::read_all(file()), text);
            EXPECT_EQ(quarantine(), "none");
            for (std::size_t n = 0; n < 5; ++n) {
                for (auto offset = end_of(n).offset; offset < end_of(n + 1).offset; offset = offset + 1) {
                    auto slice = test::read(found.log, offset, found.log.end(), 1, true, 5);
                    if (n == hit) {
                        EXPECT_EQ(test::error_of(slice), Error::damaged);
                    } else {
                        ASSERT_TRUE(slice);
                        EXPECT_EQ(slice->range.position, end_of(n).position);
                    }
                }
            }
            test::Partition goes_on(std::move(found.log));
            goes_on.append();
            EXPECT_EQ(test::read(goes_on.log, ends_.back().offset, goes_on.log.end(), 1, true)->base,
                      ends_.back().offset);
        }
        ASSERT_FALSE(HasFailure()) << at;
    }
}

TEST_F(RecoveryTest, zeros_behind_the_end_are_a_torn_tail) {
    for (std::size_t zeros : {1UL, 60UL, 61UL, 5000UL, 200'000UL}) {
        lies(whole_ + std::string(zeros, '\0'));
        auto found = recovered(behind(5));
        expect_cut(found, 5, whole_.size() + zeros);
        EXPECT_FALSE(found.loss_possible);
    }
}

TEST_F(RecoveryTest, a_batch_of_another_place_is_not_taken_for_the_next) {
    auto other = whole_.substr(0, ends_[0].position);  // Offset 0 again, behind offset 7.
    lies(whole_ + other);
    auto found = recovered();
    expect_cut(found, 5, whole_.size() + other.size());
    EXPECT_FALSE(found.loss_possible);                                             // An old one is no loss.
    lies(whole_.substr(0, ends_[2].position) + whole_.substr(ends_[3].position));  // One is missing.
    found = recovered();
    expect_cut(found, 3, whole_.size() - (ends_[3].position - ends_[2].position));
    EXPECT_TRUE(found.loss_possible);
}

TEST_F(RecoveryTest, a_valid_batch_is_seen_however_far_behind_the_damage) {
    for (std::size_t hole : {1UL, 60UL, 61UL, 65'000UL, 65'536UL, 70'000UL, 1'100'000UL, 3'000'000UL}) {
        auto text =
            whole_.substr(0, ends_[3].position) + std::string(hole, '\2') + whole_.substr(ends_[3].position);
        lies(text);
        auto found = recovered();
        expect_cut(found, 4, text.size());
        EXPECT_TRUE(found.loss_possible) << hole;
        auto name = partition_name + "." + std::to_string(std::to_underlying(ends_[3].offset)) + ".cut.0";
        auto kept = world_.data->open_directory("quarantine").value();
        EXPECT_EQ(test::read_all(*kept->open(name).value()), text.substr(ends_[3].position));
        EXPECT_TRUE(kept->remove(name));
    }
}

TEST_F(RecoveryTest, recovered_once_it_is_found_the_same_again) {
    lies(whole_.substr(0, ends_[3].position + 30));
    auto first = recovered();
    world_.restart(sim::Loss::all_lost);  // What was kept, and the cut, are durable.
    auto second = recovered();
    EXPECT_EQ(second.log.end(), first.log.end());
    EXPECT_EQ(second.bytes_cut, 0U);
    EXPECT_EQ(test::read_all(file()), whole_.substr(0, ends_[3].position));
}

TEST_F(RecoveryTest, what_a_kill_left_in_the_page_cache_is_durable_before_it_is_served) {
    test::write_all(file(), whole_ + whole_.substr(0, 20));  // Nothing of it is synced.
    expect_cut(recovered(), 5, whole_.size() + 20);
    world_.restart(sim::Loss::all_lost);
    EXPECT_EQ(test::read_all(file()), whole_);
}

TEST_F(RecoveryTest, bytes_that_a_failed_sync_left_in_the_cache_are_not_believed) {
    // Written, and the sync failed: the cache shows the batch, the disk does not have it.
    int lost = 0;
    for (int n = 0; n < 20; ++n) {
        lies(whole_.substr(0, ends_[3].position));
        auto last = bytes_of(whole_).subspan(ends_[3].position);
        ASSERT_TRUE(file_->write(ends_[3].position, std::span(&last, 1)));
        world_.power.fails_at = 1;
        ASSERT_FALSE(file_->sync());
        world_.restart(std::nullopt);
        auto end = recovered().log.end();
        auto disk = world_.restart(sim::Loss::all_lost)
                        .open_directory(partition_name)
                        .value()
                        ->open(log_file_name(Offset{0}))
                        .value();
        EXPECT_EQ(disk->size(), end.position);
        lost += end == ends_[3];
    }
    EXPECT_GT(lost, 0);
}

TEST_F(RecoveryTest, a_partition_without_a_file_is_empty_or_damaged) {
    ASSERT_TRUE(world_.data->open_directory(partition_name).value()->remove(log_file_name(Offset{0})));
    auto found = recovered();
    EXPECT_FALSE(found.log.exists());
    EXPECT_FALSE(found.damaged);
    auto lost = recovered(behind(1));
    EXPECT_TRUE(lost.damaged);
    EXPECT_EQ(lost.log.end(), LogPoint{});
    ASSERT_TRUE(world_.data->remove(partition_name));
    EXPECT_EQ(recover(*world_.data, partition_name, {}, after_kill).error(), Error::missing);
}

TEST_F(RecoveryTest, an_empty_file_is_an_empty_log) {
    lies("");
    auto found = recovered();
    EXPECT_TRUE(found.log.exists());
    EXPECT_EQ(found.log.end(), LogPoint{});
    EXPECT_EQ(found.log.view(Offset{0}, {}, 5, test::usual_wall).find_time(Offset{0}, Timestamp{0})->offset,
              Offset{-1});
    expect_end_lost(recovered(behind(1)), 0, "");
}

TEST_F(RecoveryTest, a_disk_that_fails_is_told_and_nothing_is_cut) {
    auto text = whole_.substr(0, ends_[3].position + 30);
    for (int at = 1;; ++at) {
        lies(text);
        world_.power.fails_at = at;
        auto found = recover(*world_.data, partition_name, behind(4), after_kill);
        if (world_.power.fails_at > 0) break;
        EXPECT_FALSE(found) << at;
        EXPECT_TRUE(test::read_all(file()).starts_with(whole_.substr(0, ends_[3].position)));
        ASSERT_LT(at, 50);
    }
}

TEST(Recovery, rebuilds_the_index_that_the_log_had) {
    DiskWorld world;
    test::Partition made(*world.data);
    made.index_interval_bytes = 300;
    for (int n = 0; n < 500; ++n)
        made.append({.records = 1 + n % 3, .bytes = std::size_t(n * 37 % 900), .stamp = n * 7919 % 3000});
    auto rules = after_kill;
    rules.index_interval_bytes = 300;
    auto find = [](const PartitionLog& log, int stamp) {
        auto found =
            log.view(Offset{0}, log.end(), 5, test::usual_wall).find_time(Offset{0}, Timestamp{stamp});
        EXPECT_TRUE(found);
        return found->offset;
    };
    std::vector<Offset> times;
    for (int stamp = -1; stamp < 3100; stamp += 50) times.push_back(find(made.log, stamp));
    auto index_text = [&] {
        return test::read_all(*test::open_file(*world.data, index_file_name(Offset{0})));
    };
    ASSERT_TRUE(made.log.write_index());
    auto written = index_text();
    auto found = recover(*world.data, partition_name, {}, rules);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->log.end(), made.log.end());
    for (int stamp = -1; stamp < 3100; stamp += 50)
        ASSERT_EQ(find(found->log, stamp), times[std::size_t((stamp + 1) / 50)]);
    ASSERT_TRUE(found->log.write_index());
    auto anew = index_text();
    ASSERT_EQ(anew.size(), written.size());
    for (std::size_t at = 0; at < anew.size(); at += Index::entry_bytes)  // But for when it was appended.
        ASSERT_EQ(anew.substr(at, 16), written.substr(at, 16));
    auto batch = test::produced({});  // And it goes on where it was.
    ASSERT_TRUE(found->log.append(batch, 6, test::usual_wall));
    EXPECT_EQ(batch.view().base_offset(), made.log.end().offset);
}

// A header that claims more bytes than are read at a time, and is none: the search goes on right behind it.
TEST(Recovery, a_valid_batch_is_seen_behind_what_only_looks_like_one) {
    DiskWorld world;
    test::Partition made(*world.data);
    auto end = made.append({.bytes = 2 << 20});
    made.append();
    auto text = test::read_all(*made.file());
    auto decoy = text.substr(0, wire::batch_header_bytes);
    auto* at = reinterpret_cast<std::byte*>(decoy.data());
    store_big(at, std::to_underlying(end.offset) + 1);
    store_big(at + 8, std::int32_t(1'500'000));
    test::write_all(*made.file(), text.substr(0, end.position) + std::string(2000, 'x') + decoy +
                                      text.substr(end.position) + std::string(3'000'000, '\0'));
    auto found = recover(*world.data, partition_name, {}, after_kill);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->log.end(), end);
    EXPECT_TRUE(found->loss_possible);
}

TEST(Recovery, dying_while_it_recovers_loses_nothing_that_was_synced) {
    std::string kept;
    std::size_t size = 0;
    RecoveryPoint point;
    auto before = [&](Directory& data) {
        test::Partition made(data);
        for (int n = 0; n < 3; ++n) made.append();
        point = made.point();
        kept = test::read_all(*made.file());
        auto text = kept + kept.substr(0, 50);  // Torn, and a valid batch lies behind.
        made.append();
        text += test::read_all(*made.file()).substr(kept.size());
        size = text.size();
        test::write_all(*made.file(), text);
        EXPECT_TRUE(made.file()->sync());
    };
    test::at_every_death(
        before, [&](Directory& data) { (void)recover(data, partition_name, point, after_kill); },
        [&](Directory& data, bool through) {
            auto found = recover(data, partition_name, point, after_kill);
            ASSERT_TRUE(found);
            EXPECT_FALSE(found->damaged);
            EXPECT_EQ(test::read_all(*found->log.segments().back().file), kept);
            if (through) EXPECT_EQ(found->bytes_cut, 0U);
            // Wherever it died: what was cut is in quarantine, whole.
            auto quarantine = data.open_directory("quarantine").value();
            bool there = false;
            for (auto& entry : quarantine->list().value())
                there |= test::read_all(*quarantine->open(entry.name).value()).size() == size - kept.size();
            EXPECT_TRUE(there);
        });
}

TEST(Recovery, an_id_below_0_is_no_producer) {
    DiskWorld world;
    test::Partition made(*world.data);
    made.append({.producer = {ProducerId{-2}, 0, 0}});
    auto found = recover(*world.data, partition_name, {}, after_kill);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->log.end().offset, Offset{1});
    EXPECT_EQ(found->sequences.size(), 0U);
}

}  // namespace
}  // namespace fulmar
