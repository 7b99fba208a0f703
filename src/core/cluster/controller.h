// Controller: decides what the cluster shall be. A machine (core/machine.h): commands come with their
// time, facts go out; the broker's shell commits these to the store before anybody learns of them.
// It chooses no ids (they come with the command), reads no clock, and knows neither store nor protocol.
#pragma once

#include <set>
#include <string>

#include "core/cluster/alter_configs.h"
#include "core/cluster/image.h"
#include "core/cluster/topic_config.h"
#include "core/machine.h"

namespace fulmar::cluster {

// What is asked of CreateTopics, a topic.
struct NewTopic {
    std::string name;
    TopicId id{};                                              // What it shall have, if it comes to be.
    std::int32_t partitions = -1;                              // -1: the default.
    std::int16_t replication = -1;                             // -1: the default.
    std::map<std::int32_t, std::vector<BrokerId>> assignment;  // Manual placement; else empty.
    bool assigned_twice = false;                               // Whether a partition stood twice in it.
    std::vector<std::pair<std::string, std::optional<std::string>>> configs;
};

// Why a topic was not created, grown or deleted; the door maps it to a code.
enum class TopicRefusal : std::uint8_t {
    invalid_name = 1,
    exists,
    invalid_partitions,
    invalid_replication,
    invalid_assignment,
    invalid_config,
    disk_full,
    no_room,        // Over what a request, a topic or the store may hold.
    broker_config,  // A setting that only a broker's start can set, or a value that it cannot go by.
    contradiction,  // Assignment beside a number, or the topic twice in one request.
    unknown_name,
    unknown_id,
};

class Controller {
public:
    struct CreateTopic {
        NewTopic topic;
        bool validate_only = false;
    };
    // More partitions for a topic, `partitions` in all. With an assignment, that of the new ones alone.
    struct GrowTopic {
        std::string name;
        std::int32_t partitions = 0;
        std::optional<std::vector<std::vector<BrokerId>>> assignment;
        bool validate_only = false;
    };
    struct DeleteTopic {
        std::variant<std::string, TopicId> topic;
    };
    // What a deleted topic had is off every disk.
    struct ForgetTopic {
        TopicId id{};
    };
    struct RegisterBroker {
        Broker broker;
    };
    // Of settings.
    struct AlterConfigs {
        ConfigOwner owner;
        std::vector<ConfigEdit> edits;
        bool replace = false;  // What no edit names is removed.
        bool validate_only = false;
    };
    using Command =
        std::variant<CreateTopic, GrowTopic, DeleteTopic, ForgetTopic, RegisterBroker, AlterConfigs>;

    struct Refused {
        TopicRefusal why{};
        std::string text;  // For people: names what is wrong.
    };
    // The topic as it is now, or as it last was. Null for a command that is about none.
    using Answer = std::expected<TopicPointer, Refused>;
    using Event = Fact;
    // Work due outside: the files of this deleted topic are to go.
    using Duty = TopicId;

    Controller() = default;
    explicit Controller(std::int32_t default_partitions, ConfigMap defaults)
        : default_partitions_(default_partitions), defaults_(std::move(defaults)) {}

    Decision<Controller> decide(const Command& command, Ticket ticket, Clocks clocks) const;
    Decision<Controller> settle(Clocks) const { return {}; }
    std::optional<Instant> deadline() const { return std::nullopt; }
    std::vector<Duty> owed() const;
    void apply(const Event& event);
    static bool durable(const Event& event);

    const Image& image() const { return image_; }
    // Deleted topics of which something may still be on a disk.
    const std::map<TopicId, TopicGone>& tombstones() const { return tombstones_; }
    const ConfigMap& defaults() const { return defaults_; }

private:
    Answer create(const NewTopic& wanted) const;
    Answer grow(const GrowTopic& wanted) const;
    Answer find(const DeleteTopic& wanted) const;
    // What becomes so, if anything does.
    std::expected<std::optional<Fact>, Refused> alter(const AlterConfigs& wanted) const;
    std::expected<std::vector<PartitionState>, Refused> place(const NewTopic& wanted) const;
    std::optional<Refused> wrong_replicas(const std::vector<BrokerId>& replicas) const;
    void place_in_turn(const TopicId& id, std::int32_t until, std::size_t replication,
                       std::vector<PartitionState>& placed) const;

    std::int32_t default_partitions_ = 1;
    ConfigMap defaults_;
    Image image_;
    std::map<TopicId, TopicGone> tombstones_;
};

// One topic cannot take more: a shard's parts stay within a commit, and a request within its bound.
inline constexpr std::int32_t partitions_max = 10'000;

}  // namespace fulmar::cluster
