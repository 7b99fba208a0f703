// A disk that does not answer: what waits for it is given up, with its thread, and nothing else has to wait.
#include <gtest/gtest.h>
#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <mutex>

#include "io/real/directory.h"
#include "io/real/open_directory.h"
#include "io/real/runtime.h"
#include "tests/io/scratch.h"

namespace fulmar {
namespace {

using std::chrono::milliseconds;

// A system call on the disk of `directory` that returns when it is let go. It outlives its test, as the
// thread that is in it does.
class Call {
public:
    void wait(const std::shared_ptr<Directory>& directory) {
        real::operations_of(*directory).call(directory, [this] {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [this] { return let_go_; });
            return 0;
        });
    }
    void let_go() {
        std::lock_guard guard(mutex_);
        let_go_ = true;
        changed_.notify_all();
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool let_go_ = false;
};

class DiskThreadsTest : public testing::Test {
protected:
    void run(int threads, real::DiskPatience patience, const std::function<Task<>(Host&)>& program) {
        real::Runtime runtime(1, threads, {slow_, other_}, patience);
        runtime.run(program);
    }
    static std::deque<Call>& kept() {
        static auto& all = *new std::deque<Call>;
        return all;
    }
    Scratch first_, second_;
    Result<std::shared_ptr<Directory>> slow_ = real::open_directory(first_.path(), false);
    Result<std::shared_ptr<Directory>> other_ = real::open_directory(second_.path(), false);
    Call* const call_ = &kept().emplace_back();
    static constexpr real::DiskPatience soon{.limit = milliseconds(300)};
};

TEST_F(DiskThreadsTest, a_job_that_is_not_answered_fails_and_its_thread_goes_no_further) {
    struct Seen {
        std::atomic<bool> behind = false;
    };
    auto seen = std::make_shared<Seen>();
    run(1, soon, [&](Host& host) -> Task<> {
        auto& disk = host.cores[0]->disk;
        auto begun = host.cores[0]->loop.now();
        auto result = co_await disk.run([call = call_, seen, slow = *slow_]() -> Result<int> {
            call->wait(slow);
            seen->behind = true;
            return 1;
        });
        EXPECT_FALSE(result);
        EXPECT_EQ(result.error(), Error::failed);
        EXPECT_GE(host.cores[0]->loop.now() - begun, milliseconds(300));
        // From now on nobody waits for it; the others are as they were.
        auto listed = co_await disk.run([&] { return (*slow_)->list(); });
        EXPECT_EQ(listed.error(), Error::failed);
        auto made = co_await disk.run([&] { return (*slow_)->create("file"); });
        EXPECT_EQ(made.error(), Error::failed);
        EXPECT_TRUE(co_await disk.run([&] { return (*other_)->create("file"); }));
    });
    call_->let_go();
    std::this_thread::sleep_for(milliseconds(50));
    EXPECT_FALSE(seen->behind);
}

TEST_F(DiskThreadsTest, an_open_file_of_it_fails_too) {
    auto file = (*slow_)->create("file");
    ASSERT_TRUE(file);
    run(1, soon, [&](Host& host) -> Task<> {
        auto& disk = host.cores[0]->disk;
        (void)co_await disk.run(
            [call = call_, slow = *slow_]() -> Result<> { return call->wait(slow), Result<>(); });
        auto bytes = bytes_of("x");
        EXPECT_EQ((*file)->write(0, {&bytes, 1}).error(), Error::failed);
        EXPECT_EQ((*file)->sync().error(), Error::failed);
        std::byte into[1];
        EXPECT_EQ((*file)->read(0, into).error(), Error::failed);
    });
}

TEST_F(DiskThreadsTest, while_one_disk_holds_all_threads_others_get_new_ones) {
    run(2, {.limit = milliseconds(60'000)}, [&](Host& host) -> Task<> {
        auto& core = *host.cores[0];
        auto held = [](Disk& disk, Call* call, std::shared_ptr<Directory> slow, int& ended) -> Task<> {
            (void)co_await disk.run([call, slow] { return call->wait(slow), Result<>(); });
            ++ended;
        };
        int ended = 0;
        for (int n = 0; n < 2; ++n) core.loop.spawn(held(core.disk, call_, *slow_, ended));
        EXPECT_TRUE(co_await core.disk.run([&] { return (*other_)->create("file"); }));
        EXPECT_GE((*slow_)->unanswered(), milliseconds(1'000));
        EXPECT_EQ((*other_)->unanswered(), milliseconds(0));
        EXPECT_EQ(ended, 0);
        call_->let_go();  // It answers after all, and nothing has come of it.
        while (ended < 2) co_await Timer(core.loop, Millis(1));
        EXPECT_EQ((*slow_)->unanswered(), milliseconds(0));
        EXPECT_TRUE(co_await core.disk.run([&] { return (*slow_)->create("file"); }));
    });
}

TEST_F(DiskThreadsTest, behind_many_that_get_stuck_one_after_another_nobody_waits_for_long) {
    constexpr int many = 100;
    run(4, {.limit = milliseconds(60'000)}, [&](Host& host) -> Task<> {
        auto& core = *host.cores[0];
        auto held = [](Disk& disk, Call* call, std::shared_ptr<Directory> slow, int& ended) -> Task<> {
            (void)co_await disk.run([call, slow] { return call->wait(slow), Result<>(); });
            ++ended;
        };
        int ended = 0;
        auto begun = core.loop.now();
        for (int n = 0; n < many; ++n) core.loop.spawn(held(core.disk, call_, *slow_, ended));
        EXPECT_TRUE(co_await core.disk.run([&] { return (*other_)->create("file"); }));
        EXPECT_LT(core.loop.now() - begun, milliseconds(4'000));
        EXPECT_EQ(ended, 0);
        call_->let_go();
        while (ended < many) co_await Timer(core.loop, Millis(1));
    });
}

TEST_F(DiskThreadsTest, however_many_jobs_it_held_others_go_on_once_it_is_given_up) {
    constexpr int many = 600;  // More than there are stand-ins.
    run(1, {.limit = milliseconds(2'000)}, [&](Host& host) -> Task<> {
        auto& core = *host.cores[0];
        auto held = [](Disk& disk, Call* call, std::shared_ptr<Directory> slow, int& failed) -> Task<> {
            auto told = co_await disk.run([call, slow]() -> Result<> {
                return real::operations_of(*slow).failed() ? std::unexpected(Error::failed)
                                                           : (call->wait(slow), Result<>());
            });
            failed += !told;
        };
        int failed = 0;
        for (int n = 0; n < many; ++n) core.loop.spawn(held(core.disk, call_, *slow_, failed));
        EXPECT_TRUE(co_await core.disk.run([&] { return (*other_)->create("file"); }));
        auto end = core.loop.now() + Millis(10'000);
        while (failed < many && core.loop.now() < end) co_await Timer(core.loop, Millis(5));
        EXPECT_EQ(failed, many);
    });
}

TEST_F(DiskThreadsTest, so_they_do_when_its_calls_return_late_and_another_hangs) {
    Scratch third;
    auto more = real::open_directory(third.path(), false);
    Call* second = &kept().emplace_back();
    real::Runtime runtime(1, 1, {slow_, other_, more}, {.limit = milliseconds(1'500)});
    runtime.run([&](Host& host) -> Task<> {
        auto& disk = host.cores[0]->disk;
        auto wait = [](Call* call, std::shared_ptr<Directory> slow) {
            return [call, slow]() -> Result<> { return call->wait(slow), Result<>(); };
        };
        EXPECT_FALSE(co_await disk.run(wait(call_, *slow_)));
        call_->let_go();
        EXPECT_FALSE(co_await disk.run(wait(second, *other_)));
        EXPECT_TRUE(co_await disk.run([&] { return (*more)->create("file"); }));
    });
}

using DiskThreadsDeath = DiskThreadsTest;
TEST_F(DiskThreadsDeath, when_a_core_itself_waits_the_process_ends) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    auto wait_on_the_loop = [&] {
        run(1, soon, [&](Host&) -> Task<> {
            call_->wait(*slow_);
            co_return;
        });
    };
    EXPECT_EXIT(wait_on_the_loop(), testing::ExitedWithCode(1), "");
}
TEST_F(DiskThreadsDeath, so_it_does_when_a_job_cannot_tell_that_it_failed) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    auto wait_in_a_job = [&] {
        run(1, soon, [&](Host& host) -> Task<> {
            co_await host.cores[0]->disk.run([call = call_, slow = *slow_] { return call->wait(slow), 1; });
        });
    };
    EXPECT_EXIT(wait_in_a_job(), testing::ExitedWithCode(1), "");
}

}  // namespace
}  // namespace fulmar
