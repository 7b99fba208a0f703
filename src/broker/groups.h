// Groups: the group coordinators of one core: a host (broker/machine_host.h) for each partition of
// __consumer_offsets that lives here, and what they must be told of the world: that topics went, and that
// time has passed. It lives on its core.
#pragma once

#include <map>
#include <vector>

#include "broker/machine_host.h"
#include "broker/settings.h"
#include "broker/shard.h"
#include "core/cluster/controller.h"
#include "core/group/stored.h"

namespace fulmar {

inline constexpr std::string_view group_topic = "__consumer_offsets";

// How it is made.
cluster::NewTopic group_topic_wanted(const Settings& settings);

// The partition whose leader is the coordinator of a group (or what else goes by a key): of so many, the one
// that Kafka's clients and tools compute too.
std::int32_t coordinator_partition(std::string_view key, std::int32_t partitions);
// Where a group is kept; nothing before there is such a topic.
std::optional<PartitionId> coordinator_of(const cluster::Image& image, std::string_view group);

// Of consumer groups; there is one at least.
std::vector<std::string_view> assignors_of(const Settings& settings);

// What the group coordinators of one core hold, or of all.
struct GroupsView {
    group::Tally tally;  // Of those that serve.
    std::uint64_t serving = 0, loading = 0, unavailable = 0;
    // Of those that are not available, by why, which.
    std::map<std::string, std::vector<std::int32_t>> troubles;
    void add(const GroupsView& other);
};

class Groups {
public:
    using Coordinator = MachineHost<group::Coordinator, group::Stored>;
    Groups(Shard& shard, const Settings& settings);

    // Until `stop`, which returns when nothing of it runs any more.
    void start();
    Task<> stop();
    // What the image knows of is led from now on: a coordinator for each partition that lives here and has
    // none yet. Those of a topic that is gone end.
    void follow();
    // Offsets of these topics are forgotten, by who cannot do that now as soon as it can: there may be others
    // of these names by then.
    void topics_gone(const std::vector<std::string>& names);
    // Null: it does not live here, or is gone.
    Coordinator* find(const PartitionId& id);
    std::vector<PartitionId> all() const;
    GroupsView view() const;

private:
    using GoneTopics = group::Coordinator::GoneTopics;
    void lead(const PartitionId& id, std::shared_ptr<Partition> partition);
    Task<> keep();
    Task<> expire(PartitionId id);
    void owe(const PartitionId& id, std::shared_ptr<const GoneTopics> gone);
    Task<> forget_gone(PartitionId id);
    Task<std::optional<std::string>> forget_some(PartitionId id, std::shared_ptr<const GoneTopics> gone,
                                                 std::string from);
    void forget_unknown(const PartitionId& id, const Coordinator& coordinator);
    void sweep();  // Those that have ended.

    Shard& shard_;
    WritePace pace_;
    const group::CoordinatorRules rules_;
    const Millis check_interval_;
    const std::size_t load_buffer_bytes_;
    std::map<PartitionId, std::unique_ptr<Coordinator>> led_;
    std::vector<std::unique_ptr<Coordinator>> ending_;
    // What a coordinator may still have offsets of. It is there while a task of its own tells that
    // coordinator.
    struct Owed {
        std::vector<std::shared_ptr<const GoneTopics>> batches;
        bool missed = false;  // There were more.
    };
    std::map<PartitionId, Owed> owed_;
    std::map<PartitionId, Timer*> resting_;  // Of those that take nothing now.
    std::size_t forgetting_ = 0;             // Tasks.
    Timer timer_;
    Signal ended_;
    bool started_ = false, stopping_ = false, running_ = false;
};

}  // namespace fulmar
