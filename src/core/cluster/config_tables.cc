#include "core/cluster/config_tables.h"

#include <algorithm>
#include <array>

#include "core/cluster/topic_config.h"

namespace fulmar::cluster {

using Text = std::string_view;
using enum ConfigUse;
using enum ConfigChange;

static constexpr double unbounded = 9.3e18;  // No value of an int64 is beyond it.
static constexpr double int_max = 2147483647;

// What only the start can set; its value and sentence are in broker/settings_table.cc.
static constexpr ConfigRow at_start(Text name) {
    return {name, ConfigKind::text, "", 0, 0, {}, {}, acts, {}, never};
}
// Kafka's, of which nothing here can be told to be otherwise.
static constexpr ConfigRow settled(Text name, ConfigKind kind, Text value, Text what) {
    return {name, kind, value, 0, 0, {}, {}, fixed, what, never};
}
static constexpr ConfigRow integer(Text name, Text usual, double least, double most, ConfigUse use,
                                   Text what) {
    return {name, ConfigKind::integer, usual, least, most, {}, {}, use, what, cluster_wide};
}

// Kafka's, which only its start can set.
static constexpr ConfigRow absent_row(Text name, Text what) {
    return {name, ConfigKind::text, "", 0, 0, {}, {}, absent, what, never};
}

static constexpr Text one_loop = "Threads are set by cores, at the start.";
static constexpr Text no_cleaner = "Of Kafka's log cleaner.";
static constexpr Text no_security =
    "Connections are not authenticated or encrypted, and there is no access control.";
static constexpr Text one_node = "Of a cluster of brokers; there is one.";
static constexpr Text commit_waits = "A commit is answered when it is on disk.";
static constexpr Text plain_offsets = "Committed offsets are written as they are.";
static constexpr Text no_transactions = "There are no transactions.";
static constexpr Text other_io = "Of Kafka's own ways with sockets, threads and sessions.";
static constexpr Text other_memory = "Of Kafka's own ways with memory.";
static constexpr Text no_share_groups = "There are no share groups.";
static constexpr Text no_streams_groups = "There are no streams groups.";
static constexpr Text one_coordinator = "There is one kind of coordinator, for all protocols.";
static constexpr Text all_protocols =
    "Nothing switches a protocol off; group.consumer.migration.policy says whether a group may change its "
    "own.";
static constexpr Text gathers_itself =
    "Changes of groups are written as they come, and together only where there are many.";
static constexpr Text on_its_core = "Partitions are shared out on the core that has the group.";
static constexpr Text one_interval =
    "One interval holds for all groups: group.consumer.assignment.interval.ms.";
static constexpr Text no_quota = "Of a limit that there is not.";

static constexpr std::array brokers = {
    at_start("advertised.listeners"),
    at_start("allow.unauthenticated.listen"),
    absent_row("alter.log.dirs.replication.quota.window.num", no_quota),
    absent_row("authorizer.class.name", no_security),
    at_start("auto.create.topics.enable"),
    absent_row("auto.leader.rebalance.enable", one_node),
    at_start("background.bytes.per.second"),
    integer("background.threads", "10", 1, int_max, kept, one_loop),
    absent_row("broker.heartbeat.interval.ms", one_node),
    at_start("broker.id"),
    absent_row("broker.rack", one_node),
    absent_row("broker.session.timeout.ms", one_node),
    at_start("connections.max.idle.ms"),
    absent_row("connections.max.reauth.ms", no_security),
    absent_row("controlled.shutdown.enable", one_node),
    absent_row("controller.listener.names", one_node),
    absent_row("controller.quorum.bootstrap.servers", one_node),
    absent_row("controller.quorum.voters", one_node),
    at_start("cores"),
    settled("default.replication.factor", ConfigKind::integer, "1", "There is one broker."),
    at_start("delete.topic.enable"),
    at_start("disk.full.free.bytes"),
    at_start("disk.full.percent"),
    at_start("disk.read.only.percent"),
    at_start("disk.reserve.bytes"),
    at_start("disk.threads"),
    at_start("disk.timeout.ms"),
    at_start("durability"),
    at_start("fetch.max.bytes"),
    integer("follower.replication.throttled.rate", "9223372036854775807", 0, unbounded, kept, no_quota),
    at_start("group.consumer.assignment.interval.ms"),
    absent_row("group.consumer.assignor.offload.enable", on_its_core),
    at_start("group.consumer.assignors"),
    at_start("group.consumer.heartbeat.interval.ms"),
    absent_row("group.consumer.max.assignment.interval.ms", one_interval),
    at_start("group.consumer.max.heartbeat.interval.ms"),
    at_start("group.consumer.max.session.timeout.ms"),
    at_start("group.consumer.max.size"),
    at_start("group.consumer.migration.policy"),
    absent_row("group.consumer.min.assignment.interval.ms", one_interval),
    at_start("group.consumer.min.heartbeat.interval.ms"),
    at_start("group.consumer.min.session.timeout.ms"),
    settled("group.consumer.regex.refresh.interval.ms", ConfigKind::integer, "600000",
            "Patterns are matched again when topics have come or gone, so that there is nothing to refresh."),
    at_start("group.consumer.session.timeout.ms"),
    absent_row("group.coordinator.append.linger.ms", gathers_itself),
    absent_row("group.coordinator.background.threads", one_loop),
    absent_row("group.coordinator.cached.buffer.max.bytes", other_memory),
    absent_row("group.coordinator.new.enable", one_coordinator),
    absent_row("group.coordinator.rebalance.protocols", all_protocols),
    absent_row("group.coordinator.threads", one_loop),
    at_start("group.initial.rebalance.delay.ms"),
    at_start("group.max.session.timeout.ms"),
    at_start("group.max.size"),
    at_start("group.min.session.timeout.ms"),
    absent_row("group.share.assignment.interval.ms", no_share_groups),
    absent_row("group.share.assignor.offload.enable", no_share_groups),
    absent_row("group.share.assignors", no_share_groups),
    absent_row("group.share.delivery.count.limit", no_share_groups),
    absent_row("group.share.dlq.manager.class.name", no_share_groups),
    absent_row("group.share.enable", no_share_groups),
    absent_row("group.share.heartbeat.interval.ms", no_share_groups),
    absent_row("group.share.initialize.retry.interval.ms", no_share_groups),
    absent_row("group.share.max.assignment.interval.ms", no_share_groups),
    absent_row("group.share.max.delivery.count.limit", no_share_groups),
    absent_row("group.share.max.groups", no_share_groups),
    absent_row("group.share.max.heartbeat.interval.ms", no_share_groups),
    absent_row("group.share.max.partition.max.record.locks", no_share_groups),
    absent_row("group.share.max.record.lock.duration.ms", no_share_groups),
    absent_row("group.share.max.session.timeout.ms", no_share_groups),
    absent_row("group.share.max.share.sessions", no_share_groups),
    absent_row("group.share.max.size", no_share_groups),
    absent_row("group.share.min.assignment.interval.ms", no_share_groups),
    absent_row("group.share.min.delivery.count.limit", no_share_groups),
    absent_row("group.share.min.heartbeat.interval.ms", no_share_groups),
    absent_row("group.share.min.partition.max.record.locks", no_share_groups),
    absent_row("group.share.min.record.lock.duration.ms", no_share_groups),
    absent_row("group.share.min.session.timeout.ms", no_share_groups),
    absent_row("group.share.partition.max.record.locks", no_share_groups),
    absent_row("group.share.persister.class.name", no_share_groups),
    absent_row("group.share.record.lock.duration.ms", no_share_groups),
    absent_row("group.share.session.timeout.ms", no_share_groups),
    absent_row("group.streams.acceptable.recovery.lag", no_streams_groups),
    absent_row("group.streams.assignment.interval.ms", no_streams_groups),
    absent_row("group.streams.assignor.offload.enable", no_streams_groups),
    absent_row("group.streams.assignors", no_streams_groups),
    absent_row("group.streams.heartbeat.interval.ms", no_streams_groups),
    absent_row("group.streams.initial.rebalance.delay.ms", no_streams_groups),
    absent_row("group.streams.max.assignment.interval.ms", no_streams_groups),
    absent_row("group.streams.max.heartbeat.interval.ms", no_streams_groups),
    absent_row("group.streams.max.session.timeout.ms", no_streams_groups),
    absent_row("group.streams.max.size", no_streams_groups),
    absent_row("group.streams.max.standby.replicas", no_streams_groups),
    absent_row("group.streams.max.warmup.replicas", no_streams_groups),
    absent_row("group.streams.min.assignment.interval.ms", no_streams_groups),
    absent_row("group.streams.min.heartbeat.interval.ms", no_streams_groups),
    absent_row("group.streams.min.session.timeout.ms", no_streams_groups),
    absent_row("group.streams.min.task.offset.interval.ms", no_streams_groups),
    absent_row("group.streams.num.standby.replicas", no_streams_groups),
    absent_row("group.streams.num.warmup.replicas", no_streams_groups),
    absent_row("group.streams.rack.aware.assignment.tags", no_streams_groups),
    absent_row("group.streams.session.timeout.ms", no_streams_groups),
    absent_row("group.streams.task.offset.interval.ms", no_streams_groups),
    absent_row("group.streams.topology.description.plugin.class", no_streams_groups),
    absent_row("inter.broker.listener.name", one_node),
    settled("inter.broker.protocol.version", ConfigKind::text, "4.2-IV1",
            "What tools take for the broker's version."),
    absent_row("leader.imbalance.check.interval.seconds", one_node),
    absent_row("leader.imbalance.per.broker.percentage", one_node),
    integer("leader.replication.throttled.rate", "9223372036854775807", 0, unbounded, kept, no_quota),
    absent_row("listener.security.protocol.map", one_node),
    at_start("listeners"),
    integer("log.cleaner.backoff.ms", "15000", 0, unbounded, acts,
            "How long nobody looks for something to compact."),
    integer("log.cleaner.dedupe.buffer.size", "134217728", 1, unbounded, acts,
            "Memory for the keys of logs that are compacted; 4 MiB a core and data directory at least."),
    absent_row("log.cleaner.enable", no_cleaner),
    ConfigRow{"log.cleaner.io.buffer.load.factor", ConfigKind::number, "0.9", 0, 1, {}, {}, kept, no_cleaner},
    integer("log.cleaner.io.buffer.size", "524288", 0, int_max, kept, no_cleaner),
    ConfigRow{"log.cleaner.io.max.bytes.per.second",
              ConfigKind::number,
              "1.7976931348623157E308",
              0,
              1.7976931348623157e308,
              {},
              {},
              acts,
              "What compaction reads and writes in a second."},
    integer("log.cleaner.threads", "1", 0, int_max, kept, no_cleaner),
    absent_row("log.dir", "Here it is log.dirs."),
    at_start("log.dirs"),
    at_start("log.dirs.gone"),
    at_start("log.flush.offset.checkpoint.interval.ms"),
    absent_row("log.flush.scheduler.interval.ms", "A flush begins at once behind each write."),
    at_start("log.level"),
    at_start("log.retention.check.interval.ms"),
    absent_row("log.retention.hours", "Here it is log.retention.ms."),
    absent_row("log.retention.minutes", "Here it is log.retention.ms."),
    absent_row("log.roll.hours", "Here it is log.roll.ms."),
    absent_row("log.roll.jitter.hours", "Here it is log.roll.jitter.ms."),
    at_start("log.scrub.interval.ms"),
    integer("max.connection.creation.rate", "2147483647", 0, int_max, kept, no_quota),
    integer("max.connections", "10000", 1, 1'000'000, acts,
            "Connections at one time. More wait until one ends."),
    integer("max.connections.per.ip", "2147483647", 0, int_max, kept, no_quota),
    ConfigRow{"max.connections.per.ip.overrides", ConfigKind::text, "", 0, 0, {}, {}, kept, no_quota},
    absent_row("max.incremental.fetch.session.cache.slots", other_io),
    ConfigRow{
        "metric.reporters", ConfigKind::list, "", 0, 0, {}, {}, kept, "Classes of Java, which is not here."},
    at_start("metrics.listen"),
    settled("node.id", ConfigKind::integer, "", "Another name for broker.id."),
    integer("num.io.threads", "8", 1, int_max, kept, one_loop),
    integer("num.network.threads", "3", 1, int_max, kept, one_loop),
    at_start("num.partitions"),
    integer("num.recovery.threads.per.data.dir", "2", 1, int_max, kept, one_loop),
    absent_row("num.replica.alter.log.dirs.threads", other_io),
    integer("num.replica.fetchers", "1", 1, int_max, kept, "There is one replica."),
    at_start("offset.metadata.max.bytes"),
    absent_row("offsets.commit.timeout.ms", commit_waits),
    at_start("offsets.load.buffer.size"),
    at_start("offsets.retention.check.interval.ms"),
    at_start("offsets.retention.minutes"),
    absent_row("offsets.topic.compression.codec", plain_offsets),
    at_start("offsets.topic.num.partitions"),
    absent_row("offsets.topic.replication.factor", one_node),
    at_start("offsets.topic.segment.bytes"),
    absent_row("process.roles", one_node),
    integer("producer.id.expiration.ms", "86400000", 1, unbounded, acts,
            "How long an idle producer is remembered, to tell its retries from new records."),
    at_start("queued.max.request.bytes"),
    absent_row("queued.max.requests", other_io),
    absent_row("quota.window.num", no_quota),
    absent_row("quota.window.size.seconds", no_quota),
    integer("replica.alter.log.dirs.io.max.bytes.per.second", "9223372036854775807", 0, unbounded, kept,
            no_quota),
    absent_row("replica.fetch.max.bytes", one_node),
    absent_row("replica.fetch.min.bytes", one_node),
    absent_row("replica.fetch.response.max.bytes", one_node),
    absent_row("replica.fetch.wait.max.ms", one_node),
    absent_row("replica.lag.time.max.ms", one_node),
    absent_row("replica.selector.class", one_node),
    absent_row("replica.socket.timeout.ms", one_node),
    absent_row("replication.quota.window.num", no_quota),
    absent_row("sasl.enabled.mechanisms", no_security),
    absent_row("sasl.mechanism.inter.broker.protocol", no_security),
    absent_row("security.inter.broker.protocol", no_security),
    absent_row("share.coordinator.append.linger.ms", no_share_groups),
    absent_row("share.coordinator.cached.buffer.max.bytes", no_share_groups),
    absent_row("share.coordinator.cold.partition.snapshot.interval.ms", no_share_groups),
    absent_row("share.coordinator.load.buffer.size", no_share_groups),
    absent_row("share.coordinator.snapshot.update.records.per.snapshot", no_share_groups),
    absent_row("share.coordinator.state.topic.compression.codec", no_share_groups),
    absent_row("share.coordinator.state.topic.min.isr", no_share_groups),
    absent_row("share.coordinator.state.topic.num.partitions", no_share_groups),
    absent_row("share.coordinator.state.topic.prune.interval.ms", no_share_groups),
    absent_row("share.coordinator.state.topic.replication.factor", no_share_groups),
    absent_row("share.coordinator.state.topic.segment.bytes", no_share_groups),
    absent_row("share.coordinator.threads", no_share_groups),
    absent_row("share.coordinator.write.timeout.ms", no_share_groups),
    absent_row("share.fetch.purgatory.purge.interval.requests", no_share_groups),
    absent_row("socket.listen.backlog.size", other_io),
    absent_row("socket.receive.buffer.bytes", other_io),
    at_start("socket.request.max.bytes"),
    absent_row("socket.send.buffer.bytes", other_io),
    absent_row("ssl.cipher.suites", no_security),
    absent_row("ssl.client.auth", no_security),
    absent_row("ssl.enabled.protocols", no_security),
    absent_row("ssl.key.password", no_security),
    absent_row("ssl.keystore.location", no_security),
    absent_row("ssl.keystore.password", no_security),
    absent_row("ssl.keystore.type", no_security),
    absent_row("ssl.protocol", no_security),
    absent_row("ssl.truststore.location", no_security),
    absent_row("ssl.truststore.password", no_security),
    absent_row("ssl.truststore.type", no_security),
    absent_row("super.users", no_security),
    absent_row("transaction.abort.timed.out.transaction.cleanup.interval.ms", no_transactions),
    absent_row("transaction.max.timeout.ms", no_transactions),
    ConfigRow{"transaction.partition.verification.enable",
              ConfigKind::boolean,
              "true",
              0,
              0,
              {},
              {},
              kept,
              "There are no transactions."},
    absent_row("transaction.remove.expired.transaction.cleanup.interval.ms", no_transactions),
    absent_row("transaction.state.log.min.isr", no_transactions),
    absent_row("transaction.state.log.num.partitions", no_transactions),
    absent_row("transaction.state.log.replication.factor", no_transactions),
    absent_row("transaction.state.log.segment.bytes", no_transactions),
    absent_row("transactional.id.expiration.ms", no_transactions),
    at_start("unsent.bytes.max"),
    at_start("unsynced.bytes.max"),
};
static_assert(std::ranges::is_sorted(brokers, {}, &ConfigRow::name));

// KIP-848, KIP-932 and KIP-1071.
static constexpr ConfigRow of_group(Text name, Text usual, double least, double most, Text broker_name,
                                    Text what, ConfigUse use = kept) {
    return {name, ConfigKind::integer, usual, least, most, {}, broker_name, use, what};
}
static constexpr Text no_groups = "Kept for the group. Groups of this kind are not served.";
static constexpr std::array groups = {
    of_group("consumer.heartbeat.interval.ms", "5000", 5000, 15000, "group.consumer.heartbeat.interval.ms",
             "How often its members are told to send a heartbeat, within the broker's bounds.", acts),
    of_group("consumer.session.timeout.ms", "45000", 45000, 60000, "group.consumer.session.timeout.ms",
             "After how long without a heartbeat a member is missed, within the broker's bounds.", acts),
    ConfigRow{"share.auto.offset.reset", ConfigKind::text, "latest", 0, 0, {}, {}, kept, no_groups},
    of_group("share.heartbeat.interval.ms", "5000", 5000, 15000, "group.share.heartbeat.interval.ms",
             no_groups),
    ConfigRow{"share.isolation.level",
              ConfigKind::choice,
              "read_uncommitted",
              0,
              0,
              "read_uncommitted read_committed",
              {},
              kept,
              no_groups},
    of_group("share.record.lock.duration.ms", "30000", 15000, 60000, "group.share.record.lock.duration.ms",
             no_groups),
    of_group("share.session.timeout.ms", "45000", 45000, 60000, "group.share.session.timeout.ms", no_groups),
    of_group("streams.heartbeat.interval.ms", "5000", 5000, 15000, "group.streams.heartbeat.interval.ms",
             no_groups),
    of_group("streams.num.standby.replicas", "0", 0, 2, "group.streams.num.standby.replicas", no_groups),
    of_group("streams.session.timeout.ms", "45000", 45000, 60000, "group.streams.session.timeout.ms",
             no_groups),
};
static_assert(std::ranges::is_sorted(groups, {}, &ConfigRow::name));

// KIP-714.
static constexpr Text no_telemetry = "Kept for the subscription. Clients are asked for no metrics.";
static constexpr std::array client_metrics = {
    ConfigRow{"interval.ms", ConfigKind::integer, "300000", 100, 3600000, {}, {}, kept, no_telemetry},
    ConfigRow{"match", ConfigKind::list, "", 0, 0, {}, {}, kept, no_telemetry},
    ConfigRow{"metrics", ConfigKind::list, "", 0, 0, {}, {}, kept, no_telemetry},
};
static_assert(std::ranges::is_sorted(client_metrics, {}, &ConfigRow::name));

std::span<const ConfigRow> broker_configs() { return brokers; }
std::span<const ConfigRow> group_configs() { return groups; }
std::span<const ConfigRow> client_metrics_configs() { return client_metrics; }

const ConfigRow* find_broker_config(std::string_view name) {
    if (auto* row = find_row(brokers, name)) return row;
    for (auto& row : topic_configs())
        if (!row.broker_name.empty() && row.broker_name == name) return &row;
    return nullptr;
}

ConfigMap broker_values(const Image& image, BrokerId id, const ConfigMap& fixed) {
    auto values = image.configs({ConfigOwner::Kind::broker, std::to_string(std::to_underlying(id))});
    values.merge(ConfigMap(image.configs({ConfigOwner::Kind::broker, ""})));
    values.merge(ConfigMap(fixed));
    return values;
}

}  // namespace fulmar::cluster
