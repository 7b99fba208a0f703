#include "broker/shard.h"

#include <algorithm>
#include <cstring>

namespace fulmar {

Shard::Shard(int number, Seam& world, int cores, std::shared_ptr<Directory> data, const Settings& settings)
    : core(number),
      seam(world),
      budget(world.loop, std::uint64_t(settings.unsynced_bytes_max / cores)),
      context_{world, budget, std::move(data), settings.durability == Durability::page_cache} {}

Partition* Shard::find(const PartitionId& id) {
    auto at = partitions_.find(id);
    return at == partitions_.end() ? nullptr : at->second.get();
}
Partition& Shard::lead(const cluster::Topic& topic, std::int32_t index, const cluster::ConfigMap& defaults) {
    PartitionId id{topic.id, index};
    auto& state = topic.partitions[std::size_t(index)];
    PartitionRules rules{cluster::produce_rules(topic.configs, defaults),
                         cluster::log_rules(topic.configs, defaults)};
    auto& place = partitions_[id];
    if (place) place->lead(state.leader_epoch, rules);
    else
        place = std::make_unique<Partition>(context_, id, partition_directory_name(topic.name, id),
                                            state.leader_epoch, rules);
    return *place;
}

void Shard::told() {
    --telling_;
    context_.rested.notify(seam.loop);
}
bool Shard::at_rest() const {
    return telling_ == 0 &&
           std::ranges::all_of(partitions_, [](auto& each) { return each.second->at_rest(); });
}
Task<> Shard::come_to_rest(Loop& home) {
    co_await Hop(seam.loop);
    while (!at_rest()) co_await context_.rested.wait();
    co_await Hop(home);
}

int core_of(const PartitionId& id, int cores) {
    std::uint64_t half = 0;  // Ids are random already.
    std::memcpy(&half, id.topic.data(), sizeof half);
    return int((half + std::uint64_t(id.index)) % std::uint64_t(cores));
}

}  // namespace fulmar
