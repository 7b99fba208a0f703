// What is shown of the settings of a topic, a broker, a group or a subscription: each value, where it comes
// from, and what would hold in its place. The door puts it on the wire. Pure; any thread that may read the
// arguments.
#pragma once

#include "broker/settings.h"
#include "core/cluster/image.h"

namespace fulmar {

// Kafka's DescribeConfigs has these numbers (KIP-226).
enum class ConfigSource : std::int8_t {
    topic = 1,
    broker,       // Set for this broker while it ran.
    all_brokers,  // Set for all while they ran.
    start,        // From its file, environment or command line.
    usual,        // The default.
    logger,
    client_metrics,
    group,
};
// Kafka's, too.
enum class ConfigType : std::int8_t { boolean = 1, text, integer, small, large, number, list };

struct DescribedConfig {
    std::string_view name;
    std::optional<std::string_view> value{};  // Nothing when it may be a secret.
    ConfigSource source{};
    bool read_only = false, sensitive = false;
    ConfigType type{};
    std::string_view what{};  // A sentence for people.
    struct Synonym {
        std::string_view name, value;
        ConfigSource source{};
    };
    std::vector<Synonym> synonyms{};  // Beginning with the one in force.
};

// What a broker goes by, by where it comes from. Views of the image and of what the broker was started with.
struct BrokerLevels {
    BrokerLevels(const cluster::Image& image, BrokerId id, const cluster::ConfigMap& fixed);
    BrokerLevels(const cluster::ConfigMap& o, const cluster::ConfigMap& a, const cluster::ConfigMap& f)
        : own(o), all(a), fixed(f) {}
    const cluster::ConfigMap &own, &all, &fixed;
};

// All views are of the arguments.
using Described = std::vector<DescribedConfig>;
Described describe_topic(const cluster::ConfigMap& set, const BrokerLevels& levels);
Described describe_group(const cluster::ConfigMap& set, const BrokerLevels& levels);
Described describe_client_metrics(const cluster::ConfigMap& set);
// `values` are those of settings_table(), in its order (value_of).
Described describe_broker(const BrokerLevels& levels, const std::vector<std::string>& values);
// What is set for all brokers, and nothing else.
Described describe_all_brokers(const BrokerLevels& levels);

}  // namespace fulmar
