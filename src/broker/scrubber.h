// Scrubber: reads all data of one core's partitions in one data directory in a given time, over and over, and
// tells what is damaged (log/scrub.h). It lives on its core. After a start it begins somewhere by chance, so
// that a broker which is started often still comes to everything.
#pragma once

#include "broker/pacer.h"
#include "broker/shard.h"

namespace fulmar {

class Scrubber {
public:
    // `pacer`: of all work in the background in the directory.
    Scrubber(Shard& shard, const DirectoryShare& directory, Pacer& pacer, Millis interval)
        : shard_(shard),
          directory_(directory),
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
    bool stands_here(const Partition& partition) const {
        return partition.directory() == &directory_ && partition.log().exists();
    }
    void set_rate();

    Shard& shard_;
    const DirectoryShare& directory_;
    Pacer& pacer_;
    Pacer own_pacer_;  // No faster than needed.
    Instant rate_set_{};
    const Millis interval_;
    Timer timer_;
    Signal ended_;
    bool stopping_ = false, running_ = false;
};

}  // namespace fulmar
