#include "broker/describe_configs.h"

#include "core/cluster/config_tables.h"
#include "core/cluster/topic_config.h"

namespace fulmar {

using cluster::ConfigKind, cluster::ConfigMap, cluster::ConfigOwner, cluster::ConfigRow;
using Text = std::string_view;

BrokerLevels::BrokerLevels(const cluster::Image& image, BrokerId id, const ConfigMap& from_start)
    : own(image.configs({ConfigOwner::Kind::broker, std::to_string(std::to_underlying(id))})),
      all(image.configs({ConfigOwner::Kind::broker, ""})),
      fixed(from_start) {}

static ConfigType type_of(const ConfigRow& row) {
    switch (row.kind) {
        case ConfigKind::boolean: return ConfigType::boolean;
        case ConfigKind::integer: return cluster::is_int(row) ? ConfigType::integer : ConfigType::large;
        case ConfigKind::number: return ConfigType::number;
        case ConfigKind::list: return ConfigType::list;
        case ConfigKind::choice:
        case ConfigKind::text: break;
    }
    return ConfigType::text;
}
static ConfigType type_of(const Setting& setting) {
    if (std::holds_alternative<Setting::Flag>(setting.kind)) return ConfigType::boolean;
    if (auto* number = std::get_if<Setting::Number>(&setting.kind))
        return number->most > std::numeric_limits<std::int32_t>::max() ? ConfigType::large
                                                                       : ConfigType::integer;
    if (std::holds_alternative<Setting::Duration>(setting.kind)) return ConfigType::large;
    return ConfigType::text;
}

static void add(DescribedConfig& to, const ConfigMap& level, Text name, ConfigSource source) {
    if (auto at = level.find(name); at != level.end()) to.synonyms.push_back({name, at->second, source});
}
static void add_levels(DescribedConfig& to, const BrokerLevels& levels, Text name) {
    add(to, levels.own, name, ConfigSource::broker);
    add(to, levels.all, name, ConfigSource::all_brokers);
    add(to, levels.fixed, name, ConfigSource::start);
}
// The strongest is in force. REQUIRES: there is one.
static void take_first(DescribedConfig& config) {
    config.value = config.synonyms.front().value;
    config.source = config.synonyms.front().source;
}

static Described describe_rows(std::span<const ConfigRow> table, const ConfigMap& set, ConfigSource own,
                               const BrokerLevels* levels) {
    Described all;
    for (auto& row : table) {
        auto& config =
            all.emplace_back(DescribedConfig{.name = row.name, .type = type_of(row), .what = row.what});
        add(config, set, row.name, own);
        if (levels && !row.broker_name.empty()) add_levels(config, *levels, row.broker_name);
        auto name = row.broker_name.empty() ? row.name : row.broker_name;
        config.synonyms.push_back({name, row.usual, ConfigSource::usual});
        take_first(config);
    }
    return all;
}
Described describe_topic(const ConfigMap& set, const BrokerLevels& levels) {
    return describe_rows(cluster::topic_configs(), set, ConfigSource::topic, &levels);
}
Described describe_group(const ConfigMap& set, const BrokerLevels& levels) {
    return describe_rows(cluster::group_configs(), set, ConfigSource::group, &levels);
}
Described describe_client_metrics(const ConfigMap& set) {
    return describe_rows(cluster::client_metrics_configs(), set, ConfigSource::client_metrics, nullptr);
}

static const Setting* find_setting(Text name) {
    for (auto& setting : settings_table())
        if (setting.key == name) return &setting;
    return nullptr;
}
// What was kept although nobody here knows it. It may be a secret.
static void add_unknown(Described& all, const ConfigMap& level, ConfigSource source) {
    for (auto& [name, value] : level) {
        bool known = cluster::find_broker_config(name) || find_setting(name);
        bool told = std::ranges::any_of(all, [&](auto& config) { return config.name == name; });
        if (!known && !told)
            all.push_back(
                {.name = name, .value = {}, .source = source, .sensitive = true, .type = ConfigType::text});
    }
}

Described describe_broker(const BrokerLevels& levels, const std::vector<std::string>& values) {
    Described all;
    auto describe = [&](Text name, ConfigType type, Text what, bool read_only, Text usual) {
        auto& config = all.emplace_back(
            DescribedConfig{.name = name, .read_only = read_only, .type = type, .what = what});
        add_levels(config, levels, name);
        if (!usual.empty() || config.synonyms.empty())
            config.synonyms.push_back({name, usual, ConfigSource::usual});
        take_first(config);
    };
    auto never = [](Text name) {
        auto* row = cluster::find_broker_config(name);
        return !row || row->change == cluster::ConfigChange::never;
    };
    auto table = settings_table();
    for (std::size_t i = 0; i < table.size() && i < values.size(); ++i) {
        // What was not set may still not be the table's: where nothing is advertised, it is where one
        // listens.
        auto usual = levels.fixed.contains(table[i].key) ? table[i].fallback : Text(values[i]);
        describe(table[i].key, type_of(table[i]), table[i].what, never(table[i].key), usual);
    }
    for (auto& row : cluster::broker_configs()) {
        if (find_setting(row.name) || row.use == cluster::ConfigUse::absent) continue;
        auto usual = row.usual;
        for (std::size_t i = 0; i < table.size() && i < values.size(); ++i)
            if (table[i].also == row.name) usual = values[i];
        describe(row.name, type_of(row), row.what, row.change == cluster::ConfigChange::never, usual);
    }
    for (auto& row : cluster::topic_configs())
        if (!row.broker_name.empty() && !find_setting(row.broker_name))
            describe(row.broker_name, type_of(row), row.what, false, row.usual);
    add_unknown(all, levels.own, ConfigSource::broker);
    add_unknown(all, levels.all, ConfigSource::all_brokers);
    return all;
}

Described describe_all_brokers(const BrokerLevels& levels) {
    Described all;
    for (auto& [name, value] : levels.all) {
        auto* row = cluster::find_broker_config(name);
        if (!row) continue;
        auto& config =
            all.emplace_back(DescribedConfig{.name = name, .type = type_of(*row), .what = row->what});
        add(config, levels.all, name, ConfigSource::all_brokers);
        take_first(config);
    }
    add_unknown(all, levels.all, ConfigSource::all_brokers);
    return all;
}

}  // namespace fulmar
