#include "broker/shard.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "core/cluster/config_tables.h"

namespace fulmar {

Shard::Shard(int number, Seam& world, int cores, const Roots& roots, const Settings& settings)
    : core(number),
      seam(world),
      context_{world, directories, settings.durability == Durability::page_cache},
      id_{std::int32_t(settings.broker_id)},
      fixed_(fixed_values(settings)),
      values_(fixed_) {
    auto unsynced_bytes_max = std::uint64_t(settings.unsynced_bytes_max / cores);
    bool several = settings.data_directories.size() > 1;
    for (auto& root : roots)
        directories.emplace_back(directories.size(), several, root, world, unsynced_bytes_max);
}

std::int64_t Shard::value_now(std::string_view name, std::int64_t fixed) const {
    auto set = values_.find(name);
    return set == values_.end() ? fixed : parse_number<std::int64_t>(trimmed(set->second)).value_or(fixed);
}

void Shard::follow_settings() {
    values_ = cluster::broker_values(image_, id_, fixed_);
    for (auto& [id, partition] : partitions_)
        if (auto* topic = image_.find(id.topic)) partition->lead(partition->leader_epoch(), rules_of(*topic));
}

std::shared_ptr<Partition> Shard::find(const PartitionId& id) const {
    auto at = partitions_.find(id);
    return at == partitions_.end() || at->second->offline() ? nullptr : at->second;
}
kafka::ErrorCode Shard::absence(const PartitionId& id) const {
    if (partitions_.contains(id)) return kafka::ErrorCode::kafka_storage_error;
    return image_.find(id.topic) ? kafka::ErrorCode::not_leader_or_follower
                                 : kafka::ErrorCode::unknown_topic_or_partition;
}
void Shard::take_offline(const std::set<PartitionId>& partitions) {
    offline.insert(partitions.begin(), partitions.end());
    for (auto& [id, partition] : partitions_)
        if (offline.contains(id)) partition->mark_away();
}
void Shard::drop(const TopicId& topic) {
    for (auto at = partitions_.lower_bound({topic, INT32_MIN});
         at != partitions_.end() && at->first.topic == topic; at = partitions_.erase(at)) {
        at->second->retire();
        retired_[topic].push_back(std::move(at->second));
    }
}
Task<> Shard::retire(TopicId topic) {
    auto dropped = retired_.extract(topic);
    if (dropped.empty()) co_return;
    for (auto& partition : dropped.mapped()) co_await partition->come_to_rest();
}
PartitionRules Shard::rules_of(const cluster::Topic& topic) const {
    return {cluster::produce_rules(topic.configs, values_), cluster::log_rules(topic.configs, values_)};
}
Partition& Shard::lead(const cluster::Topic& topic, std::int32_t index) {
    PartitionId id{topic.id, index};
    auto& state = topic.partitions[std::size_t(index)];
    auto rules = rules_of(topic);
    auto& place = partitions_[id];
    if (place) place->lead(state.leader_epoch, rules);
    else
        place = std::make_shared<Partition>(context_, id, partition_directory_name(topic.name, id),
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
