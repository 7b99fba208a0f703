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
using enum ConfigUse;
static constexpr ConfigRow integer(Text name, Text usual, double least, double most, Text broker_name,
                                   ConfigUse use, Text what) {
    return {name, ConfigKind::integer, usual, least, most, {}, broker_name, use, what};
}
static constexpr ConfigRow number(Text name, Text usual, double least, double most, Text broker_name,
                                  ConfigUse use, Text what) {
    return {name, ConfigKind::number, usual, least, most, {}, broker_name, use, what};
}
static constexpr ConfigRow boolean(Text name, Text usual, Text broker_name, ConfigUse use, Text what) {
    return {name, ConfigKind::boolean, usual, 0, 0, {}, broker_name, use, what};
}
static constexpr ConfigRow choice(Text name, Text usual, Text choices, Text broker_name, ConfigUse use,
                                  Text what) {
    return {name, ConfigKind::choice, usual, 0, 0, choices, broker_name, use, what};
}
static constexpr ConfigRow list(Text name, Text usual, Text choices, Text broker_name, ConfigUse use,
                                Text what) {
    return {name, ConfigKind::list, usual, 0, 0, choices, broker_name, use, what};
}

// Name, default, range or choices, the broker's setting for it, and what comes of it.
static constexpr std::array table = {
    list("cleanup.policy", "delete", "compact delete", "log.cleanup.policy", acts,
         "How old records go: delete by age and size, compact to the last record of each key, both, or "
         "neither when it is empty. With compact every record needs a key."),
    integer("compression.gzip.level", "-1", -1, 9, "compression.gzip.level", acts,
            "The level at which the broker packs batches anew with gzip. -1: the codec's own default."),
    integer("compression.lz4.level", "9", 1, 17, "compression.lz4.level", acts,
            "The level at which the broker packs batches anew with lz4."),
    choice("compression.type", "producer", "uncompressed zstd lz4 snappy gzip producer", "compression.type",
           acts, "How batches are stored: as the producer packed them, or packed anew with this codec."),
    integer("compression.zstd.level", "3", -131072, 22, "compression.zstd.level", acts,
            "The level at which the broker packs batches anew with zstd."),
    integer("delete.retention.ms", "86400000", 0, unbounded, "log.cleaner.delete.retention.ms", acts,
            "How long compaction keeps the mark that a key was deleted."),
    integer("file.delete.delay.ms", "60000", 0, unbounded, "log.segment.delete.delay.ms", acts,
            "How long a file stays on disk after its segment was deleted."),
    integer(
        "flush.messages", "9223372036854775807", 1, unbounded, "log.flush.interval.messages", acts,
        "After how many messages the log is forced to disk at the latest. Here that begins at once behind "
        "each write. With durability=page-cache an acknowledgement waits for it where so many would rest on "
        "the page cache."),
    integer("flush.ms", "9223372036854775807", 0, unbounded, "log.flush.interval.ms", kept,
            "After how long the log is forced to disk at the latest. Here that begins at once behind each "
            "write, whatever this says."),
    list("follower.replication.throttled.replicas", "", "", "", kept,
         "Replicas whose followers copy at a limited rate. There is one replica."),
    integer("index.interval.bytes", "4096", 0, int_max, "log.index.interval.bytes", acts,
            "About so many bytes of log lie between two entries of its index."),
    list("leader.replication.throttled.replicas", "", "", "", kept,
         "Replicas whose leaders send at a limited rate. There is one replica."),
    integer("local.retention.bytes", "-2", -2, unbounded, "log.local.retention.bytes", kept,
            "What of a partition stays on this disk under tiered storage, which there is not."),
    integer("local.retention.ms", "-2", -2, unbounded, "log.local.retention.ms", kept,
            "How long records stay on this disk under tiered storage, which there is not."),
    integer("max.compaction.lag.ms", "9223372036854775807", 1, unbounded, "log.cleaner.max.compaction.lag.ms",
            acts, "A record is compacted after so long at the latest."),
    integer("max.message.bytes", "1048588", 0, int_max, "message.max.bytes", acts,
            "The largest record batch that is taken, compressed as it is."),
    integer("message.timestamp.after.max.ms", "3600000", 0, unbounded, "log.message.timestamp.after.max.ms",
            acts, "How far a record's time may be ahead of the broker's."),
    integer("message.timestamp.before.max.ms", "9223372036854775807", 0, unbounded,
            "log.message.timestamp.before.max.ms", acts,
            "How far a record's time may be behind the broker's."),
    choice("message.timestamp.type", "CreateTime", "CreateTime LogAppendTime", "log.message.timestamp.type",
           acts, "Whose time a record has: its producer's, or the broker's when it is appended."),
    number("min.cleanable.dirty.ratio", "0.5", 0, 1, "log.cleaner.min.cleanable.ratio", acts,
           "The part of a log that is not compacted yet at which compaction begins."),
    integer("min.compaction.lag.ms", "0", 0, unbounded, "log.cleaner.min.compaction.lag.ms", acts,
            "A record is not compacted for so long."),
    integer("min.insync.replicas", "1", 1, int_max, "min.insync.replicas", kept,
            "So many replicas must have a write before it is acknowledged to acks=all. There is one replica, "
            "which is enough."),
    boolean("preallocate", "false", "log.preallocate", kept, "Take a new segment's room on disk at once."),
    boolean("remote.log.copy.disable", "false", "", kept,
            "Copy no more to tiered storage, which there is not."),
    boolean("remote.log.delete.on.disable", "false", "", kept,
            "Delete what is in tiered storage when it ends. There is none."),
    boolean("remote.storage.enable", "false", "", fixed, "There is no tiered storage."),
    integer("retention.bytes", "-1", -1, unbounded, "log.retention.bytes", acts,
            "What a partition may take before its oldest segments are deleted. -1: anything."),
    integer("retention.ms", "2592000000", -1, unbounded, "log.retention.ms", acts,
            "How long records are kept after they were appended: 30 days, where Kafka has 7. -1: for ever."),
    integer("segment.bytes", "1073741824", 1048576, int_max, "log.segment.bytes", acts,
            "The size at which the log goes on in a new file."),
    integer("segment.index.bytes", "10485760", 4, int_max, "log.index.size.max.bytes", acts,
            "The most that a segment's index takes."),
    integer(
        "segment.jitter.ms", "0", 0, unbounded, "log.roll.jitter.ms", acts,
        "By up to so much segments are younger than segment.ms when the log goes on in a new file, so that "
        "not all do so at once."),
    integer("segment.ms", "604800000", 1, unbounded, "log.roll.ms", acts,
            "The age at which the log goes on in a new file, full or not."),
    boolean("unclean.leader.election.enable", "false", "unclean.leader.election.enable", kept,
            "Let a replica that lacks acknowledged records lead when no other can. There is one replica."),
};
static_assert(std::ranges::is_sorted(table, {}, &ConfigRow::name));

std::span<const ConfigRow> topic_configs() { return table; }
const ConfigRow* find_topic_config(std::string_view name) { return find_row(table, name); }

std::optional<std::string> invalid_topic_config(std::string_view name,
                                                std::optional<std::string_view> value) {
    auto* row = find_topic_config(name);
    if (!row) return fmt::format("Unknown topic config name: {}", name);
    if (!value) return fmt::format("Null value not supported for topic configs: {}", name);
    return invalid_value(*row, *value);
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
    rules.flush_messages = values.integer("flush.messages");
    rules.min_compaction_lag = values.millis("min.compaction.lag.ms");
    rules.max_compaction_lag = values.millis("max.compaction.lag.ms");
    rules.delete_retention = values.millis("delete.retention.ms");
    auto ratio = parse_number<double>(values.text("min.cleanable.dirty.ratio"));
    rules.min_cleanable_dirty_ratio = ratio.value_or(0);
    rules.file_delete_delay = values.millis("file.delete.delay.ms");
    rules.min_in_sync_replicas = std::int32_t(values.integer("min.insync.replicas"));
    rules.unclean_leader_election = values.flag("unclean.leader.election.enable");
    return rules;
}

}  // namespace fulmar::cluster
