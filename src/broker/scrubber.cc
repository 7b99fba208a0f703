#include "broker/scrubber.h"

namespace fulmar {

void Scrubber::set_rate() {
    rate_set_ = shard_.seam.loop.now();
    std::uint64_t bytes = 0;
    for (auto& [id, partition] : shard_.partitions())
        if (stands_here(*partition)) bytes += partition->log().size_bytes();
    // With some room, since the disk may be busy.
    own_pacer_.set_rate(std::max<std::uint64_t>(bytes * 1'250 / std::uint64_t(interval_.count()), 1));
}

Task<> Scrubber::run() {
    running_ = true;
    auto& loop = shard_.seam.loop;
    auto from = PartitionId{uuid_from(loop.random(), loop.random()), 0};
    while (!stopping_) {
        set_rate();
        // Between rounds, and where there is little to read.
        timer_.set(loop.now() + std::max(interval_ / 100, Millis(1)));
        co_await timer_;
        std::vector<PartitionId> ids;
        for (auto& [id, partition] : shard_.partitions())
            if (stands_here(*partition)) ids.push_back(id);
        auto first = std::ranges::lower_bound(ids, from);
        std::ranges::rotate(ids, first);
        from = {};
        for (auto& id : ids) {
            auto partition = stopping_ ? nullptr : shard_.find(id);
            if (loop.now() > rate_set_ + interval_ / 100) set_rate();  // Logs grow.
            if (partition) co_await partition->scrub({own_pacer_, pacer_, stopping_});
        }
    }
    running_ = false;
    ended_.notify(loop);
}
void Scrubber::stop() {
    stopping_ = true;
    timer_.wake();
    own_pacer_.stop();
}

}  // namespace fulmar
