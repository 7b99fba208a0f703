#include "log/batch_scan.h"

#include "log/batch_walk.h"
#include "tests/log/log_world.h"

namespace fulmar {
namespace {

using test::DiskWorld;

// A file of batches, one record each, and where each begins.
class BatchScan : public testing::Test {
protected:
    void write(const std::vector<std::string>& values) {
        test::Partition made(*world_.data);
        points_.push_back(made.log.newest().at);
        for (auto& value : values) {
            wire::BatchBuilder builder;
            builder.add(Timestamp{1000}, std::nullopt, bytes_of(value));
            wire::ProducedBatch batch;
            batch.rewritten = builder.finish(wire::Codec::none, {});
            std::copy_n(batch.rewritten.begin(), wire::batch_header_bytes, batch.header.begin());
            batch.records = Bytes(batch.rewritten).subspan(wire::batch_header_bytes);
            ASSERT_TRUE(made.log.append(batch, 5, test::usual_wall));
            points_.push_back(made.log.newest().at);
        }
        file_ = made.file();
        text_ = test::read_all(*file_);
    }
    LogPoint behind(LogPoint from) { return boundary_behind(*file_, from, points_.back(), 5).value(); }
    std::string batch_text(std::size_t n) {
        return text_.substr(points_[n].position, points_[n + 1].position - points_[n].position);
    }
    DiskWorld world_;
    std::shared_ptr<File> file_;
    std::string text_;
    std::vector<LogPoint> points_;
};

TEST_F(BatchScan, the_boundary_behind_damage_is_that_of_the_next_batch) {
    write({"one", "two", "three", "four", "five"});
    for (std::size_t n = 0; n < 5; ++n) EXPECT_EQ(behind(points_[n]), points_[n + 1]);
    auto text = text_;  // What is damaged too is stepped over.
    text[points_[2].position + 65] ^= 1;
    test::write_all(*file_, text);
    EXPECT_EQ(behind(points_[0]), points_[3]);
    EXPECT_EQ(behind(points_[1]), points_[3]);
    text[points_[4].position + 65] ^= 1;
    test::write_all(*file_, text);
    EXPECT_EQ(behind(points_[0]), points_[5]);  // None leads to the end.
}

TEST_F(BatchScan, batches_must_lead_just_to_the_boundary_that_is_known) {
    write({"one", "two", "three"});
    auto end = points_.back();
    for (auto until : {LogPoint{end.offset + 1, end.position}, LogPoint{end.offset, end.position - 1}})
        EXPECT_EQ(boundary_behind(*file_, points_[0], until, 5), until);
    EXPECT_EQ(boundary_behind(*file_, points_[0], points_[2], 5), points_[1]);
    EXPECT_EQ(boundary_behind(*file_, points_[0], end, 4), end);  // None was of so late an epoch.
}

TEST_F(BatchScan, a_forged_batch_in_a_record_leads_nowhere) {
    write({"x", "x", "x", "x"});
    auto forged = batch_text(1) + batch_text(2) + batch_text(3);
    DiskWorld other;
    std::swap(world_.data, other.data);
    points_.clear();
    write({"x", "a" + forged + "b", "x", "x"});
    for (auto from : {points_[0], points_[1]}) {
        auto found = behind(from);
        EXPECT_TRUE(std::ranges::find(points_, found) != points_.end()) << found.position;
    }
    auto text = text_;
    text[points_[1].position + 17] ^= 1;  // Its checksum.
    test::write_all(*file_, text);
    EXPECT_EQ(behind(points_[0]), points_[2]);
    EXPECT_EQ(behind(points_[1]), points_[2]);
    file_.reset();  // Before the world that it belongs to.
    std::swap(world_.data, other.data);
}

// A record full of headers that claim much costs a bounded search.
TEST_F(BatchScan, headers_that_claim_much_are_not_all_followed) {
    std::string decoys;
    write({"x", "x"});
    auto decoy = batch_text(1).substr(0, wire::batch_header_bytes);
    store_big(reinterpret_cast<std::byte*>(decoy.data()) + 8, std::int32_t(400'000));
    store_big(reinterpret_cast<std::byte*>(decoy.data()), std::int64_t(1));
    for (int n = 0; n < 16'000; ++n) decoys += decoy;
    DiskWorld other;
    std::swap(world_.data, other.data);
    points_.clear();
    write({"x", decoys, "x"});
    auto text = text_;
    text[points_[1].position + 17] ^= 1;
    test::write_all(*file_, text);
    auto found = behind(points_[1]);  // It gives up, or it does not; it does not make a boundary up.
    EXPECT_TRUE(found == points_[2] || found == points_[3]);
    EXPECT_TRUE(valid_batch_follows(*std::make_unique<Window>(*file_, text.size()), points_[1].position,
                                    text.size(), Offset{1})
                    .value());
    file_.reset();  // Before the world that it belongs to.
    std::swap(world_.data, other.data);
}

TEST_F(BatchScan, a_window_shows_any_place_in_any_order) {
    write({std::string(2'500'000, 'a'), std::string(300, 'b')});
    Window window(*file_, text_.size());
    for (std::size_t at : {0UL, 1'048'575UL, 100UL, 2'000'000UL, text_.size() - 10, 5UL}) {
        for (std::size_t wanted : {0UL, 1UL, 61UL, 1'500'000UL}) {
            auto bytes = window.at(at, wanted);
            ASSERT_TRUE(bytes);
            auto least = std::min(wanted, text_.size() - at);
            ASSERT_GE(bytes->size(), least);
            ASSERT_TRUE(std::ranges::equal(bytes->first(least), bytes_of(text_).subspan(at, least)));
        }
    }
    world_.power.fails_at = 1;
    EXPECT_EQ(test::error_of(window.at(2'400'000, 10)), Error::failed);
}

TEST_F(BatchScan, a_walk_steps_from_header_to_header_and_tells_where_they_do_not_follow) {
    write({"one", std::string(20'000, 'x'), "three", "four"});
    std::vector<LogPoint> seen;
    BatchWalk walk(*file_, points_[0], points_.back().position);
    for (;;) {
        seen.push_back(walk.at());
        auto header = walk.header();
        ASSERT_TRUE(header);
        if (!*header) break;
        EXPECT_TRUE(walk.batch());
        auto again = walk.header();
        walk.step(**again);
        EXPECT_EQ(walk.previous(), seen.back());
    }
    EXPECT_EQ(seen, points_);
    // What is under no checksum and yet must follow: offset, length and magic.
    for (std::size_t at : {0, 7, 8, 11, 16, 23}) {
        auto text = text_;
        text[points_[2].position + at] ^= char(0x80);
        test::write_all(*file_, text);
        BatchWalk there(*file_, points_[2], points_.back().position);
        EXPECT_EQ(test::error_of(there.header()), Error::damaged) << at;
    }
    auto text = text_;
    text[points_[2].position + 66] ^= 1;
    test::write_all(*file_, text);
    BatchWalk there(*file_, points_[2], points_.back().position);
    EXPECT_TRUE(there.header());
    EXPECT_EQ(test::error_of(there.batch()), Error::damaged);
    BatchWalk behind_the_end(*file_, points_.back(), points_.back().position + 30);
    EXPECT_EQ(test::error_of(behind_the_end.header()), Error::damaged);
}

}  // namespace
}  // namespace fulmar
