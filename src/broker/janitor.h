// Janitor: looks after the partitions of one core, one after the other: deletes what is too old, removes
// files, forgets producers, and writes down what a start need not read again. It lives on its core.
#pragma once

#include "broker/shard.h"
#include "core/clock_watch.h"

namespace fulmar {

class Janitor {
public:
    struct Rhythm {
        Millis look{1'000};                      // Files to be removed, snapshots that are due.
        Millis retention{300'000};               // log.retention.check.interval.ms
        Millis expiry{60'000};                   // Of producers
        Millis producer_expiration{86'400'000};  // that wrote nothing for so long.
    };
    Janitor(Shard& shard, Rhythm rhythm, ClockWatch watch)
        : shard_(shard), rhythm_(rhythm), watch_(watch), timer_(shard.seam.loop) {}

    // Until `stop`; then `ended` tells.
    Task<> run();
    void stop();
    bool running() const { return running_; }
    Signal& ended() { return ended_; }

private:
    // Does `work` with each partition that is still there when its turn comes.
    template <class Work>
    Task<> each(Work work);

    Shard& shard_;
    const Rhythm rhythm_;
    ClockWatch watch_;
    Timer timer_;
    Signal ended_;
    bool stopping_ = false, running_ = false;
};

}  // namespace fulmar
