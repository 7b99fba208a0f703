// The settings of a topic: names, kinds, defaults and ranges, as Kafka 4.2 has them. One table serves
// validation, the answers of CreateTopics and DescribeConfigs, and what the log reads. Pure.
#pragma once

#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/time.h"
#include "core/cluster/config_row.h"
#include "wire/produced_batch.h"

namespace fulmar::cluster {

// For retention.ms the default is 30 days in place of Kafka's 7. Sorted by name, the order in which answers
// list them.
std::span<const ConfigRow> topic_configs();
const ConfigRow* find_topic_config(std::string_view name);

// Why `value` will not do for `name`; nothing when it will.
std::optional<std::string> invalid_topic_config(std::string_view name, std::optional<std::string_view> value);

// Of a topic, the broker's default, or Kafka's. REQUIRES: a name of the table.
std::string_view topic_config_value(const ConfigMap& set, const ConfigMap& defaults, std::string_view name);

// What the partitions of a topic go by when they append.
wire::ProduceRules produce_rules(const ConfigMap& set, const ConfigMap& defaults);

// What the log of a topic's partitions goes by. Kafka's names stand beside the fields.
struct LogRules {
    bool deletes = true, compacts = false;         // cleanup.policy; neither when it is empty: all is kept.
    std::optional<Millis> retention;               // retention.ms; nothing: for ever.
    std::optional<std::uint64_t> retention_bytes;  // Of a partition, retention.bytes; nothing: any.

    std::uint32_t segment_bytes = 0;         // segment.bytes
    Millis segment_age{}, segment_jitter{};  // segment.ms; less up to segment.jitter.ms, by chance.
    std::uint32_t index_bytes_max = 0;       // segment.index.bytes
    std::uint32_t index_interval_bytes = 0;  // index.interval.bytes
    bool preallocate = false;                // preallocate
    std::int64_t flush_messages = 0;         // flush.messages

    Millis min_compaction_lag{}, max_compaction_lag{};  // min. and max.compaction.lag.ms
    Millis delete_retention{};                          // Of tombstones, delete.retention.ms.
    double min_cleanable_dirty_ratio = 0;               // min.cleanable.dirty.ratio, 0 to 1

    Millis file_delete_delay{};  // file.delete.delay.ms

    std::int32_t min_in_sync_replicas = 1;  // min.insync.replicas
    bool unclean_leader_election = false;   // unclean.leader.election.enable
    bool operator==(const LogRules&) const = default;
    // Of a segment that is written to: what is in it is not compacted.
    Millis most_age() const { return compacts ? std::min(segment_age, max_compaction_lag) : segment_age; }
};
LogRules log_rules(const ConfigMap& set, const ConfigMap& defaults);

}  // namespace fulmar::cluster
