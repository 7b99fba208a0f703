#include "core/producer/sequences.h"

#include <gtest/gtest.h>

#include <string>

namespace fulmar {
namespace {

// A partition that producers write to. `send` does what a leader does: judge, append what is next.
class SequencesTest : public testing::Test {
protected:
    using Verdict = Sequences::Verdict;
    struct Sent {
        std::int64_t producer = 1;
        std::int16_t epoch = 0;
        std::int32_t first = 0, records = 1;
    };
    Sequences::Batch batch(Sent s) const {
        return {
            ProducerId{s.producer},  s.epoch,        s.first, Sequences::last_sequence(s.first, s.records),
            next_ + (s.records - 1), Timestamp{7000}};
    }
    // "next", "duplicate of 12" (its base offset), "out of order", "stale epoch".
    std::string send(Sent s) {
        auto text = judged(s);
        if (text == "next") {
            sequences_.appended(batch(s), now_);
            next_ = next_ + s.records;
        }
        return text;
    }
    std::string judged(Sent s) const {
        auto judgement = sequences_.judge(batch(s));
        switch (judgement.verdict) {
            case Verdict::next: return "next";
            case Verdict::duplicate:
                EXPECT_EQ(judgement.known.timestamp, Timestamp{7000});
                return "duplicate of " + std::to_string(std::to_underlying(judgement.known.base_offset()));
            case Verdict::out_of_order: return "out of order";
            case Verdict::stale_epoch: return "stale epoch";
        }
        return "?";
    }

