// Damage in a log's segments and in their indexes: what is read of it is right, or it is said to be damaged,
// and damage costs its own batch alone.
#include "log/segment_read.h"

#include <set>

#include "tests/log/log_world.h"

namespace fulmar {
namespace {

using test::DiskWorld, test::partition_name;

struct Written {
    Offset base, next;
    std::size_t segment;     // Which one,
    std::uint64_t position;  // and where in its file.
    std::string text;
};

// Two full segments and an active one, on a disk, for one damage at a time.
class SegmentRead : public testing::Test {
protected:
    // `interval` of the index; of `batches` each segment.
    void write(std::uint64_t interval, int batches = 6) {
        test::Partition made(*world_.data);
        made.index_interval_bytes = interval;
        for (std::size_t segment = 0; segment < 3; ++segment) {
            if (segment > 0) made.roll();
            std::vector<std::pair<Offset, LogPoint>> ends;
            for (int n = 0; n < batches; ++n) {
                auto from = made.log.newest().at;
                made.append({.records = 1 + n % 3, .bytes = std::size_t(5 + n), .stamp = 1000 + 10 * n});
                written_.push_back({from.offset, made.log.end().offset, segment, from.position, {}});
            }
            bases_.push_back(made.log.segments().back().base);
            texts_.push_back(test::read_all(*made.file()));
            for (auto& batch : written_) {
                if (batch.segment != segment) continue;
                auto size = wire::BatchView(bytes_of(texts_[segment]).subspan(batch.position)).size();
                batch.text = texts_[segment].substr(batch.position, size);
            }
        }
        EXPECT_TRUE(made.log.write_index());
        made.sync();
        point_ = made.point();
        for (auto base : bases_) indexes_.push_back(test::read_all(*index_file(base)));
    }
    std::shared_ptr<File> log_file(Offset base) { return test::open_file(*world_.data, log_file_name(base)); }
    std::shared_ptr<File> index_file(Offset base) {
        return test::open_file(*world_.data, index_file_name(base));
    }

    PartitionLog recovered() {
        auto found = recover(*world_.data, partition_name, point_,
                             {.clean = true, .leader_epoch_max = 5, .clocks = {}});
        EXPECT_TRUE(found && !found->damaged && found->log.end().offset == point_.offset);
        return std::move(found->log);
    }
    // Reads at every offset. What is not damaged must be what was written, but for `unseen` bytes of a batch
    // (which no checksum covers). Gives the batches that were damaged.
    std::set<std::size_t> read_all(PartitionLog& log, std::size_t bytes_max,
                                   std::optional<std::size_t> unseen = {}) {
        std::set<std::size_t> damaged;
        for (std::size_t n = 0; n < written_.size(); ++n) {
            for (auto at = written_[n].base; at < written_[n].next; at = at + 1) {
                auto slice = test::read(log, at, log.end(), bytes_max, true, 5);
                if (!slice) {
                    EXPECT_EQ(slice.error(), Error::damaged);
                    damaged.insert(n);
                    continue;
                }
                EXPECT_EQ(slice->base, written_[n].base);
                EXPECT_EQ(slice->range.position, written_[n].position);
                auto text = test::text_of(slice->range);
                EXPECT_FALSE(text.empty());
                for (auto is = n; !text.empty(); ++is) {
                    auto batch = text.substr(0, written_[is].text.size());
                    auto was = written_[is].text.substr(0, batch.size());
                    if (unseen == is && batch.size() >= 16) batch.replace(12, 4, was.substr(12, 4));
                    EXPECT_EQ(batch, was) << is;
                    text.erase(0, batch.size());
                    if (testing::Test::HasFailure()) return damaged;
                }
            }
        }
        return damaged;
    }

