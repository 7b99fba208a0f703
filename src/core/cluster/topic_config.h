// The settings of a topic: names, kinds, defaults and ranges, as Kafka 4.2 has them. One table serves
// validation, the answers of CreateTopics and what the log reads. Pure.
#pragma once

#include <expected>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "wire/produced_batch.h"

namespace fulmar::cluster {

enum class ConfigKind : std::uint8_t { boolean, integer, number, choice, list, text };

struct TopicConfig {
    std::string_view name;
    ConfigKind kind;
    std::string_view usual;  // Kafka's default, but for retention.ms: 30 days in place of 7.
    double least = 0, most = 0;
    std::string_view choices = {};      // Of `choice` and `list`: separated by spaces.
    std::string_view broker_name = {};  // The broker's setting that gives another default.
};

std::span<const TopicConfig> topic_configs();
const TopicConfig* find_topic_config(std::string_view name);

using ConfigMap = std::map<std::string, std::string, std::less<>>;

// Why `value` will not do for `name`; nothing when it will.
std::optional<std::string> invalid_topic_config(std::string_view name, std::optional<std::string_view> value);

// Of a topic, the broker's default, or Kafka's. REQUIRES: a name of the table.
std::string_view topic_config_value(const ConfigMap& set, const ConfigMap& defaults, std::string_view name);

// What the partitions of a topic go by when they append.
wire::ProduceRules produce_rules(const ConfigMap& set, const ConfigMap& defaults);

}  // namespace fulmar::cluster
