// Shard: what one core has of the broker: its copy of the cluster's image, and the partitions that live
// here. A map and nothing more: a partition looks after itself. It belongs to its core; core 0 makes it.
#pragma once

#include <map>

#include "broker/partition.h"
#include "broker/settings.h"
#include "core/cluster/image.h"
#include "core/cluster/topic_config.h"

namespace fulmar {

class Shard {
public:
    Shard(int core, Seam& seam, int cores, std::shared_ptr<Directory> data, const Settings& settings);

    const int core;
    Seam& seam;
    DiskBudget budget;

    const cluster::Image& image() const { return image_; }
    void apply(const cluster::Fact& fact) { image_.apply(fact); }

    // Word of a failure is on its way to core 0, or has come back.
    void telling() { ++telling_; }
    void told();
    // Until no partition syncs and nothing is on its way. Called from `home`, where it ends.
    Task<> come_to_rest(Loop& home);

    Partition* find(const PartitionId& id);
    // From now on what partitions have not begun is refused: nobody is there to be answered any more.
    void refuse_work() { context_.refusing = true; }
    // Made if it is not here yet.
    Partition& lead(const cluster::Topic& topic, std::int32_t index, const cluster::ConfigMap& defaults);
    std::map<PartitionId, std::unique_ptr<Partition>>& partitions() { return partitions_; }

private:
    bool at_rest() const;

    PartitionContext context_;
    int telling_ = 0;
    cluster::Image image_;
    std::map<PartitionId, std::unique_ptr<Partition>> partitions_;
};

// The core on which a partition lives.
int core_of(const PartitionId& id, int cores);

}  // namespace fulmar
