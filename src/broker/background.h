// Background: what looks after the partitions of one core beside its requests. It lives on its core.
#pragma once

#include "broker/compactor.h"
#include "broker/janitor.h"
#include "broker/pacer.h"
#include "broker/scrubber.h"

namespace fulmar {

class Background {
public:
    // `bytes_per_second`: of this core's share, for all that reads and writes much.
    Background(Shard& shard, int cores, Janitor::Rhythm rhythm, Millis scrub_interval,
               std::uint64_t bytes_per_second)
        : loop_(shard.seam.loop),
          pacer_(loop_, bytes_per_second),
          janitor_(shard, rhythm),
          compactor_(shard, pacer_, cores),
          scrubber_(shard, pacer_, scrub_interval) {}
    void start() {
        loop_.spawn(janitor_.run());
        loop_.spawn(compactor_.run());
        loop_.spawn(scrubber_.run());
    }
    // Until nothing of it runs any more.
    Task<> stop() {
        pacer_.stop();
        janitor_.stop();
        compactor_.stop();
        scrubber_.stop();
        while (janitor_.running()) co_await janitor_.ended().wait();
        while (compactor_.running()) co_await compactor_.ended().wait();
        while (scrubber_.running()) co_await scrubber_.ended().wait();
    }

private:
    Loop& loop_;
    Pacer pacer_;
    Janitor janitor_;
    Compactor compactor_;
    Scrubber scrubber_;
};

}  // namespace fulmar
