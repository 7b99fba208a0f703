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

Decision<Controller> Controller::decide(const Command& command, Ticket ticket, Clocks) const {
    if (auto* registration = std::get_if<RegisterBroker>(&command))
        return {{BrokerIs{registration->broker}}, {{ticket, TopicPointer()}}};
    Decision<Controller> decision;
    if (auto* alteration = std::get_if<AlterConfigs>(&command)) {
        auto fact = alter(*alteration);
        if (!fact) return {{}, {{ticket, std::unexpected(std::move(fact.error()))}}};
        if (*fact && !alteration->validate_only) decision.events.push_back(**fact);
        auto* is = *fact ? std::get_if<TopicIs>(&**fact) : nullptr;
        decision.answers.emplace_back(ticket, is ? is->topic : TopicPointer());
        return decision;
    }
    auto& [wanted, validate_only] = std::get<CreateTopic>(command);
    auto made = create(wanted);
    if (made && !validate_only) decision.events.push_back(TopicIs{*made});
    decision.answers.emplace_back(ticket, std::move(made));
    return decision;
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
        auto* found = image_.find(name);
        if (!found)
            return refuse(TopicRefusal::unknown_name, fmt::format("The topic '{}' does not exist.", name));
        topic = image_.share(found->id);
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

// Kafka looks at the replication factor before it looks at the number of partitions.
std::expected<std::vector<PartitionState>, Refused> Controller::place(const NewTopic& wanted) const {
    std::vector<PartitionState> placed;
    auto lead = [](std::vector<BrokerId> replicas) {
        auto leader = replicas.front();
        return PartitionState{replicas, replicas, leader, 0, 0};
    };
    if (wanted.assigned) {
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
            if (replicas.empty())
                return bad("The manual partition assignment includes an empty replica list.");
            if (replicas.size() > replicas_max)
                return bad(fmt::format("A partition has at most {} replicas.", replicas_max));
            for (auto replica : replicas) {
                if (!image_.brokers().contains(replica))
                    return bad(
                        fmt::format("The manual partition assignment includes broker {}, but no such broker "
                                    "is registered.",
                                    std::to_underlying(replica)));
                if (std::ranges::count(replicas, replica) > 1)
                    return bad(
                        fmt::format("The manual partition assignment includes the broker {} more than once.",
                                    std::to_underlying(replica)));
            }
            if (replicas.size() != wanted.assignment.begin()->second.size())
                return bad("The manual partition assignment includes replica lists of different lengths.");
            placed.push_back(lead(replicas));
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
    // Round robin from a place that the id gives, so that leaders spread over brokers.
    std::vector<BrokerId> ids;
    for (auto& [id, broker] : image_.brokers()) ids.push_back(id);
    std::size_t start = crc32c(wanted.id) % ids.size();
    for (std::int32_t p = 0; p < partitions; ++p) {
        std::vector<BrokerId> replicas;
        for (std::int16_t r = 0; r < replication; ++r)
            replicas.push_back(ids[(start + std::size_t(p) + std::size_t(r)) % ids.size()]);
        placed.push_back(lead(std::move(replicas)));
    }
    return placed;
}

}  // namespace fulmar::cluster
