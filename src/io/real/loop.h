// One core's loop over Asio's epoll reactor. Its thread owns everything but `deliver`.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <random>

#include "io/seam.h"

namespace boost::asio {
class io_context;
}

namespace fulmar::real {

class RealLoop final : public Loop {
public:
    RealLoop();
    ~RealLoop() override;
    Instant now() const override;
    Timestamp wall_clock() const override;
    std::chrono::microseconds stopwatch() const override;
    std::uint64_t random() override { return chance_(); }
    void post(Op& op) override;
    void deliver(Op& op) override;
    // A place that finishes at once may do so some times a turn; then others have theirs.
    bool may_finish_at_once() { return at_once_ > 0 && at_once_-- > 0; }
    // Turns until `done` says so; looked at after each.
    void run(const std::function<bool()>& done);
    void stop();  // Any thread: `run` returns although it is not done.
    void restart();
    boost::asio::io_context& context() { return *context_; }

private:
    void wake_at(Instant when) override;
    void run_mail();
    void run_posted();

    struct Alarm;
    static constexpr int at_once_a_turn = 16;
    std::unique_ptr<boost::asio::io_context> context_;
    std::unique_ptr<Alarm> alarm_;
    std::mt19937_64 chance_;
    std::atomic<Op*> mailbox_{nullptr};  // A stack that many push on and the owner takes whole.
    Op* posted_ = nullptr;
    Op** posted_last_ = &posted_;
    int at_once_ = at_once_a_turn;
};

}  // namespace fulmar::real
