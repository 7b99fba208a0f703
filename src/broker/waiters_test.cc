#include "broker/waiters.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "tests/support/test_loop.h"

namespace fulmar {
namespace {

// Those who wait, by their numbers; `woken` says who went on, in order.
class WaitersTest : public testing::Test {
protected:
    static Task<> wait(TestLoop& loop, Waiters& waiters, Offset until, Millis patience, std::string& woken,
                       char name) {
        Timer timer(loop, patience);
        Waiters::Place place(waiters, until, timer);
        co_await timer;
        woken += name;
    }
    void waits(char name, std::int64_t until, Millis patience = Millis(1000)) {
        loop_.spawn(wait(loop_, waiters_, Offset{until}, patience, woken_, name));
    }
    // Who has gone on then; time does not pass.
    std::string after(std::int64_t watermark) {
        waiters_.reached(Offset{watermark});
        pass(Millis(0));
        return woken_;
    }
    void pass(Millis length) {
        bool over = false;
        loop_.spawn(until(loop_, length, over));
        while (!over) ASSERT_TRUE(loop_.turn_if_any());
    }
    static Task<> until(TestLoop& loop, Millis length, bool& over) {
        co_await Timer(loop, length);
        over = true;
    }

    Waiters waiters_;
    std::string woken_;
    TestLoop loop_;
};

TEST_F(WaitersTest, each_goes_on_once_its_offset_is_reached) {
    for (auto [name, until] : {std::pair{'a', 10}, {'c', 30}, {'b', 20}, {'B', 20}, {'d', 40}})
        waits(name, until);
    EXPECT_EQ(waiters_.size(), 5U);
    EXPECT_EQ(after(9), "");
    EXPECT_EQ(after(10), "a");
    EXPECT_EQ(after(25), "abB");  // By offset, then in the order they came.
    EXPECT_EQ(waiters_.size(), 2U);
    EXPECT_EQ(after(5), "abB");
    EXPECT_EQ(after(40), "abBcd");
    EXPECT_EQ(waiters_.size(), 0U);
}

TEST_F(WaitersTest, patience_ends_a_wait_and_takes_it_out) {
    waits('a', 10, Millis(5));
    waits('b', 20, Millis(50));
    pass(Millis(6));
    EXPECT_EQ(woken_, "a");
    EXPECT_EQ(waiters_.size(), 1U);
    EXPECT_EQ(after(100), "ab");
}

TEST_F(WaitersTest, when_there_is_nothing_to_wait_for_all_go_on) {
    for (char name : {'a', 'b', 'c'}) waits(name, INT64_MAX);
    waiters_.wake_all();
    pass(Millis(0));
    EXPECT_EQ(woken_, "abc");
    EXPECT_EQ(waiters_.size(), 0U);
}

TEST_F(WaitersTest, one_timer_may_wait_in_many_places_and_outlive_them) {
    Waiters other;
    Timer timer(loop_);
    {
        Waiters::Place here(waiters_, Offset{1}, timer), there(other, Offset{2}, timer);
        other.reached(Offset{2});
        EXPECT_EQ(waiters_.size(), 1U);
        EXPECT_EQ(other.size(), 0U);
    }
    EXPECT_EQ(waiters_.size(), 0U);
    waiters_.reached(Offset{1});
}

TEST_F(WaitersTest, whoever_waits_when_the_partition_goes_is_woken) {
    auto gone = std::make_unique<Waiters>();
    Timer timer(loop_);
    Waiters::Place place(*gone, Offset{1}, timer);
    gone.reset();
    EXPECT_TRUE(timer.await_ready());
}

TEST_F(WaitersTest, places_that_come_and_go_in_any_order_leave_the_rest_in_order) {
    std::mt19937_64 random(5);
    Timer timer(loop_);
    std::vector<std::pair<std::int64_t, std::unique_ptr<Waiters::Place>>> places;
    for (int n = 0; n < 5000; ++n) {
        if (random() % 3 && places.size() < 60) {
            auto until = std::int64_t(random() % 100);
            places.emplace_back(until, std::make_unique<Waiters::Place>(waiters_, Offset{until}, timer));
        } else if (!places.empty()) {
            places.erase(places.begin() + std::ptrdiff_t(random() % places.size()));
        }
        ASSERT_EQ(waiters_.size(), places.size());
    }
    for (std::int64_t watermark = 0; watermark < 100; ++watermark) {
        waiters_.reached(Offset{watermark});
        auto left = std::ranges::count_if(places, [&](auto& place) { return place.first > watermark; });
        ASSERT_EQ(waiters_.size(), std::size_t(left)) << watermark;
    }
}

}  // namespace
}  // namespace fulmar
