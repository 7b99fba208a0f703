// Compactor: compacts the partitions of one core that stand in one data directory and whose topics want it,
// one after the other. It lives on its core.
#pragma once

#include "broker/pacer.h"
#include "broker/shard.h"

namespace fulmar {

class Compactor {
public:
    // `own_pacer`: of all compaction on this core, which goes by the settings. `pacer`: of all work in the
    // background in the directory. `cores`: who else shares what the settings give.
    Compactor(Shard& shard, const DirectoryShare& directory, Pacer& own_pacer, Pacer& pacer, int cores)
        : shard_(shard),
          directory_(directory),
          own_pacer_(own_pacer),
          pacer_(pacer),
          cores_(cores),
          timer_(shard.seam.loop) {}

    // Until `stop`, behind that of the pacers; then `ended` tells.
    Task<> run();
    void stop();
    bool running() const { return running_; }
    Signal& ended() { return ended_; }

private:
    void follow_settings();

    Shard& shard_;
    const DirectoryShare& directory_;
    Pacer &own_pacer_, &pacer_;
    const int cores_;
    Timer timer_;
    Signal ended_;
    Millis backoff_{15'000};         // log.cleaner.backoff.ms
    std::size_t map_bytes_max_ = 0;  // log.cleaner.dedupe.buffer.size, of this core and directory
    bool stopping_ = false, running_ = false;
};

}  // namespace fulmar
