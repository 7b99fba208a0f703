// Image: what is so in the cluster, as of one moment: its brokers, its topics, who leads what. The
// controller decides changes to it, the store keeps it in shards, brokers learn it as deltas. Values;
// topics are shared between the images of several cores and never change once made.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "core/cluster/config_row.h"

namespace fulmar::cluster {

inline constexpr BrokerId no_leader{-1};
// Of a partition: the store tells which are in sync by a byte of mask (shard_codec.h).
inline constexpr std::size_t replicas_max = 8;

struct PartitionState {
    std::vector<BrokerId> replicas, isr;
    BrokerId leader = no_leader;
    std::int32_t leader_epoch = 0, partition_epoch = 0;
    bool operator==(const PartitionState&) const = default;
};

struct Topic {
    TopicId id{};
    std::string name;
    ConfigMap configs;  // Only what was set for this topic.
    std::vector<PartitionState> partitions;
    bool operator==(const Topic&) const = default;
};
using TopicPointer = std::shared_ptr<const Topic>;

struct Broker {
    BrokerId id{};
    std::int64_t epoch = 0;  // The create_id of its node in the store: a later life has a larger one.
    std::string host;
    std::uint16_t port = 0;
    std::string rack;
    bool operator==(const Broker&) const = default;
};

// Whose settings some are; the numbers are Kafka's, of its ConfigResource.
struct ConfigOwner {
    enum class Kind : std::int8_t { topic = 2, broker = 4, client_metrics = 16, group = 32 } kind{};
    std::string name;  // Of a broker its id; "" stands for all brokers.
    auto operator<=>(const ConfigOwner&) const = default;
};

// Facts, each absolute: to apply one twice does no harm.
struct TopicIs {
    TopicPointer topic;
};
// It was deleted. What it had on disk is still to go, and until then this is remembered: nothing is removed
// for not being known.
struct TopicGone {
    TopicId id{};
    std::string name;
    std::int32_t partitions = 0;  // As many as it had in the end.
    bool operator==(const TopicGone&) const = default;
};
// Nothing of a deleted topic is left on any disk.
struct TopicForgotten {
    TopicId id{};
};
struct BrokerIs {
    Broker broker;
};
// All that is set for something that is no topic; nothing, when it is empty.
struct ConfigsAre {
    ConfigOwner owner;
    ConfigMap set;
};
using Fact = std::variant<TopicIs, TopicGone, TopicForgotten, BrokerIs, ConfigsAre>;
using Delta = std::vector<Fact>;

// Kafka's rule: 1 to 249 of [a-zA-Z0-9._-], and neither "." nor "..".
bool valid_topic_name(std::string_view name);

class Image {
public:
    void apply(const Fact& fact);
    const Topic* find(std::string_view name) const;
    const Topic* find(const TopicId& id) const;
    // Nothing when there is no such partition.
    std::optional<PartitionId> find(std::string_view topic, std::int32_t partition) const;
    TopicPointer share(const TopicId& id) const;
    TopicPointer share(std::string_view name) const;
    // Another topic whose name is the same once '.' and '_' are not told apart, as metrics cannot.
    const Topic* collides(std::string_view name) const;
    const std::map<std::string, TopicPointer, std::less<>>& topics() const { return by_name_; }
    // Another number after each change to them.
    std::uint64_t topics_version() const { return topics_version_; }
    const std::map<BrokerId, Broker>& brokers() const { return brokers_; }
    // What is set for one of them, topics apart; empty when there is nothing.
    const ConfigMap& configs(const ConfigOwner& owner) const;
    const std::map<ConfigOwner, ConfigMap>& configs() const { return configs_; }

private:
    void remove(const TopicId& id);
    struct IdHash {
        std::size_t operator()(const TopicId& id) const;
    };
    std::uint64_t topics_version_ = 1;
    std::map<std::string, TopicPointer, std::less<>> by_name_;
    std::unordered_map<TopicId, TopicPointer, IdHash> by_id_;
    std::unordered_map<std::string, std::string> by_plain_name_;  // '.' as '_' → the name.
    std::map<BrokerId, Broker> brokers_;
    std::map<ConfigOwner, ConfigMap> configs_;  // None of them is empty.
};

}  // namespace fulmar::cluster
