// Operations: the system calls that are under way on one disk, and for how long. A disk that hangs tells
// nobody: a thread in a call on it cannot be called back. So a call that is not answered in time is given up,
// and its job and its thread with it: the job is told that it failed, and the thread, should the call ever
// return, goes no further. Any thread.
#pragma once

#include <atomic>
#include <cerrno>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "io/seam.h"

namespace fulmar::real {

// A job while a thread of the disk pool executes it.
class RunningJob {
public:
    RunningJob(Disk::Job& job, Loop& home) : job_(job), home_(home) {}
    void execute();                // Tells its loop, unless it is given up: then it does not return.
    bool give_up();                // Tells its loop that it failed. False: nobody can be told.
    static RunningJob* current();  // This thread's; none where no job is executed.

private:
    Disk::Job& job_;
    Loop& home_;
};

class Operations {
public:
    using Clock = std::chrono::steady_clock;
    // `name`: of the disk, for log lines.
    explicit Operations(std::string name) : name_(std::move(name)) {}

    // A system call that may wait for the disk: what it returns, and errno. -1 and EIO once the disk is given
    // up.
    //
    // What was lent to a job is gone when its call was given up. So a call writes only to memory of its
    // thread, or of `kept`, and nothing of the caller's is used behind it in that case: it does not return.
    // What it reads may be gone as well; then the kernel puts other bytes into a file of a disk that nobody
    // believes any more, and that has a checksum. It may hold locks of this disk, since nobody asks for them
    // any more, but none that others need.
    template <std::invocable F>
    auto call(std::shared_ptr<const void> kept, F system_call) -> decltype(system_call()) {
        if (failed()) return errno = EIO, -1;
        Call under_way(std::move(kept));
        enter(under_way);
        auto returned = system_call();
        int code = errno;
        leave(under_way);
        errno = code;
        return returned;
    }

    // The same for what is not one call, and is done in any case: it cannot be given up.
    void watch(const std::function<void()>& work) {
        Call under_way(nullptr);
        enter(under_way);
        work();
        leave(under_way);
    }

    // How long the oldest one has been under way; 0: none is.
    std::chrono::milliseconds unanswered(Clock::time_point now = Clock::now()) const;
    bool failed() const { return failed_.load(std::memory_order_acquire); }
    std::size_t given_up() const { return jobs_given_up_.load(); }  // Jobs: each has taken a thread along.
    const std::string& name() const { return name_; }

    struct Seen {
        std::chrono::milliseconds unanswered{};
        std::size_t stuck = 0;  // Threads of the disk pool that wait for longer than a second.
        bool cannot_give_up = false;
    };
    // Gives up what has been under way for `limit`, and with the first the disk. A call outside a job, or of
    // one that cannot tell its failure, cannot be given up.
    Seen look(Clock::time_point now, std::chrono::milliseconds limit);

private:
    struct Call {
        explicit Call(std::shared_ptr<const void> k) : kept(std::move(k)) {}
        const std::shared_ptr<const void> kept;
        RunningJob* const job = RunningJob::current();
        Call *before = nullptr, *behind = nullptr;
        Clock::time_point since{};
        bool given_up = false;
    };
    void enter(Call& call);
    void leave(Call& call);  // Does not return when it was given up.

    const std::string name_;
    std::atomic<bool> failed_ = false;
    std::atomic<std::size_t> jobs_given_up_ = 0;
    mutable std::mutex mutex_;
    Call* first_ = nullptr;  // A list, in no order.
};

}  // namespace fulmar::real
