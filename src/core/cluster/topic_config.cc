#include "core/cluster/topic_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace fulmar::cluster {

static constexpr double unbounded = 9.3e18;  // No value of an int64 is beyond it.

// Sorted by name, the order in which answers list them.
static constexpr std::array table = {
    TopicConfig{"cleanup.policy", ConfigKind::list, "delete", 0, 0, "compact delete", "log.cleanup.policy"},
    TopicConfig{"compression.gzip.level", ConfigKind::integer, "-1", -1, 9, {}, "compression.gzip.level"},
    TopicConfig{"compression.lz4.level", ConfigKind::integer, "9", 1, 17, {}, "compression.lz4.level"},
    TopicConfig{"compression.type", ConfigKind::choice, "producer", 0, 0,
                "uncompressed zstd lz4 snappy gzip producer", "compression.type"},
    TopicConfig{
        "compression.zstd.level", ConfigKind::integer, "3", -131072, 22, {}, "compression.zstd.level"},
    TopicConfig{"delete.retention.ms",
                ConfigKind::integer,
                "86400000",
                0,
                unbounded,
                {},
                "log.cleaner.delete.retention.ms"},
    TopicConfig{"file.delete.delay.ms",
                ConfigKind::integer,
                "60000",
                0,
                unbounded,
                {},
                "log.segment.delete.delay.ms"},
    TopicConfig{"flush.messages",
                ConfigKind::integer,
                "9223372036854775807",
                1,
                unbounded,
                {},
                "log.flush.interval.messages"},
    TopicConfig{
        "flush.ms", ConfigKind::integer, "9223372036854775807", 0, unbounded, {}, "log.flush.interval.ms"},
    TopicConfig{"follower.replication.throttled.replicas", ConfigKind::text, ""},
    TopicConfig{
        "index.interval.bytes", ConfigKind::integer, "4096", 0, 2147483647, {}, "log.index.interval.bytes"},
    TopicConfig{"leader.replication.throttled.replicas", ConfigKind::text, ""},
    TopicConfig{
        "local.retention.bytes", ConfigKind::integer, "-2", -2, unbounded, {}, "log.local.retention.bytes"},
    TopicConfig{"local.retention.ms", ConfigKind::integer, "-2", -2, unbounded, {}, "log.local.retention.ms"},
    TopicConfig{"max.compaction.lag.ms",
                ConfigKind::integer,
                "9223372036854775807",
                1,
                unbounded,
                {},
                "log.cleaner.max.compaction.lag.ms"},
    TopicConfig{"max.message.bytes", ConfigKind::integer, "1048588", 0, 2147483647, {}, "message.max.bytes"},
    TopicConfig{"message.timestamp.after.max.ms",
                ConfigKind::integer,
                "3600000",
                0,
                unbounded,
                {},
                "log.message.timestamp.after.max.ms"},
    TopicConfig{"message.timestamp.before.max.ms",
                ConfigKind::integer,
                "9223372036854775807",
                0,
                unbounded,
                {},
                "log.message.timestamp.before.max.ms"},
    TopicConfig{"message.timestamp.type", ConfigKind::choice, "CreateTime", 0, 0, "CreateTime LogAppendTime",
                "log.message.timestamp.type"},
    TopicConfig{
        "min.cleanable.dirty.ratio", ConfigKind::number, "0.5", 0, 1, {}, "log.cleaner.min.cleanable.ratio"},
    TopicConfig{"min.compaction.lag.ms",
                ConfigKind::integer,
                "0",
                0,
                unbounded,
                {},
                "log.cleaner.min.compaction.lag.ms"},
    TopicConfig{"min.insync.replicas", ConfigKind::integer, "1", 1, 2147483647, {}, "min.insync.replicas"},
    TopicConfig{"preallocate", ConfigKind::boolean, "false", 0, 0, {}, "log.preallocate"},
    TopicConfig{"remote.log.copy.disable", ConfigKind::boolean, "false"},
    TopicConfig{"remote.log.delete.on.disable", ConfigKind::boolean, "false"},
    TopicConfig{"remote.storage.enable", ConfigKind::boolean, "false"},
    TopicConfig{"retention.bytes", ConfigKind::integer, "-1", -1, unbounded, {}, "log.retention.bytes"},
    TopicConfig{"retention.ms", ConfigKind::integer, "2592000000", -1, unbounded, {}, "log.retention.ms"},
    TopicConfig{
        "segment.bytes", ConfigKind::integer, "1073741824", 1048576, 2147483647, {}, "log.segment.bytes"},
    TopicConfig{"segment.index.bytes",
                ConfigKind::integer,
                "10485760",
                4,
                2147483647,
                {},
                "log.index.size.max.bytes"},
    TopicConfig{"segment.jitter.ms", ConfigKind::integer, "0", 0, unbounded, {}, "log.roll.jitter.ms"},
    TopicConfig{"segment.ms", ConfigKind::integer, "604800000", 1, unbounded, {}, "log.roll.ms"},
    TopicConfig{"unclean.leader.election.enable",
                ConfigKind::boolean,
                "false",
                0,
                0,
                {},
                "unclean.leader.election.enable"},
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
        if (n < config->least) return invalid(fmt::format("Value must be at least {:.0f}", config->least));
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

wire::ProduceRules produce_rules(const ConfigMap& set, const ConfigMap& defaults) {
    auto text = [&](std::string_view name) { return trimmed(topic_config_value(set, defaults, name)); };
    auto integer = [&](std::string_view name) { return parse_number<std::int64_t>(text(name)).value_or(0); };
    wire::ProduceRules rules;
    rules.batch_bytes_max = std::size_t(integer("max.message.bytes"));
    rules.before_max = Millis(integer("message.timestamp.before.max.ms"));
    rules.after_max = Millis(integer("message.timestamp.after.max.ms"));
    rules.append_time = text("message.timestamp.type") == "LogAppendTime";
    rules.keys_required = text("cleanup.policy").find("compact") != std::string_view::npos;
    constexpr std::pair<std::string_view, wire::Codec> codecs[] = {{"uncompressed", wire::Codec::none},
                                                                   {"gzip", wire::Codec::gzip},
                                                                   {"snappy", wire::Codec::snappy},
                                                                   {"lz4", wire::Codec::lz4},
                                                                   {"zstd", wire::Codec::zstd}};
    auto type = text("compression.type");
    for (auto& [name, codec] : codecs)
        if (name == type) rules.codec = codec;
    if (type == "gzip" || type == "lz4" || type == "zstd")
        rules.codec_level = int(integer(fmt::format("compression.{}.level", type)));
    return rules;
}

}  // namespace fulmar::cluster
