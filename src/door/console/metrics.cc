#include "door/console/metrics.h"

#include <cctype>

#include "base/version.h"
#include "door/console/exposition.h"

namespace fulmar::console {

namespace {

struct PartitionView {
    std::string topic;
    std::int32_t index = 0;
    Offset start{}, end{}, high_watermark{};
    std::uint64_t bytes = 0;
};
// What one core has, or all of them together.
struct View {
    Counters counters{};
    std::uint64_t partitions = 0, damaged = 0, offline = 0, segments = 0, log_bytes = 0;
    // By data directory, those that are away not among them.
    std::vector<bool> failed{};
    std::vector<std::uint64_t> unsynced_bytes{};
    GroupsView groups{};
    std::vector<PartitionView> detail{};

    void add(View other) {
        groups.add(other.groups);
        counters.add(other.counters);
        partitions += other.partitions;
        damaged += other.damaged;
        offline += other.offline;
        segments += other.segments;
        log_bytes += other.log_bytes;
        failed.resize(std::max(failed.size(), other.failed.size()));
        for (std::size_t n = 0; n < other.failed.size(); ++n) failed[n] = failed[n] || other.failed[n];
        unsynced_bytes.resize(failed.size());
        for (std::size_t n = 0; n < other.unsynced_bytes.size(); ++n)
            unsynced_bytes[n] += other.unsynced_bytes[n];
        std::ranges::move(other.detail, std::back_inserter(detail));
    }
};
// Whose partitions are told of one by one.
struct Detail {
    bool wanted = false;
    std::optional<TopicId> only{};
};

View look(Broker& broker, Shard& shard, const Detail& detail) {
    View view{.counters = shard.counters(), .partitions = shard.partitions().size()};
    view.groups = broker.groups_view(shard.core);
    for (auto& directory : shard.directories) {
        view.unsynced_bytes.push_back(directory.budget.unsynced_bytes());
        view.failed.push_back(directory.budget.failed());
    }
    for (auto& [id, partition] : shard.partitions()) {
        auto& log = partition->log();
        view.damaged += partition->damaged();
        view.offline += partition->offline();
        view.segments += log.segments().size();
        view.log_bytes += log.size_bytes();
        if (!detail.wanted || (detail.only && id.topic != *detail.only)) continue;
        if (view.detail.size() >= detailed_partitions_max) continue;
        if (auto* topic = shard.image().find(id.topic))
            view.detail.push_back({topic->name, id.index, log.start(), log.end().offset,
                                   partition->high_watermark().offset, log.size_bytes()});
    }
    return view;
}

Detail detail_of(const cluster::Image& image, const MetricsQuery& query) {
    std::size_t partitions = 0;
    if (!query.topic.empty()) {
        auto* topic = image.find(std::string_view(query.topic));
        if (!topic) return {};
        return {topic->partitions.size() <= detailed_partitions_max, topic->id};
    }
    for (auto& [name, topic] : image.topics()) partitions += topic->partitions.size();
    return {partitions <= detailed_partitions_max, {}};
}

void tell_process(Exposition& out, const Host& host, bool ready, Instant started) {
    out.gauge("fulmar_build_info", "Always 1; its labels say what runs.");
    out.value(std::uint64_t(1), {{"version", version}});
    out.gauge("fulmar_uptime_seconds", "Since the process began to serve these metrics.");
    out.value(double((host.cores[0]->loop.now() - started).count()) / 1e3);
    out.gauge("fulmar_ready", "1 when clients are served: recovery is over, and no stop has begun.",
              std::uint64_t(ready));
    if (!host.process_use) return;
    auto use = host.process_use();
    out.gauge("process_resident_memory_bytes", "Memory of the process that is in RAM.", use.resident_bytes);
    out.counter("process_cpu_seconds_total", "CPU time of all threads, in the kernel too.");
    out.value(double(use.cpu.count()) / 1e6);
}

void tell_connections(Exposition& out, const Counters& counters, const Broker& broker) {
    out.gauge("fulmar_connections", "Connections of Kafka clients that are open.", counters.connections_open);
    out.counter("fulmar_connections_accepted_total", "Connections of Kafka clients that were accepted.",
                counters.connections_accepted);
    out.counter(
        "fulmar_connections_closed_total",
        "Connections that the broker closed, by reason: idle for too long, no memory for a request "
        "(memory), a request that is none or is not served (request), answers that were not read and took "
        "others' room (deaf).");
    out.value(counters.closed_idle, {{"reason", "idle"}});
    out.value(counters.closed_for_memory, {{"reason", "memory"}});
    out.value(counters.closed_for_request, {{"reason", "request"}});
    out.value(counters.closed_deaf, {{"reason", "deaf"}});
    out.counter("fulmar_accept_failures_total",
                "Connections that could not be accepted: they had gone, or no file handle was left.",
                counters.failed_accepts);
    out.counter("fulmar_received_bytes_total", "Bytes received from Kafka clients.", counters.received_bytes);
    out.counter("fulmar_sent_bytes_total", "Bytes of answers to Kafka clients.", counters.sent_bytes);
    out.gauge("fulmar_request_buffer_bytes",
              "Memory held by requests that arrive or are worked on, as of a second ago.",
              counters.request_buffer_bytes);
    out.gauge("fulmar_request_buffer_limit_bytes", "What they may hold: queued.max.request.bytes.");
    out.value(std::uint64_t(broker.settings().request_memory_max));
    out.gauge("fulmar_unsent_bytes", "Memory held by answers that clients have not read, as of a second ago.",
              counters.unsent_bytes);
    out.gauge("fulmar_unsent_limit_bytes",
              "From this many on of DescribeConfigs, or a quarter of it of all others, answers of more than "
              "64 KiB wait: unsent.bytes.max.");
    out.value(std::uint64_t(broker.settings().unsent_bytes_max));
}

std::string label_of(std::size_t place) {
    if (place + 1 == RequestCounters::codes) return "unlisted";
    std::string name = kafka::to_text(kafka::ErrorCode(std::int16_t(place) - 1));
    for (auto& c : name) c = char(std::tolower(static_cast<unsigned char>(c)));
    return name;
}

void tell_requests(Exposition& out, const Counters& counters) {
    constexpr std::size_t none = 1;  // Codes begin with -1.
    out.counter("fulmar_requests_total",
                "Requests by API and the first error in the answer, by Kafka's name for it. none: all went "
                "well; closed: no answer, the connection was closed instead.");
    for (auto& api : counters.requests) {
        for (std::size_t place = 0; place < api.answers.size(); ++place)
            if (api.answers[place] > 0 || place == none)
                out.value(api.answers[place], {{"api", api.api}, {"error", label_of(place)}});
        if (api.unanswerable > 0) out.value(api.unanswerable, {{"api", api.api}, {"error", "closed"}});
    }
    out.histogram("fulmar_request_seconds",
                  "From the whole request to its answer, by API: with the wait for the disk, and of Fetch "
                  "with the wait for records.");
    for (auto& api : counters.requests) out.latencies(api.latency, "api", api.api);
}

void tell_records(Exposition& out, const View& view, const Broker& broker) {
    auto& counters = view.counters;
    out.counter("fulmar_appended_records_total", "Records appended to logs.", counters.appended_records);
    out.counter("fulmar_appended_batches_total", "Record batches appended to logs.",
                counters.appended_batches);
    out.counter("fulmar_appended_bytes_total", "Bytes appended to logs, as they are stored.",
                counters.appended_bytes);
    out.counter("fulmar_fetched_bytes_total", "Bytes of record batches in answers to Fetch.",
                counters.fetched_bytes);
    out.histogram("fulmar_log_sync_seconds",
                  "From when a sync of a log (fdatasync) was asked for until its core heard of its end.");
    out.latencies(counters.syncs);
    auto directories = broker.directories();
    // A broker that has ended since its cores were looked at has none any more.
    auto count = std::min(view.unsynced_bytes.size(), directories.size());
    auto tell = [&](std::string_view name, std::string_view help, auto number) {
        out.gauge(name, help);
        for (std::size_t n = 0; n < count; ++n)
            out.value(std::uint64_t(number(n)), {{"directory", directories[n].name}});
    };
    tell("fulmar_unsynced_bytes", "Bytes that are written and not known to be on disk yet.",
         [&](std::size_t n) { return view.unsynced_bytes[n]; });
    tell("fulmar_unsynced_limit_bytes",
         "At this many producers wait: unsynced.bytes.max. Each core has an even share of it.",
         [&](std::size_t) { return broker.settings().unsynced_bytes_max; });
}

void tell_storage(Exposition& out, const View& view, const Broker& broker, Instant now) {
    auto& counters = view.counters;
    out.counter("fulmar_storage_failures_total",
                "Operations on logs that failed, by operation: write (a full disk, too) or sync.");
    out.value(counters.failed_writes, {{"operation", "write"}});
    out.value(counters.failed_syncs, {{"operation", "sync"}});
    out.gauge(
        "fulmar_data_directory_failed",
        "1 when the data directory is away, or a write or sync in it failed for good or was not answered: "
        "nothing of it is served any more. With the one that has the metadata the process ends.");
    auto directories = broker.directories();
    for (std::size_t n = 0; n < directories.size(); ++n)
        out.value(
            std::uint64_t(!directories[n].trouble.empty() || (n < view.failed.size() && view.failed[n])),
            {{"directory", directories[n].name}});
    out.gauge(
        "fulmar_data_directory_unanswered_seconds",
        "How long the oldest operation under way in the data directory has waited; with disk.timeout.ms "
        "it is given up.");
    for (auto& directory : directories)
        if (directory.root)
            out.value(std::chrono::duration<double>(directory.root->unanswered()).count(),
                      {{"directory", directory.name}});
    auto tell = [&](std::string_view name, std::string_view help, auto number) {
        out.gauge(name, help);
        for (auto& directory : directories)
            out.value(std::uint64_t(number(directory)), {{"directory", directory.name}});
    };
    tell("fulmar_data_directory_full",
         "1 when no records are taken there, since the disk is full; 2 when it is read only.",
         [](auto& directory) { return directory.seen.room; });
    tell("fulmar_data_directory_usable_bytes", "What is free on its disk for the broker.",
         [](auto& directory) { return directory.seen.space.usable_bytes; });
    out.counter("fulmar_damaged_reads_total", "Reads that met bytes which are not what was written.",
                counters.damaged_reads);
    out.counter("fulmar_rebuilt_indexes_total", "Indexes of segments that were lost or bad, and made anew.",
                counters.rebuilt_indexes);
    out.counter("fulmar_deleted_segments_total", "Segments deleted, by retention or by a client's wish.",
                counters.deleted_segments);
    out.counter("fulmar_deleted_bytes_total", "Bytes of the segments deleted.", counters.deleted_bytes);
    out.counter("fulmar_compacted_bytes_total", "Bytes that compaction has read and written.",
                counters.compacted_bytes);
    out.counter("fulmar_compaction_freed_bytes_total", "By how much compaction has made logs smaller.",
                counters.compaction_freed_bytes);
    out.counter("fulmar_compaction_removed_records_total", "Records that compaction has removed.",
                counters.compaction_removed_records);
    out.counter("fulmar_scrubbed_bytes_total", "Bytes read from the disk and checked, over and over.",
                counters.scrubbed_bytes);
    out.counter("fulmar_scrub_damage_total", "Damaged places that were found so; each again in every round.",
                counters.scrub_damage);
    if (auto at = broker.checkpointed_at()) {
        out.gauge("fulmar_checkpoint_age_seconds",
                  "Since the last checkpoint: what a start after a crash reads again.");
        out.value(double((now - *at).count()) / 1e3);
    }
    auto& found = broker.found();
    out.gauge("fulmar_recovery_cut_tails", "Logs from which this start has cut a torn end.", found.tails_cut);
    out.gauge("fulmar_recovery_cut_bytes", "Bytes that this start has cut from torn ends of logs.",
              found.bytes_cut);
    out.gauge("fulmar_recovery_possible_losses",
              "Logs of which this start has cut an end although a valid batch lay behind it.",
              found.losses_possible);
    out.gauge("fulmar_quarantined_files", "Files in quarantine/: cut off or not understood, never deleted.",
              found.quarantined);
}

void tell_groups(Exposition& out, const View& view) {
    auto& groups = view.groups;
    out.gauge("fulmar_groups", "Consumer groups by state, as `fulmar group list` shows it.");
    for (std::string_view state :
         {"Empty", "PreparingRebalance", "CompletingRebalance", "Assigning", "Reconciling", "Stable"}) {
        auto at = groups.tally.groups.find(state);
        out.value(at == groups.tally.groups.end() ? 0 : at->second, {{"state", state}});
    }
    out.gauge("fulmar_group_members", "Members of all consumer groups.", groups.tally.members);
    out.gauge("fulmar_committed_offsets",
              "Partitions of which groups have committed an offset, each once a group.",
              groups.tally.offsets);
    out.counter("fulmar_group_rebalances_total", "Rebalances of consumer groups that have begun.",
                view.counters.group_rebalances);
    out.gauge(
        "fulmar_group_coordinators",
        "Group coordinators, one for each partition of __consumer_offsets, by state. loading: its log is "
        "being read; unavailable: that cannot be read. The metrics of groups are of those that serve.");
    out.value(groups.serving, {{"state", "serving"}});
    out.value(groups.loading, {{"state", "loading"}});
    out.value(groups.unavailable, {{"state", "unavailable"}});
}

void tell_logs(Exposition& out, View& view, std::size_t topics) {
    out.gauge("fulmar_topics", "Topics.", std::uint64_t(topics));
    out.gauge("fulmar_partitions", "Partitions that this broker leads.", view.partitions);
    out.gauge("fulmar_damaged_partitions",
              "Partitions of which nobody knows the end: they are served up to it, and take no writes.",
              view.damaged);
    out.gauge("fulmar_offline_partitions", "Partitions whose data directory is away or has failed.",
              view.offline);
    out.gauge("fulmar_segments", "Segments of all logs.", view.segments);
    out.gauge("fulmar_log_bytes", "Bytes of all logs.", view.log_bytes);
    if (view.detail.empty()) return;

    std::ranges::sort(view.detail, {}, [](auto& of) { return std::tie(of.topic, of.index); });
    auto tell = [&](std::string_view name, std::string_view help, auto number) {
        out.gauge(name, help);
        for (auto& each : view.detail)
            out.value(std::uint64_t(number(each)),
                      {{"topic", each.topic}, {"partition", std::to_string(each.index)}});
    };
    tell("fulmar_partition_log_start_offset", "The first offset that is there.",
         [](auto& each) { return std::to_underlying(each.start); });
    tell("fulmar_partition_log_end_offset", "The offset that the next record gets.",
         [](auto& each) { return std::to_underlying(each.end); });
    tell("fulmar_partition_high_watermark_offset", "Where consumers' reads end.",
         [](auto& each) { return std::to_underlying(each.high_watermark); });
    tell("fulmar_partition_log_bytes", "Bytes of the partition's log.",
         [](auto& each) { return each.bytes; });
}

}  // namespace

Task<std::string> metrics_text(Host& host, Broker& broker, MetricsQuery query, bool ready, Instant started) {
    auto& home = host.cores[0]->loop;
    View all;
    Detail detail;
    std::size_t topics = 0;
    for (int core = 0; core < broker.cores(); ++core) {
        auto& shard = broker.shard(core);
        if (core == 0) {
            topics = shard.image().topics().size();
            detail = detail_of(shard.image(), query);
            all.add(look(broker, shard, detail));
            continue;
        }
        auto there = [&] { return look(broker, shard, detail); };
        auto view = co_await call_on(shard.seam.loop, home, there);
        all.add(std::move(view));
    }
    Exposition out;
    tell_process(out, host, ready, started);
    tell_connections(out, all.counters, broker);
    tell_requests(out, all.counters);
    tell_records(out, all, broker);
    tell_storage(out, all, broker, home.now());
    tell_groups(out, all);
    tell_logs(out, all, topics);
    co_return out.take();
}

}  // namespace fulmar::console
