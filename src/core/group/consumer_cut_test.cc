#include "tests/core/consumer_stage.h"

namespace fulmar::group {
namespace {

// The log may end between any two records of a step. Whatever is left of it, those that go on come to share
// all partitions.
class ConsumerCut : public ConsumerStage {
protected:
    // As a client does: whoever is refused joins anew.
    void go_on(Consumer& consumer) {
        if (beat(consumer).error != GroupError::none) EXPECT_EQ(come(consumer).error, GroupError::none);
    }
    // What the log holds behind its first `from` records comes to each of its ends in turn; then these go on,
    // for longer than a session.
    void expect_sharing_behind_each_end(std::size_t from, const std::vector<Consumer*>& consumers) {
        auto whole = log_;
        EXPECT_GT(whole.size(), from + 1);
        std::vector<Consumer> as_they_are;
        for (auto* each : consumers) as_they_are.push_back(*each);
        for (auto end = from; end <= whole.size(); ++end) {
            log_.assign(whole.begin(), whole.begin() + std::ptrdiff_t(end));
            fail_over();
            for (std::size_t n = 0; n < consumers.size(); ++n) *consumers[n] = as_they_are[n];
            for (int n = 0; n < 7; ++n) {
                for (auto* each : consumers) go_on(*each);
                pass(Millis(10'000));
            }
            for (auto* each : consumers) go_on(*each);
            Partitions all;
            std::size_t count = 0;
            for (auto* each : consumers)
                for (auto& [topic, indexes] : each->has) {
                    all[topic].insert(indexes.begin(), indexes.end());
                    count += indexes.size();
                }
            EXPECT_EQ(show(all), "orders-0 orders-1 orders-2 orders-3") << "cut at " << end - from;
            EXPECT_EQ(count, 4U) << "cut at " << end - from;
            EXPECT_EQ(phase(), "Stable") << "cut at " << end - from;
        }
    }
    Consumer a_{"a"}, b_{"b"}, c_{"c"};
};

TEST_F(ConsumerCut, amid_a_leave) {
    come(a_);
    come(b_);
    share({&a_, &b_});
    auto from = log_.size();
    leave(b_);
    expect_sharing_behind_each_end(from, {&a_});
}
TEST_F(ConsumerCut, amid_a_join) {
    come(a_);
    come(b_);
    share({&a_, &b_});
    auto from = log_.size();
    Consumer c{"c"};
    come(c);
    c_ = {"c"};  // It has not heard the answer.
    expect_sharing_behind_each_end(from, {&a_, &b_, &c_});
}
TEST_F(ConsumerCut, amid_the_end_of_sessions) {
    come(a_);
    come(b_);
    come(c_);
    share({&a_, &b_, &c_});
    pass(Millis(30'000));
    beat(a_);
    auto from = log_.size();
    pass(Millis(20'000));
    expect_sharing_behind_each_end(from, {&a_});
}
TEST_F(ConsumerCut, amid_the_return_of_a_static_member) {
    come(a_);
    take_up(b_, tell(first_as("i", "b")));
    share({&a_, &b_});
    EXPECT_EQ(refusal(next_as("i", "b", away_epoch)), GroupError::none);
    auto from = log_.size();
    take_up(c_, tell(first_as("i", "c")));
    EXPECT_EQ(c_.has, b_.has);
    expect_sharing_behind_each_end(from, {&a_});  // It does not come again.
}

}  // namespace
}  // namespace fulmar::group
