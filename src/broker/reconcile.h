// Reconcile: makes the disk what the metadata says. Deleted topics leave tombstones, and what those topics
// had is taken off the disk, one partition a job and a few topics at once, until a tombstone can go too.
// Nothing is removed for not being known. It lives on core 0; the broker tells it of each deletion, and at a
// start of those that were left.
#pragma once

#include <deque>

#include "broker/shard.h"
#include "log/data_directory.h"

namespace fulmar {

class Reconcile {
public:
    using Shards = std::vector<std::unique_ptr<Shard>>;
    Reconcile(Seam& home, DataDirectory& data, Shards& shards) : home_(home), data_(data), shards_(shards) {}

    // The shards have dropped its partitions already.
    void topic_gone(cluster::TopicGone gone);
    // Serves until `stop`; then what is left is for the next start. A disk that fails ends it: `failure`.
    Task<> run();
    void stop();
    // Behind that: brings partitions to rest whose files nobody came to. They are for the next start.
    Task<> settle();
    const std::optional<std::string>& failure() const { return failure_; }

    // Topics of which nothing is left, nor will be after a power cut; each is given once.
    std::vector<TopicId> take_removed() { return std::exchange(removed_, {}); }

private:
    Task<> work();
    Task<> wait_a_little();
    void wake();
    Task<> retire(const TopicId& id);
    Task<bool> remove(const cluster::TopicGone& gone);

    Seam& home_;
    DataDirectory& data_;
    Shards& shards_;
    std::deque<cluster::TopicGone> waiting_;
    std::vector<TopicId> removed_;
    std::optional<std::string> failure_;
    bool stopping_ = false;
    int working_ = 0;
    Signal wanted_, ended_;
    std::vector<Timer*> patience_;  // Who waits for the disk to have room.
};

}  // namespace fulmar
