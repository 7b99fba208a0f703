#include "broker/shared_job.h"

#include <gtest/gtest.h>

#include "tests/support/test_loop.h"

namespace fulmar {
namespace {

// Jobs wait until they are let go, one at a time.
class HeldDisk final : public Disk {
public:
    explicit HeldDisk(Loop& loop) : loop_(loop) {}
    void start(Job& job) override { held_.push_back(&job); }
    bool let_go() {
        if (held_.empty()) return false;
        auto* job = held_.front();
        held_.erase(held_.begin());
        job->execute();
        loop_.post(*job);
        return true;
    }
    std::size_t held() const { return held_.size(); }

private:
    Loop& loop_;
    std::vector<Job*> held_;
};

class SharedJobTest : public testing::Test {
protected:
    Result<> work(std::span<const char> all) {
        jobs_.emplace_back(all.begin(), all.end());
        return outcome_;
    }
    Task<> ask(char who) {
        auto done = co_await shared_.run(who);
        done_ += done ? who : '!';
    }
    void comes(char who) { loop_.spawn(ask(who)); }
    void one_job_ends() {
        ASSERT_TRUE(disk_.let_go());
        while (loop_.turn_if_any()) {}
    }
    TestLoop loop_;
    HeldDisk disk_{loop_};
    struct Nothing final : Network {
        Result<std::shared_ptr<Listener>> listen(const Address&) override {
            return std::unexpected(Error::refused);
        }
        bool start(Connect&) override { return false; }
    } network_;
    Seam seam_{loop_, network_, disk_};
    SharedJob<char> shared_{seam_, [this](std::span<const char> all) { return work(all); }};
    Result<> outcome_;
    std::vector<std::string> jobs_;
    std::string done_;
};

TEST_F(SharedJobTest, the_next_job_does_all_that_came_while_one_ran) {
    for (char who : {'a', 'b', 'c'}) comes(who);
    EXPECT_EQ(disk_.held(), 1U);
    one_job_ends();
    EXPECT_EQ(done_, "a");  // The others came when it had begun.
    comes('d');
    one_job_ends();
    EXPECT_EQ(done_, "abc");
    one_job_ends();
    EXPECT_EQ(done_, "abcd");
    EXPECT_EQ(jobs_, (std::vector<std::string>{"a", "bc", "d"}));
    EXPECT_EQ(disk_.held(), 0U);
}

TEST_F(SharedJobTest, a_job_that_fails_fails_those_it_did_it_for) {
    comes('a');
    comes('b');
    outcome_ = std::unexpected(Error::exhausted);
    one_job_ends();
    outcome_ = {};
    EXPECT_EQ(done_, "!");
    one_job_ends();
    EXPECT_EQ(done_, "!b");
}

}  // namespace
}  // namespace fulmar
