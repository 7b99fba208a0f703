#include "core/cluster/controller.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/crc32c.h"

namespace fulmar::cluster {

static_assert(Machine<Controller>);

using Refused = Controller::Refused;

static std::unexpected<Refused> refuse(TopicRefusal why, std::string text) {
    return std::unexpected(Refused{why, std::move(text)});
}

bool Controller::durable(const Event& event) {
    return std::holds_alternative<TopicIs>(event) || std::holds_alternative<TopicGone>(event) ||
           std::holds_alternative<TopicForgotten>(event) || std::holds_alternative<ConfigsAre>(event);
}
void Controller::apply(const Event& event) {
    image_.apply(event);
    if (auto* gone = std::get_if<TopicGone>(&event)) tombstones_[gone->id] = *gone;
    else if (auto* forgotten = std::get_if<TopicForgotten>(&event)) tombstones_.erase(forgotten->id);
}
std::vector<Controller::Duty> Controller::owed() const {
    std::vector<Duty> ids;
    for (auto& [id, gone] : tombstones_) ids.push_back(id);
    return ids;
}

Decision<Controller> Controller::decide(const Command& command, Ticket ticket, Clocks) const {
    Decision<Controller> decision;
    Answer answer = TopicPointer();
    if (auto* registration = std::get_if<RegisterBroker>(&command)) {
        decision.events.push_back(BrokerIs{registration->broker});
    } else if (auto* forget = std::get_if<ForgetTopic>(&command)) {
        if (tombstones_.contains(forget->id)) decision.events.push_back(TopicForgotten{forget->id});
    } else if (auto* removal = std::get_if<DeleteTopic>(&command)) {
        answer = find(*removal);
        if (answer) {
            auto& topic = **answer;
            decision.events.push_back(TopicGone{topic.id, topic.name, std::int32_t(topic.partitions.size())});
        }
    } else if (auto* alteration = std::get_if<AlterConfigs>(&command)) {
        auto fact = alter(*alteration);
        if (!fact) answer = std::unexpected(std::move(fact.error()));
        else if (*fact && !alteration->validate_only) decision.events.push_back(**fact);
    } else {
        auto* growth = std::get_if<GrowTopic>(&command);
        answer = growth ? grow(*growth) : create(std::get<CreateTopic>(command).topic);
        bool only = growth ? growth->validate_only : std::get<CreateTopic>(command).validate_only;
        if (answer && !only) decision.events.push_back(TopicIs{*answer});
    }
    decision.answers.emplace_back(ticket, std::move(answer));
    return decision;
}

Controller::Answer Controller::find(const DeleteTopic& wanted) const {
    if (auto* name = std::get_if<std::string>(&wanted.topic)) {
        if (auto topic = image_.share(*name)) return topic;
        return refuse(TopicRefusal::unknown_name, fmt::format("There is no topic '{}'.", *name));
    }
    auto& id = std::get<TopicId>(wanted.topic);
    if (auto topic = image_.share(id)) return topic;
    return refuse(TopicRefusal::unknown_id, fmt::format("There is no topic with the id {}.", to_text(id)));
}

Controller::Answer Controller::create(const NewTopic& wanted) const {
    if (!valid_topic_name(wanted.name))
        return refuse(TopicRefusal::invalid_name,
                      fmt::format("Topic name '{}' is invalid: 1 to 249 of a-z, A-Z, 0-9, '.', '_' and '-'.",
                                  wanted.name));
    if (image_.find(wanted.name))
        return refuse(TopicRefusal::exists, fmt::format("Topic '{}' already exists.", wanted.name));
    if (auto* other = image_.collides(wanted.name))
        return refuse(TopicRefusal::invalid_name,
                      fmt::format("Topic '{}' collides with existing topic: {}", wanted.name, other->name));
    auto placed = place(wanted);
    if (!placed) return std::unexpected(std::move(placed.error()));
    auto topic = std::make_shared<Topic>();
    for (auto& [name, value] : wanted.configs) {
        if (auto why = invalid_topic_config(name, value)) return refuse(TopicRefusal::invalid_config, *why);
        topic->configs[name] = *value;
    }
    std::size_t bytes = 0;
    for (auto& [name, value] : topic->configs) bytes += name.size() + value.size();
    if (bytes > configs_bytes_max)
        return refuse(TopicRefusal::no_room,
                      fmt::format("The configs of one topic take at most {} bytes.", configs_bytes_max));
    topic->id = wanted.id;
    topic->name = wanted.name;
    topic->partitions = std::move(*placed);
    return topic;
}

std::expected<std::optional<Fact>, Refused> Controller::alter(const AlterConfigs& wanted) const {
    auto& [kind, name] = wanted.owner;
    TopicPointer topic;
    if (kind == ConfigOwner::Kind::topic) {
        if (!valid_topic_name(name))
            return refuse(TopicRefusal::invalid_name, fmt::format("Topic name '{}' is invalid.", name));
        topic = image_.share(name);
        if (!topic)
            return refuse(TopicRefusal::unknown_name, fmt::format("The topic '{}' does not exist.", name));
    } else if (name.size() > config_owner_bytes_max) {
        return refuse(TopicRefusal::no_room,
                      fmt::format("Such a name takes at most {} bytes.", config_owner_bytes_max));
    }
    // For lists: what they begin from when they are not set.
    auto defaults = image_.configs({ConfigOwner::Kind::broker, ""});
    defaults.merge(ConfigMap(defaults_));
    auto& before = topic ? topic->configs : image_.configs(wanted.owner);
    auto now = altered(kind, before, defaults, wanted.edits, wanted.replace);
    if (!now) {
        using Why = ConfigRefusal::Why;
        auto why = now.error().why;
        return refuse(why == Why::invalid   ? TopicRefusal::invalid_config
                      : why == Why::no_room ? TopicRefusal::no_room
                                            : TopicRefusal::broker_config,
                      std::move(now.error().text));
    }
    if (*now == before) return std::nullopt;
    if (!topic) {
        if (before.empty() && image_.configs().size() >= config_owners_max)
            return refuse(TopicRefusal::no_room,
                          fmt::format("Settings are kept for at most {} brokers, groups and subscriptions.",
                                      config_owners_max));
        return ConfigsAre{wanted.owner, std::move(*now)};
    }
    auto changed = std::make_shared<Topic>(*topic);
    changed->configs = std::move(*now);
    return TopicIs{std::move(changed)};
}

static PartitionState led_by_first(std::vector<BrokerId> replicas) {
    auto leader = replicas.front();
    return {replicas, replicas, leader, 0, 0};
}

// What stands against such a list in a manual assignment.
std::optional<Refused> Controller::wrong_replicas(const std::vector<BrokerId>& replicas) const {
    auto bad = [](std::string text) { return Refused{TopicRefusal::invalid_assignment, std::move(text)}; };
    if (replicas.empty()) return bad("The manual partition assignment includes an empty replica list.");
    if (replicas.size() > replicas_max)
        return bad(fmt::format("A partition has at most {} replicas.", replicas_max));
    for (auto replica : replicas) {
        if (!image_.brokers().contains(replica))
            return bad(fmt::format(
                "The manual partition assignment includes broker {}, but no such broker is registered.",
                std::to_underlying(replica)));
        if (std::ranges::count(replicas, replica) > 1)
            return bad(fmt::format("The manual partition assignment includes the broker {} more than once.",
                                   std::to_underlying(replica)));
    }
    return std::nullopt;
}

// Round robin from a place that the id gives, so that leaders spread over brokers.
void Controller::place_in_turn(const TopicId& id, std::int32_t until, std::size_t replication,
                               std::vector<PartitionState>& placed) const {
    std::vector<BrokerId> ids;
    for (auto& [broker_id, broker] : image_.brokers()) ids.push_back(broker_id);
    std::size_t start = crc32c(id) % ids.size();
    for (auto p = placed.size(); p < std::size_t(until); ++p) {
        std::vector<BrokerId> replicas;
        for (std::size_t r = 0; r < replication; ++r) replicas.push_back(ids[(start + p + r) % ids.size()]);
        placed.push_back(led_by_first(std::move(replicas)));
    }
}

Controller::Answer Controller::grow(const GrowTopic& wanted) const {
    auto* known = image_.find(wanted.name);
    if (!known)
        return refuse(TopicRefusal::unknown_name, fmt::format("There is no topic '{}'.", wanted.name));
    auto has = std::int32_t(known->partitions.size());
    if (wanted.partitions == has)
        return refuse(TopicRefusal::invalid_partitions,
                      fmt::format("Topic already has {} partition(s).", has));
    if (wanted.partitions < has)
        return refuse(TopicRefusal::invalid_partitions,
                      fmt::format("The topic {} currently has {} partition(s); {} would not be an increase.",
                                  wanted.name, has, wanted.partitions));
    if (wanted.partitions > partitions_max)
        return refuse(TopicRefusal::invalid_partitions,
                      fmt::format("At most {} partitions.", partitions_max));
    auto topic = std::make_shared<Topic>(*known);
    auto replication = known->partitions.front().replicas.size();
    auto more = std::size_t(wanted.partitions - has);
    if (!wanted.assignment) {
        if (image_.brokers().size() < replication)
            return refuse(TopicRefusal::invalid_replication,
                          fmt::format("Unable to replicate the partition {} time(s): only {} broker(s) are "
                                      "registered.",
                                      replication, image_.brokers().size()));
        place_in_turn(topic->id, wanted.partitions, replication, topic->partitions);
        return topic;
    }
    if (wanted.assignment->size() != more)
        return refuse(TopicRefusal::invalid_assignment,
                      fmt::format("{} partition(s) would be added, and {} assignment(s) were given.", more,
                                  wanted.assignment->size()));
    for (auto& replicas : *wanted.assignment) {
        if (auto why = wrong_replicas(replicas)) return std::unexpected(std::move(*why));
        if (replicas.size() != replication)
            return refuse(TopicRefusal::invalid_assignment,
                          fmt::format("The manual partition assignment includes a partition with {} "
                                      "replica(s), and the topic's partitions have {}.",
                                      replicas.size(), replication));
        topic->partitions.push_back(led_by_first(replicas));
    }
    return topic;
}

// Kafka looks at the replication factor before it looks at the number of partitions.
std::expected<std::vector<PartitionState>, Refused> Controller::place(const NewTopic& wanted) const {
    std::vector<PartitionState> placed;
    if (!wanted.assignment.empty()) {
        auto bad = [](std::string text) { return refuse(TopicRefusal::invalid_assignment, std::move(text)); };
        if (wanted.replication != -1)
            return refuse(
                TopicRefusal::contradiction,
                "A manual partition assignment was specified, but replication factor was not set to -1.");
        if (wanted.partitions != -1)
            return refuse(
                TopicRefusal::contradiction,
                "A manual partition assignment was specified, but numPartitions was not set to -1.");
        if (wanted.assigned_twice)
            return bad("Found multiple manual partition assignments for one partition.");
        if (wanted.assignment.size() > std::size_t(partitions_max))
            return refuse(TopicRefusal::invalid_partitions,
                          fmt::format("At most {} partitions.", partitions_max));
        for (auto& [index, replicas] : wanted.assignment) {
            if (std::size_t(index) != placed.size())
                return bad("partitions should be a consecutive 0-based integer sequence");
            if (auto why = wrong_replicas(replicas)) return std::unexpected(std::move(*why));
            if (replicas.size() != wanted.assignment.begin()->second.size())
                return bad("The manual partition assignment includes replica lists of different lengths.");
            placed.push_back(led_by_first(replicas));
        }
        return placed;
    }
    auto brokers = std::int16_t(std::min<std::size_t>(image_.brokers().size(), INT16_MAX));
    auto replication = wanted.replication == -1 ? std::int16_t(1) : wanted.replication;
    if (replication <= 0)
        return refuse(TopicRefusal::invalid_replication,
                      "Replication factor must be larger than 0, or -1 to use the default value.");
    auto partitions = wanted.partitions == -1 ? default_partitions_ : wanted.partitions;
    if (partitions <= 0)
        return refuse(TopicRefusal::invalid_partitions,
                      "Number of partitions was set to an invalid non-positive value.");
    if (replication > brokers)
        return refuse(
            TopicRefusal::invalid_replication,
            fmt::format("Unable to replicate the partition {} time(s): only {} broker(s) are registered.",
                        replication, brokers));
    if (std::size_t(replication) > replicas_max)
        return refuse(TopicRefusal::invalid_replication,
                      fmt::format("A partition has at most {} replicas.", replicas_max));
    if (partitions > partitions_max)
        return refuse(TopicRefusal::invalid_partitions,
                      fmt::format("At most {} partitions.", partitions_max));
    place_in_turn(wanted.id, partitions, std::size_t(replication), placed);
    return placed;
}

}  // namespace fulmar::cluster
