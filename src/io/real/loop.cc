#include "io/real/loop.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

namespace fulmar::real {
namespace asio = boost::asio;

struct RealLoop::Alarm {
    asio::steady_timer timer;
};

template <class Clock, class Unit = Millis>
static Unit since_epoch() {
    return std::chrono::duration_cast<Unit>(Clock::now().time_since_epoch());
}

RealLoop::RealLoop()
    : context_(std::make_unique<asio::io_context>(1)),
      alarm_(new Alarm{asio::steady_timer(*context_)}),
      chance_([] {
          std::random_device device;
          return std::uint64_t(device()) << 32 | device();
      }()) {}
RealLoop::~RealLoop() = default;

Instant RealLoop::now() const { return Instant{since_epoch<std::chrono::steady_clock>().count()}; }
Timestamp RealLoop::wall_clock() const { return Timestamp{since_epoch<std::chrono::system_clock>().count()}; }
std::chrono::microseconds RealLoop::stopwatch() const {
    return since_epoch<std::chrono::steady_clock, std::chrono::microseconds>();
}

void RealLoop::post(Op& op) {
    bool first = posted_ == nullptr;
    op.next = nullptr;
    *std::exchange(posted_last_, &op.next) = &op;
    if (first) asio::post(*context_, [this] { run_posted(); });
}
void RealLoop::run_posted() {
    // What is posted meanwhile waits for its own turn, behind the sockets that are ready by then.
    posted_last_ = &posted_;
    for (auto* op = std::exchange(posted_, nullptr); op;) {
        auto* following = std::exchange(op->next, nullptr);  // Then it may be gone.
        op->waiter.resume();
        op = following;
    }
}

void RealLoop::deliver(Op& op) {
    auto* before = mailbox_.load(std::memory_order_relaxed);
    do op.next = before;
    while (
        !mailbox_.compare_exchange_weak(before, &op, std::memory_order_release, std::memory_order_relaxed));
    // Only the first of a batch wakes the owner. `op` may be gone already.
    if (!before) asio::post(*context_, [this] { run_mail(); });
}
void RealLoop::run_mail() {
    Op* in_order = nullptr;
    for (auto* op = mailbox_.exchange(nullptr, std::memory_order_acquire); op;) {
        auto* following = std::exchange(op->next, in_order);
        in_order = std::exchange(op, following);
    }
    while (in_order) std::exchange(in_order, in_order->next)->waiter.resume();
}

void RealLoop::run(const std::function<bool()>& done) {
    auto stay = asio::make_work_guard(*context_);  // A job in the pool is no work that Asio knows of.
    while (!done() && context_->run_one()) at_once_ = at_once_a_turn;
}
void RealLoop::stop() { context_->stop(); }
void RealLoop::restart() { context_->restart(); }

void RealLoop::wake_at(Instant when) {
    if (when <= now()) return asio::post(*context_, [this] { ring(); });  // An alarm takes 17 us.
    alarm_->timer.expires_at(std::chrono::steady_clock::time_point(Millis(std::to_underlying(when))));
    alarm_->timer.async_wait([this](boost::system::error_code cancelled) {
        if (!cancelled) ring();
    });
}

}  // namespace fulmar::real
