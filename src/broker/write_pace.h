// WritePace: how often the machines of one core begin a batch. Each batch costs the disk a sync, so when very
// many come, more goes into each; a few begin at once, as they come. It belongs to its core.
#pragma once

#include <algorithm>

#include "io/turns.h"

namespace fulmar {

class WritePace {
public:
    // With a sync at about 80 us of CPU: a fiftieth of a core at most, and then a batch waits for no longer
    // than there are machines on the core, four times that in milliseconds.
    static constexpr Millis batch_every{4};
    static constexpr int saved_max = 32;
    explicit WritePace(Loop& loop) : loop_(loop) {}

    // One's turn to begin one, in the order they came.
    Task<> turn() {
        co_await turns_.enter();
        for (refill(); left_ == 0; refill()) co_await Timer(loop_, since_ + batch_every - loop_.now());
        --left_;
        turns_.leave(loop_);
    }

private:
    // Of what has passed, what is less than a batch's time counts the next time.
    void refill() {
        auto more = (loop_.now() - since_) / batch_every;
        since_ = since_ + more * batch_every;
        left_ = int(std::min<std::int64_t>(left_ + more, saved_max));
    }

    Loop& loop_;
    Turns turns_;
    Instant since_{};
    int left_ = saved_max;
};

}  // namespace fulmar
