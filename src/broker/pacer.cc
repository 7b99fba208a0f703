#include "broker/pacer.h"

#include <algorithm>

namespace fulmar {

Task<> Pacer::turn() {
    if (stopped_) co_return;
    auto due = free_at_;
    if (due > loop_.now()) {
        Timer timer(loop_);
        timer.set(due);
        waiting_.push_back(&timer);
        co_await timer;
        std::erase(waiting_, &timer);
    }
    // The work's own time counts, time without work does not.
    free_at_ = std::max(free_at_, loop_.now());
}
void Pacer::took(std::uint64_t bytes) {
    if (bytes_per_second_ == unlimited || bytes == 0) return;
    // Rounded up, so that many small amounts are not for nothing.
    auto millis = bytes * 1'000 / std::max<std::uint64_t>(bytes_per_second_, 1) + 1;
    free_at_ = free_at_ + Millis(std::int64_t(std::min<std::uint64_t>(millis, 3'600'000)));
}
void Pacer::stop() {
    stopped_ = true;
    for (auto* timer : waiting_) timer->wake();
}

}  // namespace fulmar
