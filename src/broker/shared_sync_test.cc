#include "broker/shared_sync.h"

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

class CountedDirectory final : public Directory {
public:
    int syncs = 0;
    Result<> outcome;
    Result<std::shared_ptr<File>> create(const std::string&) override { return none; }
    Result<std::shared_ptr<File>> open(const std::string&) override { return none; }
    Result<std::shared_ptr<Directory>> create_directory(const std::string&) override { return none; }
    Result<std::shared_ptr<Directory>> open_directory(const std::string&) override { return none; }
    Result<> rename(const std::string&, const std::string&) override { return none; }
    Result<> move(const std::string&, Directory&, const std::string&) override { return none; }
    Result<> remove(const std::string&) override { return none; }
    Result<std::vector<Entry>> list() override { return none; }
    Result<> sync() override { return ++syncs, outcome; }
    Result<Space> space() override { return none; }
    Millis unanswered() const override { return Millis{0}; }
    Result<std::unique_ptr<Lock>> lock(const std::string&) override { return none; }

private:
    static constexpr std::unexpected<Error> none{Error::missing};
};

class SharedSyncTest : public testing::Test {
protected:
    Task<> make_a_name(char who) {
        auto synced = co_await shared_.sync();
        done_ += synced ? who : '!';
    }
    void comes(char who) { loop_.spawn(make_a_name(who)); }
    void one_sync_ends() {
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
    std::shared_ptr<CountedDirectory> directory_ = std::make_shared<CountedDirectory>();
    SharedSync shared_{seam_, directory_};
    std::string done_;
};

TEST_F(SharedSyncTest, the_next_sync_covers_all_that_came_while_one_ran) {
    for (char who : {'a', 'b', 'c'}) comes(who);
    EXPECT_EQ(disk_.held(), 1U);
    one_sync_ends();
    EXPECT_EQ(done_, "a");  // The others came when it had begun.
    comes('d');
    one_sync_ends();
    EXPECT_EQ(done_, "abc");
    one_sync_ends();
    EXPECT_EQ(done_, "abcd");
    EXPECT_EQ(directory_->syncs, 3);
    EXPECT_EQ(disk_.held(), 0U);
}

TEST_F(SharedSyncTest, a_sync_that_fails_fails_those_it_should_have_covered) {
    comes('a');
    comes('b');
    directory_->outcome = std::unexpected(Error::exhausted);
    one_sync_ends();
    directory_->outcome = {};
    EXPECT_EQ(done_, "!");
    one_sync_ends();
    EXPECT_EQ(done_, "!b");
}

}  // namespace
}  // namespace fulmar