    DiskWorld world_;
    RecoveryPoint point_;
    std::vector<Written> written_;
    std::vector<Offset> bases_;
    std::vector<std::string> texts_, indexes_;
};

class SegmentReadIndexed : public SegmentRead, public testing::WithParamInterface<std::uint64_t> {};
// An entry for each batch, one for each third, and none but the last.
INSTANTIATE_TEST_SUITE_P(Intervals, SegmentReadIndexed, testing::Values(1, 250, 100'000));

TEST_P(SegmentReadIndexed, a_flipped_bit_costs_its_own_batch_alone) {
    write(GetParam());
    for (std::size_t segment = 0; segment < 3; ++segment) {
        auto file = log_file(bases_[segment]);
        auto& right = texts_[segment];
        for (std::size_t bit = 0; bit < 8 * right.size(); ++bit) {
            auto text = right;
            text[bit / 8] = char(text[bit / 8] ^ (1 << bit % 8));
            test::write_all(*file, text);
            std::size_t hit = 0;
            while (written_[hit].segment != segment ||
                   bit / 8 >= written_[hit].position + written_[hit].text.size())
                ++hit;
            // A leader's epoch is under no checksum: what is no later than this leader's may have been.
            auto in_batch = bit / 8 - written_[hit].position;
            auto epoch = wire::BatchView(bytes_of(text).subspan(written_[hit].position)).leader_epoch();
            bool unseen = in_batch >= 12 && in_batch < 16 && epoch >= 0 && epoch <= 5;
            auto log = recovered();
            for (std::size_t bytes_max : {1UL, 10'000UL}) {
                auto damaged = read_all(log, bytes_max, unseen ? std::optional(hit) : std::nullopt);
                EXPECT_EQ(damaged, unseen ? std::set<std::size_t>() : std::set{hit});
            }
            ASSERT_FALSE(HasFailure())
                << "segment " << segment << ", bit " << bit << ", in batch " << in_batch;
        }
        test::write_all(*file, right);
    }
}

TEST_P(SegmentReadIndexed, a_hole_costs_the_batches_that_it_touches) {
    write(GetParam());
    auto file = log_file(bases_[0]);
    auto& right = texts_[0];
    for (std::size_t from = 0; from < right.size(); from += 13) {
        for (std::size_t length : {1UL, 30UL, 61UL, 100UL, right.size()}) {
            auto text = right;
            auto until = std::min(from + length, right.size());
            std::fill(text.begin() + std::ptrdiff_t(from), text.begin() + std::ptrdiff_t(until), '\x5a');
            test::write_all(*file, text);
            std::set<std::size_t> touched;
            for (std::size_t n = 0; written_[n].segment == 0; ++n)
                if (written_[n].position < until && written_[n].position + written_[n].text.size() > from)
                    touched.insert(n);
            auto log = recovered();
            ASSERT_EQ(read_all(log, 10'000), touched) << from << " + " << length;
        }
    }
}

TEST_P(SegmentReadIndexed, a_segment_that_is_gone_costs_what_was_in_it) {
    write(GetParam());
    for (std::size_t segment = 0; segment < 2; ++segment) {
        auto directory = world_.data->open_directory(partition_name).value();
        ASSERT_TRUE(directory->remove(log_file_name(bases_[segment])));
        std::set<std::size_t> lost;
        for (std::size_t n = 0; n < written_.size(); ++n)
            if (written_[n].segment == segment) lost.insert(n);
        auto log = recovered();
        EXPECT_EQ(log.start(), Offset{0});  // It was not deleted.
        EXPECT_EQ(read_all(log, 10'000), lost);
        test::write_all(*directory->create(log_file_name(bases_[segment])).value(), texts_[segment]);
        auto whole = recovered();
        EXPECT_EQ(read_all(whole, 10'000), std::set<std::size_t>());
    }
}

// Whatever becomes of the indexes, what is read is right; and they are made anew.
TEST_P(SegmentReadIndexed, an_index_is_never_believed) {
    write(GetParam(), 12);
    auto directory = world_.data->open_directory(partition_name).value();
    auto check = [&](Offset of, const std::string& how) {
        auto log = recovered();
        EXPECT_EQ(read_all(log, 1), std::set<std::size_t>()) << how;
        EXPECT_EQ(read_all(log, 10'000), std::set<std::size_t>()) << how;
        auto view = log.view(Offset{0}, log.end(), 5);
        for (std::size_t n = 0; n < 2; ++n) {
            auto last = view.last_entry(n);
            ASSERT_TRUE(last) << how;
            EXPECT_EQ(last->at.offset, bases_[n + 1]);
            EXPECT_EQ(last->at.position, texts_[n].size());
            EXPECT_EQ(last->largest_before, Timestamp{1000 + 110 + 2}) << how;  // Of the twelfth batch.
        }
        if (of == bases_[2]) return;
        auto index = Index::open(*directory, of).value();
        EXPECT_GT(index.size(), 0U);
        for (std::uint32_t n = 0; n < index.size(); ++n) {
            auto entry = index.entry(n);
            ASSERT_TRUE(entry) << how << ", entry " << n;
            bool boundary = std::ranges::any_of(written_, [&](const Written& batch) {
                auto at = batch.position + batch.text.size();
                return batch.next == entry->at.offset && at == entry->at.position;
            });
            EXPECT_TRUE(boundary) << how << ", entry " << n;
        }
    };
    auto put = [&](std::size_t n, std::string_view text) { test::write_all(*index_file(bases_[n]), text); };
    for (std::size_t n = 0; n < 3; ++n) {
        auto& right = indexes_[n];
        for (std::size_t at = 0; at < right.size(); ++at) {
            auto bad = right;
            bad[at] = char(bad[at] ^ 4);
            put(n, bad);
            check(bases_[n], "flipped at " + std::to_string(at));
            put(n, right.substr(0, at));
            check(bases_[n], "cut at " + std::to_string(at));
            ASSERT_FALSE(HasFailure()) << "index " << n;
        }
        put(n, std::string(right.size(), '\0'));
        check(bases_[n], "zeroed");
        put(n, right + right);
        check(bases_[n], "twice");
        put(n, indexes_[(n + 1) % 3]);
        check(bases_[n], "of another segment");
        put(n, indexes_[(n + 1) % 3] + right);
        check(bases_[n], "of another segment in front");
        ASSERT_TRUE(directory->remove(index_file_name(bases_[n])));
        check(bases_[n], "deleted");
        if (!directory->open(index_file_name(bases_[n])))
            ASSERT_TRUE(directory->create(index_file_name(bases_[n])));
        put(n, right);
        ASSERT_FALSE(HasFailure()) << "index " << n;
    }
}

// A message may hold a whole log. When what is around it is damaged, that is still a message.
TEST_F(SegmentRead, what_a_producer_has_written_into_a_record_is_not_taken_for_a_batch) {
    // The middle one of three batches carries copies of itself and of what follows, as they would be stored.
    auto make = [&](std::string_view inside) {
        wire::BatchBuilder builder;
        builder.add(Timestamp{1000}, std::nullopt, bytes_of(inside));
        wire::ProducedBatch batch;
        batch.rewritten = builder.finish(wire::Codec::none, {});
        std::copy_n(batch.rewritten.begin(), wire::batch_header_bytes, batch.header.begin());
        batch.records = Bytes(batch.rewritten).subspan(wire::batch_header_bytes);
        return batch;
    };
    std::string forged;
    for (std::int64_t offset = 0; offset < 6; ++offset) {
        auto fake = make("forged");
        wire::store_place(fake.header, {Offset{offset}, 5});
        forged += std::string(reinterpret_cast<const char*>(fake.header.data()), fake.header.size());
        forged += std::string(reinterpret_cast<const char*>(fake.records.data()), fake.records.size());
    }
    test::Partition made(*world_.data);
    std::vector<LogPoint> ends;
    for (auto& inside : {std::string("first"), forged, std::string("third"), std::string("fourth")}) {
        auto batch = make(inside);
        ASSERT_TRUE(made.log.append(batch, 5, test::usual_wall));
        ends.push_back(made.log.end());
    }
    made.roll();
    made.append();
    ASSERT_TRUE(made.log.write_index());
    made.sync();
    point_ = made.point();
    auto file = log_file(Offset{0});
    auto text = test::read_all(*file);
    for (std::size_t at = ends[0].position; at < ends[1].position; ++at) {
        auto bad = text;
        bad[at] = char(bad[at] ^ 0x20);
        test::write_all(*file, bad);
        auto log = recovered();
        for (std::int64_t offset = 0; offset < 4; ++offset) {
            auto slice = test::read(log, Offset{offset}, log.end(), 1, true, 5);
            if (offset == 1) {
                ASSERT_EQ(test::error_of(slice), Error::damaged) << at;
                continue;
            }
            ASSERT_TRUE(slice) << at << ", offset " << offset;
            auto begins = offset == 0 ? 0 : ends[std::size_t(offset) - 1].position;
            ASSERT_EQ(slice->range.position, begins) << at << ", offset " << offset;
        }
    }
}

TEST(Verified, remembers_pieces_of_a_mebibyte) {
    constexpr auto piece = Verified::piece_bytes;
    Verified none;
    EXPECT_TRUE(none.covers(0, 10 * piece));  // All of it was written in this life.
    Verified some(2 * piece + 1);
    EXPECT_EQ(some.unverified_until(), 2 * piece + 1);
    EXPECT_FALSE(some.covers(0, 1));
    EXPECT_FALSE(some.covers(2 * piece, 1));
    EXPECT_TRUE(some.covers(3 * piece, 1));
    some.add(1);
    some.add(99);  // Nothing.
    EXPECT_TRUE(some.covers(piece, piece));
    EXPECT_FALSE(some.covers(piece, piece + 1));
    EXPECT_FALSE(some.covers(piece - 1, 2));
    some.add(0), some.add(2);
    EXPECT_TRUE(some.covers(0, 100 * piece));
}

// A checksum is looked at once, and again after the next start.
TEST_F(SegmentRead, what_was_found_right_is_not_read_again) {
    write(1);
    auto log = recovered();
    EXPECT_EQ(read_all(log, 1), std::set<std::size_t>());
    auto& news = log.segments()[0];
    EXPECT_TRUE(news.verified.covers(0, texts_[0].size()));
    auto text = texts_[0];
    text[written_[2].position + 70] = 'x';  // Behind its back: nothing that happens on a disk that works.
    test::write_all(*log_file(bases_[0]), text);
    EXPECT_TRUE(test::read(log, written_[2].base, log.end(), 1, true, 5));
    auto again = recovered();
    EXPECT_EQ(read_all(again, 1), std::set<std::size_t>{2});
}

}  // namespace
}  // namespace fulmar