    Sequences sequences_;
    Offset next_{100};
    Instant now_{5000};
};

TEST_F(SequencesTest, batches_follow_one_another_without_a_gap) {
    EXPECT_EQ(send({.first = 0, .records = 10}), "next");
    EXPECT_EQ(send({.first = 10, .records = 1}), "next");
    EXPECT_EQ(send({.first = 12}), "out of order");
    EXPECT_EQ(send({.first = 9}), "out of order");
    EXPECT_EQ(send({.first = 11}), "next");
    EXPECT_EQ(send({.producer = 2, .first = 0}), "next");  // Each producer counts for itself.
    EXPECT_EQ(send({.first = 12}), "next");
}

TEST_F(SequencesTest, an_unknown_producer_may_begin_anywhere) {
    EXPECT_EQ(send({.first = 4711, .records = 3}), "next");
    EXPECT_EQ(send({.first = 0}), "out of order");
    EXPECT_EQ(send({.first = 4714}), "next");
}

TEST_F(SequencesTest, each_of_the_last_five_batches_is_known_again_and_no_other) {
    for (int n = 0; n < 8; ++n) EXPECT_EQ(send({.first = 10 * n, .records = 10}), "next");
    for (int n = 0; n < 8; ++n) {
        auto offset = std::to_string(100 + 10 * n);
        EXPECT_EQ(send({.first = 10 * n, .records = 10}), n < 3 ? "out of order" : "duplicate of " + offset)
            << n;
    }
    EXPECT_EQ(send({.first = 70, .records = 9}), "out of order");  // Of the same first, but no duplicate.
    EXPECT_EQ(send({.first = 71, .records = 9}), "out of order");
    EXPECT_EQ(send({.first = 80}), "next");  // And what was refused has changed nothing.
}

TEST_F(SequencesTest, a_later_epoch_begins_at_zero_and_ends_the_earlier_one) {
    EXPECT_EQ(send({.epoch = 3, .first = 0, .records = 5}), "next");
    EXPECT_EQ(send({.epoch = 4, .first = 5}), "out of order");
    EXPECT_EQ(send({.epoch = 2, .first = 5}), "stale epoch");
    EXPECT_EQ(send({.epoch = 4, .first = 0, .records = 5}), "next");
    EXPECT_EQ(send({.epoch = 3, .first = 5}), "stale epoch");
    EXPECT_EQ(send({.epoch = 3, .first = 0, .records = 5}), "stale epoch");  // Not even as a duplicate.
    EXPECT_EQ(send({.epoch = 4, .first = 0, .records = 5}), "duplicate of 105");
    EXPECT_EQ(send({.epoch = 4, .first = 5}), "next");
    EXPECT_EQ(send({.epoch = INT16_MAX, .first = 0}), "next");
}

TEST_F(SequencesTest, after_the_largest_sequence_comes_zero) {
    EXPECT_EQ(Sequences::last_sequence(INT32_MAX, 1), INT32_MAX);
    EXPECT_EQ(Sequences::last_sequence(INT32_MAX, 2), 0);
    EXPECT_EQ(Sequences::last_sequence(INT32_MAX - 1, 5), 2);
    EXPECT_EQ(Sequences::last_sequence(0, INT32_MAX), INT32_MAX - 1);
    EXPECT_EQ(Sequences::last_sequence(INT32_MAX, INT32_MAX), INT32_MAX - 2);

    EXPECT_EQ(send({.first = INT32_MAX - 3, .records = 2}), "next");
    EXPECT_EQ(send({.first = INT32_MAX - 1, .records = 2}), "next");
    EXPECT_EQ(send({.first = 0, .records = 3}), "next");  // From the edge on,
    EXPECT_EQ(send({.first = INT32_MAX - 1, .records = 2}), "duplicate of 102");
    EXPECT_EQ(send({.producer = 2, .first = INT32_MAX - 1, .records = 5}), "next");  // and across it.
    EXPECT_EQ(send({.producer = 2, .first = 3}), "next");
    EXPECT_EQ(send({.producer = 2, .first = INT32_MAX - 1, .records = 5}), "duplicate of 107");
}

TEST_F(SequencesTest, behind_a_batch_that_could_not_be_appended_nothing_is_taken_in_its_place) {
    ASSERT_EQ(judged({.first = 0, .records = 5}), "next");
    sequences_.refused(batch({.first = 0, .records = 5}), now_);
    EXPECT_EQ(send({.first = 5}), "out of order");        // It was on its way already.
    EXPECT_EQ(send({.first = 0, .records = 5}), "next");  // Sent again, it is the next still.
    EXPECT_EQ(send({.first = 5}), "next");
    sequences_.refused(batch({.first = 6}), now_);  // Of a known producer nothing changes.
    EXPECT_EQ(send({.first = 7}), "out of order");
    EXPECT_EQ(send({.first = 6}), "next");
    EXPECT_EQ(send({.epoch = 1, .first = 1}), "out of order");
    sequences_.refused(batch({.epoch = 1, .first = 0}), now_);  // Nor of its next epoch.
    EXPECT_EQ(send({.epoch = 1, .first = 1}), "out of order");
    EXPECT_EQ(send({.epoch = 1, .first = 0}), "next");
}

TEST_F(SequencesTest, who_was_silent_for_too_long_is_forgotten) {
    send({.producer = 1, .first = 0});
    now_ = Instant{6000};
    send({.producer = 2, .first = 0});
    now_ = Instant{7000};
    send({.producer = 1, .first = 1});  // Touched again.
    sequences_.expire(Instant{6000});
    EXPECT_EQ(sequences_.size(), 2U);  // Since then, that moment included.
    sequences_.expire(Instant{6001});
    EXPECT_EQ(sequences_.size(), 1U);
    EXPECT_EQ(judged({.producer = 1, .first = 9}), "out of order");
    EXPECT_EQ(judged({.producer = 2, .first = 9}), "next");
    sequences_.expire(Instant{7001});
    EXPECT_EQ(sequences_.size(), 0U);
}

TEST_F(SequencesTest, of_too_many_producers_the_longest_silent_goes) {
    auto many = std::int64_t(Sequences::producers_max);
    for (std::int64_t id = 0; id < many; ++id) ASSERT_EQ(send({.producer = id}), "next");
    send({.producer = 0, .first = 1});  // No longer the longest.
    EXPECT_EQ(sequences_.size(), Sequences::producers_max);
    send({.producer = many});
    EXPECT_EQ(sequences_.size(), Sequences::producers_max);
    EXPECT_EQ(judged({.producer = 1, .first = 99}), "next");  // Not known any more.
    for (std::int64_t id : {std::int64_t(0), std::int64_t(2), many})
        EXPECT_EQ(judged({.producer = id, .first = 99}), "out of order");
    sequences_.clear();
    EXPECT_EQ(sequences_.size(), 0U);
    EXPECT_EQ(send({.producer = 0, .first = 99}), "next");
}

TEST_F(SequencesTest, rebuilt_from_the_log_it_judges_alike) {
    // What is appended, in order, is all there is to know (style of a state machine's replay).
    std::vector<Sequences::Batch> log;
    for (std::int32_t n = 0; n < 40; ++n) {
        Sent s{.producer = n % 3, .epoch = std::int16_t(n / 20), .first = n % 20 / 3, .records = 1};
        if (judged(s) == "next") log.push_back(batch(s));
        send(s);
    }
    EXPECT_GT(log.size(), 30U);
    Sequences again;
    for (auto& b : log) again.appended(b, now_);
    for (std::int64_t producer = 0; producer < 4; ++producer) {
        for (std::int16_t epoch = 0; epoch < 3; ++epoch) {
            for (std::int32_t first = 0; first < 12; ++first) {
                auto asked = batch({producer, epoch, first, 1});
                auto a = sequences_.judge(asked), b = again.judge(asked);
                EXPECT_EQ(a.verdict, b.verdict);
                EXPECT_EQ(a.known.last_offset, b.known.last_offset);
            }
        }
    }
}

}  // namespace
}  // namespace fulmar
