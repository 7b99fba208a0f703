// A loop for tests: it runs on the thread that calls `run`, and its time passes only when nothing else
// is to be done, at once to the next timer. Without timers it waits for what other threads deliver.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>

#include "io/seam.h"

namespace fulmar {

class TestLoop final : public Loop {
public:
    ~TestLoop() override { drop_all(); }
    Instant now() const override { return now_; }
    Timestamp wall_clock() const override { return Timestamp{std::to_underlying(now_)}; }
    std::chrono::microseconds stopwatch() const override { return Millis(std::to_underlying(now_)); }
    std::uint64_t random() override { return ++random_; }
    void post(Op& op) override { posted_.push_back(&op); }
    void deliver(Op& op) override {
        std::lock_guard lock(mutex_);
        delivered_.push_back(&op);
        came_.notify_one();
    }

    // Runs the task and all that it spawns to the end.
    void run(Task<> task) {
        spawn(std::move(task));
        while (spawned() > 0) turn();
    }
    // As a node that loses its power: what still runs is gone.
    void die() { drop_all(); }
    // False when nothing is left to do but to wait for other threads.
    bool turn_if_any() {
        if (posted_.empty()) take_delivered(false);
        if (posted_.empty() && !wake_at_) return false;
        turn();
        return true;
    }

private:
    void wake_at(Instant when) override { wake_at_ = when; }
    void take_delivered(bool wait) {
        std::unique_lock lock(mutex_);
        if (wait) came_.wait(lock, [&] { return !delivered_.empty(); });
        posted_.insert(posted_.end(), delivered_.begin(), delivered_.end());
        delivered_.clear();
    }
    void turn() {
        take_delivered(false);
        if (posted_.empty() && wake_at_) {
            now_ = std::max(now_, *std::exchange(wake_at_, std::nullopt));
            return ring();
        }
        if (posted_.empty()) take_delivered(true);
        auto* op = posted_.front();
        posted_.pop_front();
        op->waiter.resume();
    }

    Instant now_{};
    std::optional<Instant> wake_at_;
    std::uint64_t random_ = 0;
    std::deque<Op*> posted_;
    std::mutex mutex_;
    std::condition_variable came_;
    std::vector<Op*> delivered_;
};

}  // namespace fulmar
