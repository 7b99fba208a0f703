// Scrubber: reads all data of one core's partitions in a given time, over and over, and tells what is damaged
// (log/scrub.h). It lives on its core. After a start it begins somewhere by chance, so that a broker which is
// started often still comes to everything.
#pragma once

#include "broker/pacer.h"
#include "broker/shard.h"

namespace fulmar {

class Scrubber {
public:
    Scrubber(Shard& shard, Pacer& pacer, Millis interval)
        : shard_(shard),
          pacer_(pacer),
          own_pacer_(shard.seam.loop),
          interval_(interval),
          timer_(shard.seam.loop) {}

    // Until `stop`; then `ended` tells.
    Task<> run();
    void stop();
    bool running() const { return running_; }
    Signal& ended() { return ended_; }

private:
    void set_rate();

    Shard& shard_;
    Pacer& pacer_;     // Of all work in the background on this core.
    Pacer own_pacer_;  // No faster than needed.
    const Millis interval_;
    Timer timer_;
    Signal ended_;
    bool stopping_ = false, running_ = false;
};

}  // namespace fulmar
