// Background: what looks after the partitions of one core beside its requests. Each data directory has its
// own compaction, scrub and pace, since it is a disk of its own: none waits for another. It lives on its
// core.
#pragma once

#include <deque>

#include "broker/compactor.h"
#include "broker/janitor.h"
#include "broker/pacer.h"
#include "broker/scrubber.h"

namespace fulmar {

class Background {
public:
    // `bytes_per_second`: of this core's share, for all that reads and writes much in one directory.
    Background(Shard& shard, int cores, Janitor::Rhythm rhythm, Millis scrub_interval,
               std::uint64_t bytes_per_second)
        : loop_(shard.seam.loop), janitor_(shard, rhythm), compaction_pacer_(loop_) {
        for (auto& directory : shard.directories) {
            auto& pacer = pacers_.emplace_back(loop_, bytes_per_second);
            compactors_.emplace_back(shard, directory, compaction_pacer_, pacer, cores);
            scrubbers_.emplace_back(shard, directory, pacer, scrub_interval);
        }
    }
    void start() {
        loop_.spawn(janitor_.run());
        for (auto& compactor : compactors_) loop_.spawn(compactor.run());
        for (auto& scrubber : scrubbers_) loop_.spawn(scrubber.run());
    }
    // Until nothing of it runs any more.
    Task<> stop() {
        compaction_pacer_.stop();
        for (auto& pacer : pacers_) pacer.stop();
        janitor_.stop();
        for (auto& compactor : compactors_) compactor.stop();
        for (auto& scrubber : scrubbers_) scrubber.stop();
        while (janitor_.running()) co_await janitor_.ended().wait();
        for (auto& compactor : compactors_)
            while (compactor.running()) co_await compactor.ended().wait();
        for (auto& scrubber : scrubbers_)
            while (scrubber.running()) co_await scrubber.ended().wait();
    }

private:
    Loop& loop_;
    Janitor janitor_;
    Pacer compaction_pacer_;    // log.cleaner.io.max.bytes.per.second, of all directories together.
    std::deque<Pacer> pacers_;  // One a directory, as those below.
    std::deque<Compactor> compactors_;
    std::deque<Scrubber> scrubbers_;
};

}  // namespace fulmar
