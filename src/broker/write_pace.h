// WritePace: how often the machines of one core begin a batch. Each batch costs the disk a sync, so when very
// many come, more goes into each; a few begin at once, as they come. It belongs to its core.
#pragma once

#include <algorithm>

#include "io/turns.h"

namespace fulmar {

class WritePace {
public:
    // With a sync at about 50 us of CPU: a tenth of a core at most, and then a batch waits for no longer than
    // there are machines on the core, in milliseconds.
    static constexpr int batches_a_millisecond = 1, saved_max = 32;
    explicit WritePace(Loop& loop) : loop_(loop) {}

    // One's turn to begin one, in the order they came.
    Task<> turn() {
        co_await turns_.enter();
        for (refill(); left_ == 0; refill()) co_await Timer(loop_, Millis(1));
        --left_;
        turns_.leave(loop_);
    }

private:
    void refill() {
        auto passed = (loop_.now() - since_).count();
        since_ = loop_.now();
        left_ = int(std::min<std::int64_t>(left_ + passed * batches_a_millisecond, saved_max));
    }

    Loop& loop_;
    Turns turns_;
    Instant since_{};
    int left_ = saved_max;
};

}  // namespace fulmar
