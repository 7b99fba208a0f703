#include "broker/janitor.h"

#include "base/log_sink.h"

namespace fulmar {

template <class Work>
Task<> Janitor::each(Work work) {
    std::vector<PartitionId> ids;
    for (auto& [id, partition] : shard_.partitions()) ids.push_back(id);
    for (auto& id : ids) {
        if (stopping_) co_return;
        if (auto partition = shard_.find(id)) co_await work(*partition);
    }
}

Task<> Janitor::run() {
    running_ = true;
    auto& loop = shard_.seam.loop;
    auto retention_due =
        loop.now() + std::min(rhythm_.retention, Millis(30'000));  // As Kafka, after a start.
    auto expiry_due = loop.now() + rhythm_.expiry;
    while (!stopping_) {
        timer_.set(loop.now() + rhythm_.look);
        co_await timer_;
        bool trusted = shard_.clock().trusts(loop.clocks());
        if (shard_.clock().jumped())
            log_warning(
                "the wall clock has jumped by more than an hour: nothing is deleted for its age until it "
                "has gone right for an hour");
        std::vector<PartitionId> waiting;
        for (auto& [id, partition] : shard_.partitions())
            if (partition->wants_upkeep()) waiting.push_back(id);
        for (auto& id : waiting) {
            auto partition = stopping_ ? nullptr : shard_.find(id);
            if (partition) co_await partition->keep_up();
        }
        if (loop.now() >= expiry_due) {
            expiry_due = loop.now() + rhythm_.expiry;
            auto expiration =
                shard_.value_now("producer.id.expiration.ms", rhythm_.producer_expiration.count());
            auto before = loop.now() + -Millis(expiration);
            for (auto& [id, partition] : shard_.partitions()) partition->expire_producers(before);
        }
        if (loop.now() < retention_due) continue;
        retention_due = loop.now() + rhythm_.retention;
        co_await each([&](Partition& partition) { return partition.retain(trusted); });
    }
    running_ = false;
    ended_.notify(loop);
}
void Janitor::stop() {
    stopping_ = true;
    timer_.wake();
}

}  // namespace fulmar
