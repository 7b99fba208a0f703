#include "broker/compactor.h"

#include "base/text.h"

namespace fulmar {

void Compactor::follow_settings() {
    backoff_ = Millis(shard_.value_now("log.cleaner.backoff.ms", 15'000));
    // So that the keys of any batch have room.
    constexpr std::int64_t map_bytes_least = 4 << 20;
    auto sharers = cores_ * std::int64_t(shard_.directories.size());
    auto map_bytes = shard_.value_now("log.cleaner.dedupe.buffer.size", 128 << 20) / sharers;
    map_bytes_max_ = std::size_t(std::max(map_bytes, map_bytes_least));
    auto rate = Pacer::unlimited;
    if (auto set = shard_.values().find("log.cleaner.io.max.bytes.per.second"); set != shard_.values().end())
        if (auto bytes = parse_number<double>(trimmed(set->second)); bytes && *bytes < 1e18)
            rate = std::uint64_t(std::max(*bytes / cores_, 1.0));
    own_pacer_.set_rate(rate);
}

Task<> Compactor::run() {
    running_ = true;
    auto& loop = shard_.seam.loop;
    while (!stopping_) {
        follow_settings();
        timer_.set(loop.now() + backoff_);
        co_await timer_;
        // How long tombstones stay, and what is old enough, goes by the wall clock.
        if (stopping_ || !shard_.clock().trusted()) continue;
        std::vector<PartitionId> ids;
        for (auto& [id, partition] : shard_.partitions())
            if (partition->directory() == &directory_ && partition->wants_compaction()) ids.push_back(id);
        for (auto& id : ids) {
            auto partition = stopping_ ? nullptr : shard_.find(id);
            if (!partition) continue;
            co_await partition->compact({own_pacer_, pacer_, stopping_}, map_bytes_max_);
        }
    }
    running_ = false;
    ended_.notify(loop);
}
void Compactor::stop() {
    stopping_ = true;
    timer_.wake();
}

}  // namespace fulmar
