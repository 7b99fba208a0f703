// Reconcile: makes the disk what the metadata says. Deleted topics leave tombstones, and what those topics
// had is taken off the disk, one partition a job and a few topics at once, until a tombstone can go too.
// Nothing is removed for not being known. It lives on core 0; the broker tells it of each deletion, and at a
// start of those that were left.
#pragma once

#include <deque>
#include <functional>
#include <set>

#include "broker/shard.h"

namespace fulmar {

class Reconcile {
public:
    using Shards = std::vector<std::unique_ptr<Shard>>;
    // Where the files of a partition are.
    struct Site {
        std::size_t directory = 0;
        std::shared_ptr<Directory> root{};  // None: nowhere.
        bool away = false;                  // Nobody knows, or where nothing can be removed.
    };
    using Find = std::function<Site(const PartitionId&)>;
    using Failed = std::function<Task<>(std::size_t directory, std::string why)>;
    Reconcile(Seam& home, Shards& shards, Find find, Failed failed)
        : home_(home), shards_(shards), find_(std::move(find)), failed_(std::move(failed)) {}

    // The shards have dropped its partitions already.
    void topic_gone(cluster::TopicGone gone);
    // Serves until `stop`; then what is left is for the next start, as is what stands where it cannot be
    // removed.
    Task<> run();
    void stop();
    // Behind that: brings partitions to rest whose files nobody came to. They are for the next start.
    Task<> settle();

    // Topics of which nothing is left, and where it stood: there it is gone for good once the directory is
    // synced, and may come back where that cannot be done any more. Each is given once.
    struct Removed {
        TopicId id{};
        std::set<std::size_t> directories{};
    };
    std::vector<Removed> take_removed() { return std::exchange(removed_, {}); }

private:
    Task<> work();
    Task<> wait_a_little();
    Task<> retire(const TopicId& id);
    // Where it stood; nothing, when some of it is left.
    Task<std::optional<std::set<std::size_t>>> remove(const cluster::TopicGone& gone);

    Seam& home_;
    Shards& shards_;
    const Find find_;
    const Failed failed_;
    std::deque<cluster::TopicGone> waiting_;
    std::vector<Removed> removed_;
    bool stopping_ = false;
    int working_ = 0;
    Signal wanted_, ended_;
    std::vector<Timer*> patience_;  // Who waits for the disk to have room.
};

}  // namespace fulmar
