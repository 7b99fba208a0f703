// Operations: what is under way on one disk, and for how long. A disk that hangs tells nobody: a thread in a
// system call on it cannot be called back. So what is not answered in time is given up, and the thread with
// it: the job is told that it failed, and the thread, should it ever return, goes no further. Any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "io/seam.h"

namespace fulmar::real {

// A job while a thread of the disk pool executes it: it ends, or it is given up.
class RunningJob {
public:
    RunningJob(Disk::Job& job, Loop& home) : job_(job), home_(home) {}
    void execute();                // Tells its loop; does not return when it was given up.
    bool give_up();                // Tells its loop that it failed. False: nobody can be told.
    void go_on();                  // Does not return when it was given up.
    static RunningJob* current();  // This thread's; none where no job is executed.

private:
    enum class State : std::uint8_t { running, ended, given_up };
    Disk::Job& job_;
    Loop& home_;
    std::atomic<State> state_ = State::running;
};

class Operations : public std::enable_shared_from_this<Operations> {
public:
    using Clock = std::chrono::steady_clock;
    // `name`: of the disk, for log lines.
    explicit Operations(std::string name) : name_(std::move(name)) {}

    // One operation, from its making to its end. `kept` is what it touches behind a system call.
    class UnderWay {
    public:
        UnderWay(std::shared_ptr<Operations> among, std::shared_ptr<const void> kept);
        ~UnderWay();
        UnderWay(const UnderWay&) = delete;
        // False: the disk has been given up, and nothing may be asked of it.
        explicit operator bool() const { return entered_; }
        // After each system call that may have taken long.
        void go_on() const {
            if (job_) job_->go_on();
        }

    private:
        friend Operations;
        const std::shared_ptr<Operations> among_;
        const std::shared_ptr<const void> kept_;
        RunningJob* const job_;
        UnderWay* const outer_;  // Of this thread: while this one is under way, that one does not wait.
        UnderWay *before_ = nullptr, *behind_ = nullptr;
        Clock::time_point since_{};
        bool entered_ = false, given_up_ = false;
    };

    // How long the oldest one has been under way; 0: none is.
    std::chrono::milliseconds unanswered(Clock::time_point now = Clock::now()) const;
    bool failed() const { return failed_.load(std::memory_order_acquire); }
    std::size_t given_up() const { return jobs_given_up_.load(); }  // Jobs: each has taken a thread along.
    const std::string& name() const { return name_; }

    struct Seen {
        std::chrono::milliseconds unanswered{};
        std::size_t stuck = 0;  // Threads of the disk pool that have waited for longer than a second.
        bool hopeless = false;  // One that cannot be given up has waited for too long.
    };
    // Gives up what has been under way for `limit`, and with the first the disk.
    Seen look(Clock::time_point now, std::chrono::milliseconds limit);

private:
    void enter(UnderWay& operation);
    void leave(UnderWay& operation);

    const std::string name_;
    std::atomic<bool> failed_ = false;
    std::atomic<std::size_t> jobs_given_up_ = 0;
    mutable std::mutex mutex_;
    UnderWay* first_ = nullptr;  // A list, in no order.
};

}  // namespace fulmar::real
