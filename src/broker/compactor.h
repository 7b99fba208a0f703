// Compactor: compacts the partitions of one core whose topics want it, one after the other. It lives on its
// core.
#pragma once

#include "broker/pacer.h"
#include "broker/shard.h"

namespace fulmar {

class Compactor {
public:
    // `pacer`: of all work in the background on this core. `cores`: who else shares what the settings give.
    Compactor(Shard& shard, Pacer& pacer, int cores)
        : shard_(shard), pacer_(pacer), own_pacer_(shard.seam.loop), cores_(cores), timer_(shard.seam.loop) {}

    // Until `stop`; then `ended` tells.
    Task<> run();
    void stop();
    bool running() const { return running_; }
    Signal& ended() { return ended_; }

private:
    void follow_settings();

    Shard& shard_;
    Pacer& pacer_;
    Pacer own_pacer_;  // log.cleaner.io.max.bytes.per.second
    const int cores_;
    Timer timer_;
    Signal ended_;
    Millis backoff_{15'000};         // log.cleaner.backoff.ms
    std::size_t map_bytes_max_ = 0;  // log.cleaner.dedupe.buffer.size, of this core
    bool stopping_ = false, running_ = false;
};

}  // namespace fulmar
