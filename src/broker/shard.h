// Shard: what one core has of the broker: its copy of the cluster's image, and the partitions that live
// here. A map and nothing more: a partition looks after itself. It belongs to its core; core 0 makes it.
#pragma once

#include <map>
#include <set>

#include "broker/partition.h"
#include "broker/settings.h"
#include "core/cluster/image.h"
#include "core/cluster/topic_config.h"

namespace fulmar {

class Shard {
public:
    using Roots = std::vector<std::shared_ptr<Directory>>;  // The home first.
    Shard(int core, Seam& seam, int cores, const Roots& roots, const Settings& settings);

    const int core;
    Seam& seam;
    std::deque<DirectoryShare> directories;
    // Partitions that are in a directory that is away or has failed, wherever they live.
    std::set<PartitionId> offline{};
    void take_offline(const std::set<PartitionId>& partitions);
    // Of requests for settings or for sizes: what goes into one answer can take a hundred MiB meanwhile.
    Turns describing;
    // What has happened on this core since the start.
    Counters& counters() { return context_.counters; }

    const cluster::Image& image() const { return image_; }
    void apply(const cluster::Fact& fact) { image_.apply(fact); }
    // What this broker goes by now, by its names for it; only what somebody set. Topics have their defaults
    // from it.
    const cluster::ConfigMap& values() const { return values_; }
    // A number of them, `fixed` when nobody has set it since the start. REQUIRES: its row is one of numbers.
    std::int64_t value_now(std::string_view name, std::int64_t fixed) const;
    // After facts that say what is set for brokers: the partitions here go by it from now on.
    void follow_settings();

    // Word of a failure is on its way to core 0, or has come back.
    void telling() { ++telling_; }
    void told();
    // Until no partition syncs and nothing is on its way. Called from `home`, where it ends.
    Task<> come_to_rest(Loop& home);

    // Whoever awaits anything keeps a share: its topic may be deleted meanwhile. The last share goes here.
    // None that is offline is found.
    std::shared_ptr<Partition> find(const PartitionId& id) const;
    // What is said of a partition that is not found here.
    kafka::ErrorCode absence(const PartitionId& id) const;
    // From now on what partitions have not begun is refused: nobody is there to be answered any more.
    void refuse_work() { context_.refusing = true; }
    ClockWatch& clock() { return context_.clock; }
    // Where new partitions go.
    void place_by(PartitionContext::Place place) { context_.place = std::move(place); }
    // Made if it is not here yet.
    Partition& lead(const cluster::Topic& topic, std::int32_t index);
    std::map<PartitionId, std::shared_ptr<Partition>>& partitions() { return partitions_; }
    const std::map<PartitionId, std::shared_ptr<Partition>>& partitions() const { return partitions_; }
    // A topic is deleted: its partitions are not found any more, and refuse what they were asked before.
    void drop(const TopicId& topic);
    // Until nothing that was dropped of it is at work; then it is no more. Once for each topic.
    Task<> retire(TopicId topic);

private:
    bool at_rest() const;
    PartitionRules rules_of(const cluster::Topic& topic) const;

    PartitionContext context_;
    int telling_ = 0;
    const BrokerId id_;
    const cluster::ConfigMap fixed_;  // From the start.
    cluster::ConfigMap values_;
    cluster::Image image_;
    std::map<PartitionId, std::shared_ptr<Partition>> partitions_;
    std::map<TopicId, std::vector<std::shared_ptr<Partition>>> retired_;
};

// The core on which a partition lives.
int core_of(const PartitionId& id, int cores);

}  // namespace fulmar
