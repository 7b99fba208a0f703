#include "core/cluster/topic_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/text.h"

namespace fulmar::cluster {

static constexpr double unbounded = 9.3e18;  // No value of an int64 is beyond it.
static constexpr double int_max = std::numeric_limits<std::int32_t>::max();

using Text = std::string_view;
static constexpr TopicConfig integer(Text name, Text usual, double least, double most, Text broker_name) {
    return {name, ConfigKind::integer, usual, least, most, {}, broker_name};
}
static constexpr TopicConfig number(Text name, Text usual, double least, double most, Text broker_name) {
    return {name, ConfigKind::number, usual, least, most, {}, broker_name};
}
static constexpr TopicConfig boolean(Text name, Text usual, Text broker_name) {
    return {name, ConfigKind::boolean, usual, 0, 0, {}, broker_name};
}
static constexpr TopicConfig choice(Text name, Text usual, Text choices, Text broker_name) {
    return {name, ConfigKind::choice, usual, 0, 0, choices, broker_name};
}
static constexpr TopicConfig list(Text name, Text usual, Text choices, Text broker_name) {
    return {name, ConfigKind::list, usual, 0, 0, choices, broker_name};
}
static constexpr TopicConfig free_text(Text name, Text usual) { return {name, ConfigKind::text, usual}; }

// Name, default, range or choices, and the broker's setting for it. Sorted by name, the order in which
// answers list them.
static constexpr std::array table = {
    list("cleanup.policy", "delete", "compact delete", "log.cleanup.policy"),
    integer("compression.gzip.level", "-1", -1, 9, "compression.gzip.level"),
    integer("compression.lz4.level", "9", 1, 17, "compression.lz4.level"),
    choice("compression.type", "producer", "uncompressed zstd lz4 snappy gzip producer", "compression.type"),
    integer("compression.zstd.level", "3", -131072, 22, "compression.zstd.level"),
    integer("delete.retention.ms", "86400000", 0, unbounded, "log.cleaner.delete.retention.ms"),
    integer("file.delete.delay.ms", "60000", 0, unbounded, "log.segment.delete.delay.ms"),
    integer("flush.messages", "9223372036854775807", 1, unbounded, "log.flush.interval.messages"),
    integer("flush.ms", "9223372036854775807", 0, unbounded, "log.flush.interval.ms"),
    free_text("follower.replication.throttled.replicas", ""),
    integer("index.interval.bytes", "4096", 0, int_max, "log.index.interval.bytes"),
    free_text("leader.replication.throttled.replicas", ""),
    integer("local.retention.bytes", "-2", -2, unbounded, "log.local.retention.bytes"),
    integer("local.retention.ms", "-2", -2, unbounded, "log.local.retention.ms"),
    integer("max.compaction.lag.ms", "9223372036854775807", 1, unbounded,
            "log.cleaner.max.compaction.lag.ms"),
    integer("max.message.bytes", "1048588", 0, int_max, "message.max.bytes"),
    integer("message.timestamp.after.max.ms", "3600000", 0, unbounded, "log.message.timestamp.after.max.ms"),
    integer("message.timestamp.before.max.ms", "9223372036854775807", 0, unbounded,
            "log.message.timestamp.before.max.ms"),
    choice("message.timestamp.type", "CreateTime", "CreateTime LogAppendTime", "log.message.timestamp.type"),
    number("min.cleanable.dirty.ratio", "0.5", 0, 1, "log.cleaner.min.cleanable.ratio"),
    integer("min.compaction.lag.ms", "0", 0, unbounded, "log.cleaner.min.compaction.lag.ms"),
    integer("min.insync.replicas", "1", 1, int_max, "min.insync.replicas"),
    boolean("preallocate", "false", "log.preallocate"),
    boolean("remote.log.copy.disable", "false", ""),
    boolean("remote.log.delete.on.disable", "false", ""),
    boolean("remote.storage.enable", "false", ""),
    integer("retention.bytes", "-1", -1, unbounded, "log.retention.bytes"),
    integer("retention.ms", "2592000000", -1, unbounded, "log.retention.ms"),
    integer("segment.bytes", "1073741824", 1048576, int_max, "log.segment.bytes"),
    integer("segment.index.bytes", "10485760", 4, int_max, "log.index.size.max.bytes"),
    integer("segment.jitter.ms", "0", 0, unbounded, "log.roll.jitter.ms"),
    integer("segment.ms", "604800000", 1, unbounded, "log.roll.ms"),
    boolean("unclean.leader.election.enable", "false", "unclean.leader.election.enable"),
};
static_assert(std::ranges::is_sorted(table, {}, &TopicConfig::name));

std::span<const TopicConfig> topic_configs() { return table; }
const TopicConfig* find_topic_config(std::string_view name) {
    auto at = std::ranges::lower_bound(table, name, {}, &TopicConfig::name);
    return at != table.end() && at->name == name ? &*at : nullptr;
}

// Calls with each part of `text` between separators, until one is refused.
template <class F>
static bool each_part(std::string_view text, char separator, F accept) {
    for (std::size_t from = 0; from <= text.size();) {
        auto to = std::min(text.find(separator, from), text.size());
        if (!accept(trimmed(text.substr(from, to - from)))) return false;
        from = to + 1;
    }
    return true;
}
// In any case, as Java reads them.
static bool is_flag(std::string_view text) {
    auto same = [&](std::string_view word) { return std::ranges::equal(text, word, {}, lower); };
    return same("true") || same("false");
}
static bool among(std::string_view choices, std::string_view value) {
    return !value.empty() &&
           !each_part(choices, ' ', [&](std::string_view choice) { return choice != value; });
}

std::optional<std::string> invalid_topic_config(std::string_view name,
                                                std::optional<std::string_view> value) {
    auto* config = find_topic_config(name);
    if (!config) return fmt::format("Unknown topic config name: {}", name);
    if (!value) return fmt::format("Null value not supported for topic configs: {}", name);
    auto invalid = [&](std::string why) {
        return fmt::format("Invalid value {} for configuration {}: {}", *value, name, why);
    };
    auto plain = trimmed(*value);
    auto in_range = [&](double n) -> std::optional<std::string> {
        if (!(n >= config->least))  // Nor is "nan".
            return invalid(fmt::format("Value must be at least {:.0f}", config->least));
        if (n > config->most) return invalid(fmt::format("Value must be no more than {:.0f}", config->most));
        return std::nullopt;
    };
    switch (config->kind) {
        case ConfigKind::boolean:
            if (!is_flag(plain)) return invalid("Expected value to be either true or false");
            if (name == "remote.storage.enable" && plain.size() == 4)  // "true", in whatever case.
                return "There is no tiered storage: a topic cannot be configured with remote log storage.";
            return std::nullopt;
        case ConfigKind::integer:
            if (auto n = parse_number<std::int64_t>(plain)) return in_range(double(*n));
            return invalid("Not a number of type LONG");
        case ConfigKind::number:
            if (auto n = parse_number<double>(plain)) return in_range(*n);
            return invalid("Not a number of type DOUBLE");
        case ConfigKind::choice:
            if (among(config->choices, plain)) return std::nullopt;
            return invalid(fmt::format("must be one of: {}", config->choices));
        case ConfigKind::list:
            // An empty list is a policy too since Kafka 4.2: nothing is ever deleted.
            if (plain.empty()) return std::nullopt;
            if (each_part(plain, ',', [&](std::string_view part) { return among(config->choices, part); }))
                return std::nullopt;
            return invalid(fmt::format("must be of: {}", config->choices));
        case ConfigKind::text: return std::nullopt;
    }
    return std::nullopt;
}

std::string_view topic_config_value(const ConfigMap& set, const ConfigMap& defaults, std::string_view name) {
    if (auto at = set.find(name); at != set.end()) return at->second;
    auto* config = find_topic_config(name);
    CHECK(config);
    if (auto at = defaults.find(config->broker_name); at != defaults.end()) return at->second;
    return config->usual;
}

namespace {
// The values as what they mean; they were checked when they were set.
struct Values {
    const ConfigMap &set, &defaults;
    std::string_view text(std::string_view name) const {
        return trimmed(topic_config_value(set, defaults, name));
    }
    std::int64_t integer(std::string_view name) const {
        return parse_number<std::int64_t>(text(name)).value_or(0);
    }
    Millis millis(std::string_view name) const { return Millis(integer(name)); }
    bool flag(std::string_view name) const { return text(name).size() == 4; }  // "true", in whatever case.
    bool policy(std::string_view part) const { return text("cleanup.policy").find(part) != Text::npos; }
};
}  // namespace

wire::ProduceRules produce_rules(const ConfigMap& set, const ConfigMap& defaults) {
    Values values{set, defaults};
    wire::ProduceRules rules;
    rules.batch_bytes_max = std::size_t(values.integer("max.message.bytes"));
    rules.before_max = values.millis("message.timestamp.before.max.ms");
    rules.after_max = values.millis("message.timestamp.after.max.ms");
    rules.append_time = values.text("message.timestamp.type") == "LogAppendTime";
    rules.keys_required = values.policy("compact");
    constexpr std::pair<std::string_view, wire::Codec> codecs[] = {{"uncompressed", wire::Codec::none},
                                                                   {"gzip", wire::Codec::gzip},
                                                                   {"snappy", wire::Codec::snappy},
                                                                   {"lz4", wire::Codec::lz4},
                                                                   {"zstd", wire::Codec::zstd}};
    auto type = values.text("compression.type");
    for (auto& [name, codec] : codecs)
        if (name == type) rules.codec = codec;
    if (type == "gzip" || type == "lz4" || type == "zstd")
        rules.codec_level = int(values.integer(fmt::format("compression.{}.level", type)));
    return rules;
}

LogRules log_rules(const ConfigMap& set, const ConfigMap& defaults) {
    Values values{set, defaults};
    LogRules rules;
    rules.deletes = values.policy("delete");
    rules.compacts = values.policy("compact");
    if (auto age = values.millis("retention.ms"); age >= Millis(0)) rules.retention = age;
    if (auto bytes = values.integer("retention.bytes"); bytes >= 0)
        rules.retention_bytes = std::uint64_t(bytes);
    rules.segment_bytes = std::uint32_t(values.integer("segment.bytes"));
    rules.segment_age = values.millis("segment.ms");
    rules.segment_jitter = std::min(values.millis("segment.jitter.ms"), rules.segment_age);
    rules.index_bytes_max = std::uint32_t(values.integer("segment.index.bytes"));
    rules.index_interval_bytes = std::uint32_t(values.integer("index.interval.bytes"));
    rules.preallocate = values.flag("preallocate");
    rules.min_compaction_lag = values.millis("min.compaction.lag.ms");
    rules.max_compaction_lag = values.millis("max.compaction.lag.ms");
    rules.delete_retention = values.millis("delete.retention.ms");
    auto ratio = parse_number<double>(values.text("min.cleanable.dirty.ratio"));
    rules.min_cleanable_dirty_ratio = ratio.value_or(0);
    rules.flush_messages = std::uint64_t(values.integer("flush.messages"));
    rules.flush_interval = values.millis("flush.ms");
    rules.file_delete_delay = values.millis("file.delete.delay.ms");
    rules.min_in_sync_replicas = std::int32_t(values.integer("min.insync.replicas"));
    rules.unclean_leader_election = values.flag("unclean.leader.election.enable");
    return rules;
}

}  // namespace fulmar::cluster
