#include "log/compaction.h"

#include "tests/log/keyed_log.h"

namespace fulmar {
namespace {

using sim::Chance;
using test::DiskWorld, test::Keyed, test::Records, test::all_of, test::compacted, test::some_writes;
using namespace std::chrono_literals;

constexpr Timestamp now = test::compacted_at, later{2'000'000}, much_later{3'000'000};

constexpr wire::Codec codecs[] = {wire::Codec::none, wire::Codec::none, wire::Codec::lz4, wire::Codec::zstd,
                                  wire::Codec::snappy};

TEST(Compaction, of_each_key_the_last_record_stays_where_it_was) {
    DiskWorld world;
    Keyed keyed(*world.data);
    keyed.append({{"a", "1"}, {"b", "1"}, {"a", "2"}});
    keyed.append({{"a", "3"}});
    keyed.roll();
    keyed.append({{"b", "2"}, {"c", "1"}});
    keyed.roll();
    keyed.append({{"a", "4"}});
    ASSERT_TRUE(keyed.compact(keyed.rules()));
    EXPECT_EQ(all_of(keyed.log()), (Records{{Offset{3}, {"a", "3"}},
                                            {Offset{4}, {"b", "2"}},
                                            {Offset{5}, {"c", "1"}},
                                            {Offset{6}, {"a", "4"}}}));
    ASSERT_EQ(keyed.log().segments().size(), 2U);
    EXPECT_EQ(keyed.log().segments()[0].name(), SegmentName(Offset{0}, Offset{6}, 1));
}
TEST(Compaction, a_model_agrees_whatever_is_written_and_however_often_it_is_compacted) {
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        SCOPED_TRACE(seed);
        DiskWorld world(seed);
        Chance rng(seed, 0);
        Keyed keyed(*world.data);
        auto keys = int(1 + rng.below(60));
        auto at = now;
        for (int round = 0; round < 6; ++round) {
            auto segments = rng.between(1, 4);
            for (std::int64_t n = 0; n < segments; ++n) {
                auto batches = rng.between(1, 12);
                for (std::int64_t b = 0; b < batches; ++b)
                    keyed.append(some_writes(rng, keys, int(1 + rng.below(6))), {}, codecs[rng.below(5)]);
                keyed.roll();
            }
            keyed.append(some_writes(rng, keys, 2));
            auto how = keyed.rules(at);
            how.segment_bytes = std::uint64_t(rng.between(300, 5300));
            how.horizon = at + 1h;
            ASSERT_TRUE(keyed.compact(std::move(how), std::uint64_t(rng.between(1, 2000))));
            EXPECT_EQ(keyed.state.until, keyed.log().segments().back().base);
            ASSERT_TRUE(all_of(keyed.log()) == compacted(keyed.written, keyed.state.until, true));
            keyed.written = all_of(keyed.log());
            keyed.roll();
        }
        // And its tombstones go once it is time.
        keyed.append({{"x", "y"}});
        auto how = keyed.rules(at + 1h);
        how.horizon = how.now + 1h;
        ASSERT_TRUE(keyed.compact(std::move(how)));
        auto last = keyed.rules(at + 2h);
        keyed.roll();
        keyed.append({{"x", "z"}});
        last.from = keyed.state.until, last.horizon = last.now + 1h;
        ASSERT_TRUE(keyed.compact(std::move(last)));
        for (auto& [offset, write] : all_of(keyed.log()))
            EXPECT_TRUE(write.value) << std::to_underlying(offset);
    }
}
TEST(Compaction, a_tombstone_stays_until_its_time_and_goes_then) {
    DiskWorld world;
    Keyed keyed(*world.data);
    keyed.append({{"a", "1"}, {"b", "1"}});
    keyed.append({{"a", std::nullopt}});
    keyed.roll();
    keyed.append({{"z", "1"}});
    keyed.roll();
    keyed.append({{"y", "1"}});
    ASSERT_TRUE(keyed.compact(keyed.rules(now)));
    EXPECT_EQ(keyed.state.next_horizon, now + 1s);
    EXPECT_TRUE(all_of(keyed.log()).contains(Offset{2}));
    auto again = [&](Timestamp at) {
        auto how = keyed.rules(at);
        how.from = Offset{0};
        keyed.state.until = Offset{0};
        ASSERT_TRUE(keyed.compact(std::move(how)));
    };
    again(now + 1s + -1ms);
    EXPECT_TRUE(all_of(keyed.log()).contains(Offset{2}));
    EXPECT_EQ(keyed.state.next_horizon, now + 1s);  // It does not begin anew.
    again(now + 1s);
    EXPECT_FALSE(all_of(keyed.log()).contains(Offset{2}));
    EXPECT_FALSE(keyed.state.next_horizon);
}
TEST(Compaction, of_a_producer_the_last_batch_stays_without_its_records) {
    DiskWorld world;
    Keyed keyed(*world.data);
    keyed.append({{"a", "1"}}, {ProducerId{1}, 0, 0});
    keyed.append({{"a", "2"}, {"a", "3"}}, {ProducerId{1}, 0, 1});
    keyed.append({{"a", "4"}});
    keyed.roll();
    keyed.append({{"b", "1"}});
    auto how = keyed.rules();
    how.producers[ProducerId{1}] = Offset{2};
    ASSERT_TRUE(keyed.compact(std::move(how)));
    EXPECT_EQ(all_of(keyed.log()), (Records{{Offset{3}, {"a", "4"}}, {Offset{4}, {"b", "1"}}}));
    // Without its snapshots recovery knows where the producer stands.
    auto& directory = *keyed.log().directory();
    for (auto& entry : directory.list().value())
        if (entry.name.ends_with(".producers")) ASSERT_TRUE(directory.remove(entry.name));
    keyed.partition.sync();
    auto found = recover(*world.data, test::partition_name, keyed.partition.point(), {.leader_epoch_max = 5});
    ASSERT_TRUE(found);
    wire::BatchBuilder builder;
    builder.add(Timestamp{0}, bytes_of("a"), bytes_of("5"));
    auto next = builder.finish(wire::Codec::none, {ProducerId{1}, 0, 3});
    EXPECT_EQ(found->sequences.judge(Sequences::Batch::of(wire::BatchView(next))).verdict,
              Sequences::Verdict::next);
    builder.add(Timestamp{0}, bytes_of("a"), bytes_of("2"));
    builder.add(Timestamp{0}, bytes_of("a"), bytes_of("3"));
    auto known = builder.finish(wire::Codec::none, {ProducerId{1}, 0, 1});
    EXPECT_EQ(found->sequences.judge(Sequences::Batch::of(wire::BatchView(known))).verdict,
              Sequences::Verdict::duplicate);
}
TEST(Compaction, what_does_not_fit_into_memory_takes_several_passes) {
    DiskWorld world;
    Keyed keyed(*world.data);
    Chance rng(3, 0);
    constexpr int keys = 400;
    for (int n = 0; n < 100; ++n) {
        std::vector<test::Write> writes;
        for (int i = 0; i < 20; ++i) writes.push_back({std::to_string(rng.below(keys)), std::to_string(n)});
        keyed.append(writes);
        if (n % 10 == 9) keyed.roll();
    }
    keyed.append({{"z", "1"}});
    int passes = 0;
    for (auto end = keyed.log().segments().back().base; keyed.state.until < end; ++passes) {
        auto how = keyed.rules();
        how.map_bytes_max = 5000;  // 102 keys.
        ASSERT_TRUE(keyed.compact(std::move(how)));
        // Of the batch that did not fit some keys were noted already: what they supersede may go too.
        auto left = all_of(keyed.log()), most = compacted(keyed.written, keyed.state.until, true);
        for (auto& [offset, write] : left) ASSERT_EQ(most.at(offset), write);
        for (auto& [offset, write] : compacted(keyed.written, end, true)) ASSERT_TRUE(left.contains(offset));
        ASSERT_LT(passes, 100);
    }
    EXPECT_TRUE(all_of(keyed.log()) == compacted(keyed.written, keyed.state.until, true));
    EXPECT_GT(passes, 10);
}
TEST(Compaction, damage_is_left_alone_and_so_are_tombstones_behind_it) {
    DiskWorld world;
    Keyed keyed(*world.data);
    keyed.append({{"a", "1"}, {"b", "1"}});
    keyed.append({{"a", "2"}});
    keyed.roll();
    keyed.append({{"c", "1"}});
    keyed.append({{"d", "1"}});
    keyed.roll();
    keyed.append({{"c", std::nullopt}, {"a", "3"}});
    keyed.roll();
    keyed.append({{"z", "1"}});
    // A bit of the second segment's first batch.
    auto& file = *keyed.log().segments()[1].file;
    std::byte one{};
    ASSERT_TRUE(file.read(65, std::span(&one, 1)));
    one ^= std::byte{4};
    Bytes part(&one, 1);
    ASSERT_TRUE(file.write(65, std::span(&part, 1)));
    ASSERT_TRUE(keyed.compact(keyed.rules(now)));
    keyed.state.until = Offset{0};
    ASSERT_TRUE(keyed.compact(keyed.rules(much_later)));
    ASSERT_EQ(keyed.log().segments().size(), 4U);
    EXPECT_FALSE(keyed.log().segments()[1].name().compacted());
    auto at = [&](std::int64_t offset) {
        return test::read(keyed.log(), Offset{offset}, keyed.log().end(), 1, true);
    };
    EXPECT_EQ(test::error_of(at(3)), std::nullopt);  // This life has written it, and believes itself.
    keyed.log().learn({});
    auto found = recover(*world.data, test::partition_name, keyed.partition.point(), {.leader_epoch_max = 5});
    ASSERT_TRUE(found);
    keyed.partition.log = std::move(found->log);
    EXPECT_EQ(test::error_of(at(3)), Error::damaged);
    EXPECT_TRUE(at(4));
    auto tombstone = at(5);
    ASSERT_TRUE(tombstone);
    EXPECT_EQ(wire::BatchView(bytes_of(test::text_of(tombstone->range))).count(), 2);
}
TEST(Compaction, a_death_at_any_moment_leaves_every_key) {
    Records written;
    Offset end{};
    RecoveryPoint point;
    auto before = [&](Directory& data) {
        Keyed keyed(data);
        Chance rng(5, 0);
        for (int n = 0; n < 12; ++n) {
            keyed.append(some_writes(rng, 8, 3));
            if (n % 3 == 2) keyed.roll();
        }
        keyed.append({{"z", "1"}});
        ASSERT_TRUE(keyed.log().write_index());
        keyed.partition.sync();
        for (auto& segment : keyed.log().segments())
            if (segment.index.file()) ASSERT_TRUE(segment.index.file()->sync());
        ASSERT_TRUE(keyed.log().directory()->sync() && data.sync());
        written = keyed.written;
        end = keyed.log().end().offset;
        point = keyed.partition.point();
    };
    auto work = [&](Directory& data) {
        auto found = recover(data, test::partition_name, point, {.clean = true, .leader_epoch_max = 5});
        if (!found) return;
        auto start = found->log.segments().front().base;
        auto view = found->log.view(start, found->log.end(), 5, test::usual_wall);
        std::vector<Segment> full;
        for (std::size_t n = 0; n + 1 < found->log.segments().size(); ++n) {
            full.push_back(found->log.segments()[n]);
            auto last = view.last_entry(n);
            if (!last) return;
            full.back().last = *last;
        }
        CompactionRules how;
        how.now = later, how.horizon = much_later;
        how.map_bytes_max = 1 << 20;
        how.segment_bytes = 450;  // So that there are several groups.
        auto& directory = found->log.directory();
        Compaction pass(directory, full, found->log.segments().back().base, how);
        for (bool done = false; !done;) {
            auto step = pass.step(400);
            if (!step) return;
            if (step->made)
                for (auto& old : found->log.replace(std::move(*step->made)))
                    if (!remove_segment(*directory, old.name()) || !directory->sync()) return;
            done = step->done;
        }
        (void)write_compaction_state(*directory, {pass.until(), pass.next_horizon()});
    };
    auto look = [&](Directory& data, bool) {
        auto found = recover(data, test::partition_name, point, {.leader_epoch_max = 5});
        ASSERT_TRUE(found);
        ASSERT_FALSE(found->damaged);
        ASSERT_EQ(found->log.end().offset, end);
        auto left = all_of(found->log);
        for (auto& [offset, write] : left) ASSERT_EQ(written.at(offset), write);
        for (auto& [offset, write] : compacted(written, point.segment, true))
            ASSERT_TRUE(left.contains(offset)) << std::to_underlying(offset);
        for (auto& entry : data.list().value()) ASSERT_NE(entry.name, "quarantine");
    };
    test::at_every_death(before, work, look);
}
// Whatever the disk refuses: the log that is there is served, nothing half made stays for good, and the next
// pass does it all.
TEST(Compaction, any_operation_may_fail_or_find_no_room) {
    for (auto failure : {Error::failed, Error::full, Error::exhausted}) {
        bool through = false;
        for (int at = 1; !through; ++at) {
            SCOPED_TRACE(testing::Message() << to_text(failure) << " at operation " << at);
            ASSERT_LT(at, 2000);
            DiskWorld world;
            Keyed keyed(*world.data);
            Chance rng(5, 0);
            for (int n = 0; n < 12; ++n) {
                keyed.append(some_writes(rng, 8, 3));
                if (n % 3 == 2) keyed.roll();
            }
            keyed.append({{"z", "1"}});
            auto full = keyed.log().segments().back().base;
            auto how = [&] {
                auto rules = keyed.rules();
                rules.segment_bytes = 450;
                return rules;
            };
            world.power.failure = failure;
            world.power.fails_at = at;
            auto went = keyed.compact(how(), 400);
            through = world.power.fails_at > 0;
            world.power.fails_at = world.power.full_for = world.power.exhausted_for = 0;
            if (went) continue;  // What cannot be read is left as it is.
            auto left = all_of(keyed.log());
            for (auto& [offset, write] : left) ASSERT_EQ(keyed.written.at(offset), write);
            for (auto& [offset, write] : compacted(keyed.written, full, true))
                ASSERT_TRUE(left.contains(offset)) << std::to_underlying(offset);
            keyed.state = {};
            ASSERT_TRUE(keyed.compact(how(), 400));
            EXPECT_TRUE(all_of(keyed.log()) == compacted(keyed.written, full, true));
            if (failure == Error::failed)
                for (auto& entry : keyed.log().directory()->list().value())
                    EXPECT_FALSE(entry.name.ends_with(".tmp")) << entry.name;
            // What `give_up` was not let to remove either, the next start removes.
            keyed.partition.sync();
            ASSERT_TRUE(recover(*world.data, test::partition_name, keyed.partition.point(), {}));
            for (auto& entry : keyed.log().directory()->list().value())
                EXPECT_FALSE(entry.name.ends_with(".tmp")) << entry.name;
        }
        EXPECT_TRUE(through);
    }
}
// Its index is made anew, and says that it ends where the next segment begins.
TEST(Compaction, a_segment_that_was_lost_is_not_bridged) {
    DiskWorld world;
    Keyed keyed(*world.data);
    for (int n = 0; n < 4; ++n) {
        keyed.append({{"a", std::to_string(n)}, {std::to_string(n), "1"}});
        keyed.roll();
    }
    keyed.append({{"z", "1"}});
    auto& directory = *keyed.log().directory();
    ASSERT_TRUE(directory.remove("00000000000000000002.log"));
    for (auto& entry : directory.list().value())
        if (entry.name.ends_with(".index")) ASSERT_TRUE(directory.remove(entry.name));
    auto found = recover(*world.data, test::partition_name, keyed.partition.point(), {.leader_epoch_max = 5});
    ASSERT_TRUE(found);
    keyed.partition.log = std::move(found->log);
    ASSERT_TRUE(keyed.compact(keyed.rules(later)));
    auto at = [&](std::int64_t offset) {
        return test::error_of(test::read(keyed.log(), Offset{offset}, keyed.log().end(), 1, true, 5));
    };
    EXPECT_EQ(at(0), std::nullopt);
    EXPECT_EQ(at(2), Error::damaged);
    EXPECT_EQ(at(3), Error::damaged);
    EXPECT_EQ(at(5), std::nullopt);
    EXPECT_EQ(at(7), std::nullopt);
}
// What is in front of it ends where it did, and takes the place of its sources.
TEST(Compaction, in_front_of_a_segment_that_was_lost_goes_on) {
    DiskWorld world;
    Keyed keyed(*world.data);
    for (int n = 0; n < 4; ++n) {
        keyed.append({{"a", std::to_string(n)}, {std::to_string(n), "1"}});
        keyed.roll();
    }
    keyed.append({{"z", "1"}});
    ASSERT_TRUE(keyed.log().directory()->remove("00000000000000000004.log"));
    auto found = recover(*world.data, test::partition_name, keyed.partition.point(), {.leader_epoch_max = 5});
    ASSERT_TRUE(found);
    keyed.partition.log = std::move(found->log);
    auto end = keyed.log().end();
    ASSERT_TRUE(keyed.compact(keyed.rules(later)));
    EXPECT_EQ(keyed.log().segments()[0].name(), SegmentName(Offset{0}, Offset{4}, 1));
    EXPECT_EQ(keyed.log().end(), end);
    auto at = [&](std::int64_t offset) {
        return test::error_of(test::read(keyed.log(), Offset{offset}, keyed.log().end(), 1, true, 5));
    };
    for (auto offset : {0, 1, 3, 6, 7, 8}) EXPECT_EQ(at(offset), std::nullopt) << offset;
    for (auto offset : {4, 5}) EXPECT_EQ(at(offset), Error::damaged) << offset;
    auto again = recover(*world.data, test::partition_name, keyed.partition.point(), {.leader_epoch_max = 5});
    ASSERT_TRUE(again);
    EXPECT_EQ(again->log.segments().size(), 3U);
    EXPECT_FALSE(again->damaged);
}
TEST(Compaction, what_was_deleted_meanwhile_stays_deleted) {
    DiskWorld world;
    Keyed keyed(*world.data);
    for (int n = 0; n < 3; ++n) {
        keyed.append({{"a", "1"}, {std::to_string(n), "1"}});
        keyed.roll();
    }
    keyed.append({{"z", "1"}});
    auto pass_over = [&](Offset start) {
        auto how = keyed.rules();
        Compaction pass(keyed.log().directory(), keyed.full(), keyed.log().segments().back().base, how);
        std::optional<Segment> made;
        while (!made) {
            auto step = pass.step(1 << 20).value();
            made = std::move(step.made);
        }
        (void)keyed.log().advance_start(start);
        return keyed.log().replace(std::move(*made));
    };
    auto copy = keyed.log();
    EXPECT_EQ(pass_over(Offset{6}).size(), 1U);  // All of it, and what is behind goes on.
    EXPECT_EQ(all_of(keyed.log()), (Records{{Offset{6}, {"z", "1"}}}));
    keyed.partition.log = copy;
    auto replaced = pass_over(Offset{3});  // In the second.
    EXPECT_EQ(replaced.size(), 2U);
    EXPECT_EQ(keyed.log().segments().size(), 2U);
    EXPECT_EQ(all_of(keyed.log()), (Records{{Offset{3}, {"1", "1"}},
                                            {Offset{4}, {"a", "1"}},
                                            {Offset{5}, {"2", "1"}},
                                            {Offset{6}, {"z", "1"}}}));
}
// Many keys, each written several times, some deleted in the end.
TEST(Compaction, two_million_keys_agree_with_a_model) {
    DiskWorld world;
    Keyed keyed(*world.data);
    Chance rng(1, 0);
    constexpr int keys = 2'000'000, batch = 4'000;
    std::vector<std::int64_t> last(keys, -1);
    std::vector<bool> gone(keys, false);
    std::int64_t offset = 0;
    std::string value(8, 'v');
    for (int n = 0; n < 1'000; ++n) {
        wire::BatchBuilder builder;
        for (int i = 0; i < batch; ++i, ++offset) {
            auto key = std::size_t(rng.below(keys));
            bool tombstone = rng.below(10) == 0;
            builder.add(Timestamp{1000}, bytes_of(std::to_string(key)),
                        tombstone ? std::nullopt : std::optional(bytes_of(value)));
            last[key] = offset, gone[key] = tombstone;
        }
        wire::ProducedBatch made;
        made.rewritten = builder.finish(n % 4 == 0 ? wire::Codec::lz4 : wire::Codec::none);
        std::copy_n(made.rewritten.begin(), wire::batch_header_bytes, made.header.begin());
        made.records = Bytes(made.rewritten).subspan(wire::batch_header_bytes);
        ASSERT_TRUE(keyed.log().append(made, 5, test::usual_wall));
        if (n % 100 == 99) keyed.roll();
    }
    keyed.append({{"z", "1"}});
    for (auto at : {now, later}) {
        auto how = keyed.rules(at);
        how.from = Offset{0};
        how.map_bytes_max = 256 << 20;
        keyed.state.until = Offset{0};
        ASSERT_TRUE(keyed.compact(std::move(how)));
    }
    std::size_t left = 0;
    for (auto at = Offset{0}; at < Offset{offset};) {
        auto slice = test::read(keyed.log(), at, keyed.log().end(), 1 << 20, true);
        ASSERT_TRUE(slice);
        auto text = test::text_of(slice->range);
        auto bytes = bytes_of(text);
        while (auto view = wire::BatchView::whole(bytes)) {
            auto open = wire::OpenBatch::open(*view, 1 << 24);
            ASSERT_TRUE(open);
            for (auto& record : open->records()) {
                if (open->offset_of(record) >= Offset{offset}) break;
                auto key = std::stoul(std::string(text_of(*record.key)));
                ASSERT_EQ(open->offset_of(record), Offset{last[key]});
                ASSERT_FALSE(gone[key]);
                ++left;
            }
            at = view->next_offset();
            bytes = bytes.subspan(view->size());
        }
    }
    std::size_t expected = 0;
    for (std::size_t key = 0; key < std::size_t(keys); ++key) expected += last[key] >= 0 && !gone[key];
    EXPECT_EQ(left, expected);
    EXPECT_GT(left, 1'400'000U);
}

}  // namespace
}  // namespace fulmar
