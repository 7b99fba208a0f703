// The one table of settings. A new setting is a field in Settings and a row here.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/text.h"
#include "broker/settings.h"
#include "core/cluster/topic_config.h"

namespace fulmar {

namespace {
constexpr auto int_max = std::int64_t(std::numeric_limits<std::int32_t>::max());
constexpr auto long_max = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kib = 1024, mib = 1024 * kib, gib = 1024 * mib;
}  // namespace

std::span<const Setting> settings_table() {
    using S = Settings;
    static const std::vector<Setting> table = {
        {.key = "listeners",
         .kind = Setting::HostPort{&S::listen},
         .fallback = "127.0.0.1:9092",
         .what =
             "Where clients connect: HOST:PORT. Port 0 takes any free one. Connections are not "
             "authenticated, so any address but this machine's own needs allow.unauthenticated.listen=true.",
         .kafkas = true},
        {.key = "advertised.listeners",
         .kind = Setting::HostPort{&S::advertised},
         .fallback = "",
         .what = "The address that clients are told to use, when it is not the one in listeners: behind NAT, "
                 "in a container, or with listeners=0.0.0.0.",
         .kafkas = true},
        {.key = "allow.unauthenticated.listen",
         .kind = Setting::Flag{&S::allow_unauthenticated_listen},
         .fallback = "false",
         .what = "Listen on addresses that other machines reach. Whoever reaches them can read, write and "
                 "delete everything."},
        {.key = "log.dirs",
         .kind = Setting::Texts{&S::data_directories},
         .fallback = "./fulmar-data",
         .what =
             "The directories that hold all data, with commas in between: one a disk. They are made if "
             "missing, and belong to one broker. The first also gets the metadata, and without that one the "
             "broker does not run; when another is lost, the partitions in the others are served. A new "
             "partition goes to the directory that has the fewest.",
         .kafkas = true,
         .also = "log.dir"},
        {.key = "log.dirs.gone",
         .kind = Setting::Texts{&S::directories_gone, true},
         .fallback = "",
         .what =
             "Ids of data directories that will not come back. What was in one that is only away is answered "
             "with an error until it is back; what was in one named here is lost, and its partitions begin "
             "anew, empty."},
        {.key = "broker.id",
         .kind = Setting::Number{&S::broker_id, 0, int_max},
         .fallback = "1",
         .what = "This broker's number, its own in the cluster.",
         .kafkas = true,
         .also = "node.id"},
        {.key = "cores",
         .kind = Setting::Number{&S::cores, 0, 256},
         .fallback = "0",
         .what = "Threads that serve clients, each with its own connections and partitions. 0: one for each "
                 "CPU that this process may use."},
        {.key = "disk.threads",
         .kind = Setting::Number{&S::disk_threads, 1, 256},
         .fallback = "4",
         .what = "Threads that wait for disks, beside one for each core. Each that waits for more than a "
                 "second has "
                 "another take its place, up to 256."},
        {.key = "disk.timeout.ms",
         .kind = Setting::Duration{&S::disk_timeout, 1'000, int_max},
         .fallback = "60000",
         .what =
             "How long a disk may take to answer. Then its data directory is given up: of several, its "
             "partitions are offline until a start finds it well; without the home the process ends. A sixth "
             "of that, ten seconds at most, is told as a warning."},
        {.key = "auto.create.topics.enable",
         .kind = Setting::Flag{&S::auto_create_topics},
         .fallback = "true",
         .what = "Make a topic when a client that allows it first asks for it.",
         .kafkas = true},
        {.key = "delete.topic.enable",
         .kind = Setting::Flag{&S::delete_topics},
         .fallback = "true",
         .what = "Let clients delete topics.",
         .kafkas = true},
        {.key = "num.partitions",
         .kind = Setting::Number{&S::num_partitions, 1, 10'000},
         .fallback = "1",
         .what = "Partitions of a topic that is made without saying how many.",
         .kafkas = true},
        {.key = "message.max.bytes",
         .kind = Setting::Number{&S::message_bytes_max, 1, int_max, true},
         .fallback = "1048588",
         .what = "The largest record batch that is taken, compressed as it is.",
         .kafkas = true},
        {.key = "fetch.max.bytes",
         .kind = Setting::Number{&S::fetch_bytes_max, 1 * kib, int_max, true},
         .fallback = "57671680",
         .what = "The most that one fetch is answered with, whatever it asks for; one batch always.",
         .kafkas = true},
        {.key = "socket.request.max.bytes",
         .kind = Setting::Number{&S::socket_request_bytes_max, 1 * kib, int_max, true},
         .fallback = "104857600",
         .what = "The largest request. A connection that sends a larger one is closed.",
         .kafkas = true},
        {.key = "connections.max.idle.ms",
         .kind = Setting::Duration{&S::connections_idle_max, 1000, long_max},
         .fallback = "600000",
         .what = "A connection on which nothing came for so long is closed.",
         .kafkas = true},
        {.key = "max.connections",
         .kind = Setting::Number{&S::connections_max, 1, 1'000'000},
         .fallback = "10000",
         .what = "Connections at one time. More wait until one ends.",
         .kafkas = true},
        {.key = "queued.max.request.bytes",
         .kind = Setting::Number{&S::request_memory_max, 64 * mib, 1024 * gib, true},
         .fallback = "1073741824",
         .what = "What all connections together may hold in requests that have begun to arrive. A connection "
                 "that gets no room for ten seconds is closed.",
         .kafkas = true},
        {.key = "unsent.bytes.max",
         .kind = Setting::Number{&S::unsent_bytes_max, 1 * mib, 1024 * gib, true},
         .fallback = "268435456",
         .what =
             "What answers to DescribeConfigs hold of memory that clients have not read; all other answers "
             "have a quarter of that besides, and records hold none. Beyond that, answers of more than "
             "64 KiB wait, and while some do, clients that read nothing of theirs for some seconds are "
             "closed."},
        {.key = "log.retention.ms",
         .kind = Setting::Duration{&S::log_retention, -1, long_max},
         .fallback = "2592000000",
         .what =
             "How long records are kept after they were appended, of topics that do not say otherwise: 30 "
             "days. -1: for ever.",
         .kafkas = true},
        {.key = "log.retention.check.interval.ms",
         .kind = Setting::Duration{&S::log_retention_check_interval, 1, long_max},
         .fallback = "300000",
         .what = "How often it is looked for what is too old or too much to keep.",
         .kafkas = true},
        {.key = "durability",
         .kind =
             Setting::ChoiceOf<Durability>{
                 &S::durability, {{"disk", Durability::disk}, {"page-cache", Durability::page_cache}}},
         .fallback = "disk",
         .what = "When a write is acknowledged. disk: once it is on disk, so that it survives a power cut. "
                 "page-cache: once the kernel has it, as Kafka does; then a power cut or a crash of the "
                 "kernel loses acknowledged records of the last seconds. A crash of the broker alone loses "
                 "none either way."},
        {.key = "unsynced.bytes.max",
         .kind = Setting::Number{&S::unsynced_bytes_max, 1 * mib, 64 * gib, true},
         .fallback = "67108864",
         .what = "Bytes written but not yet on disk, in each data directory. At this many, producers are not "
                 "read until the disk has caught up."},
        {.key = "disk.full.percent",
         .kind = Setting::Number{&S::disk_full_percent, 1, 99},
         .fallback = "95",
         .what =
             "When so much of a data directory's disk is in use, by whomever, no records are taken there: "
             "producers get KAFKA_STORAGE_ERROR and try again. All else goes on."},
        {.key = "disk.full.free.bytes",
         .kind = Setting::Number{&S::disk_full_free_bytes, 0, 1024 * gib, true},
         .fallback = "2147483648",
         .what = "So it is, too, with less than this free; of a small disk a tenth is enough."},
        {.key = "disk.read.only.percent",
         .kind = Setting::Number{&S::disk_read_only_percent, 1, 99},
         .fallback = "99",
         .what =
             "When so much of the disk with the metadata is in use, no topic is made or grown and no setting "
             "is changed either. Reading and deleting go on."},
        {.key = "disk.reserve.bytes",
         .kind = Setting::Number{&S::disk_reserve_bytes, 0, 64 * gib, true},
         .fallback = "33554432",
         .what =
             "Room that each data directory holds in a file for what must go on when the disk is full; at "
             "most a 64th of the disk."},
        {.key = "background.bytes.per.second",
         .kind = Setting::Number{&S::background_bytes_per_second, 64 << 10, 64 * gib, true},
         .fallback = "67108864",
         .what = "What work in the background reads and writes in a second in each data directory, so that "
                 "clients "
                 "have the disk."},
        {.key = "log.flush.offset.checkpoint.interval.ms",
         .kind = Setting::Duration{&S::checkpoint_interval, 1, 3'600'000},
         .fallback = "1000",
         .what = "How often it is noted how far logs are on disk: what came later a start after a crash "
                 "reads again.",
         .kafkas = true},
        {.key = "log.scrub.interval.ms",
         .kind = Setting::Duration{&S::log_scrub_interval, 1000, long_max},
         .fallback = "604800000",
         .what = "In what time all data is read from the disk and checked."},
        {.key = "producer.id.expiration.ms",
         .kind = Setting::Duration{&S::producer_id_expiration, 1, long_max},
         .fallback = "86400000",
         .what = "How long an idle producer is remembered, to tell its retries from new records.",
         .kafkas = true},
        {.key = "group.min.session.timeout.ms",
         .kind = Setting::Duration{&S::group_min_session_timeout, 1, int_max},
         .fallback = "6000",
         .what = "The shortest time that a member of a group may ask to be missed for.",
         .kafkas = true},
        {.key = "group.max.session.timeout.ms",
         .kind = Setting::Duration{&S::group_max_session_timeout, 1, int_max},
         .fallback = "1800000",
         .what = "And the longest.",
         .kafkas = true},
        {.key = "group.initial.rebalance.delay.ms",
         .kind = Setting::Duration{&S::group_initial_rebalance_delay, 0, int_max},
         .fallback = "3000",
         .what = "How long a group that has no members waits behind the first one for more, and longer while "
                 "others come, before it divides partitions among them.",
         .kafkas = true},
        {.key = "group.max.size",
         .kind = Setting::Number{&S::group_max_size, 1, int_max},
         .fallback = "2147483647",
         .what = "The most members of a group.",
         .kafkas = true},
        {.key = "group.consumer.session.timeout.ms",
         .kind = Setting::Duration{&S::consumer_session_timeout, 1, int_max},
         .fallback = "45000",
         .what = "After how long without a heartbeat a member of a consumer group (KIP-848) is missed, where "
                 "nothing is set for its group.",
         .kafkas = true},
        {.key = "group.consumer.min.session.timeout.ms",
         .kind = Setting::Duration{&S::consumer_min_session_timeout, 1, int_max},
         .fallback = "45000",
         .what = "That is never shorter than this.",
         .kafkas = true},
        {.key = "group.consumer.max.session.timeout.ms",
         .kind = Setting::Duration{&S::consumer_max_session_timeout, 1, int_max},
         .fallback = "60000",
         .what = "And never longer than this, whatever is set.",
         .kafkas = true},
        {.key = "group.consumer.heartbeat.interval.ms",
         .kind = Setting::Duration{&S::consumer_heartbeat_interval, 1, int_max},
         .fallback = "5000",
         .what = "How often such a member is told to send a heartbeat, where nothing is set for its group.",
         .kafkas = true},
        {.key = "group.consumer.min.heartbeat.interval.ms",
         .kind = Setting::Duration{&S::consumer_min_heartbeat_interval, 1, int_max},
         .fallback = "5000",
         .what = "That is never more often than this.",
         .kafkas = true},
        {.key = "group.consumer.max.heartbeat.interval.ms",
         .kind = Setting::Duration{&S::consumer_max_heartbeat_interval, 1, int_max},
         .fallback = "15000",
         .what = "And never more rarely than this, whatever is set.",
         .kafkas = true},
        {.key = "group.consumer.max.size",
         .kind = Setting::Number{&S::consumer_max_size, 1, int_max},
         .fallback = "2147483647",
         .what = "The most members of such a group.",
         .kafkas = true},
        {.key = "group.consumer.assignors",
         .kind = Setting::ChoiceOf<Assignors>{&S::consumer_assignors,
                                              {{"uniform,range", Assignors::uniform_range},
                                               {"range,uniform", Assignors::range_uniform},
                                               {"uniform", Assignors::uniform},
                                               {"range", Assignors::range}}},
         .fallback = "uniform,range",
         .what =
             "How partitions can be shared among such members; the first one is taken where no member asks "
             "for one.",
         .kafkas = true},
        {.key = "group.consumer.assignment.interval.ms",
         .kind = Setting::Duration{&S::consumer_assignment_interval, 0, int_max},
         .fallback = "1000",
         .what = "How often at most they are shared out anew in a group of 100 members or more.",
         .kafkas = true},
        {.key = "group.consumer.migration.policy",
         .kind = Setting::ChoiceOf<MigrationPolicy>{&S::consumer_migration,
                                                    {{"disabled", MigrationPolicy::disabled},
                                                     {"upgrade", MigrationPolicy::upgrade},
                                                     {"downgrade", MigrationPolicy::downgrade},
                                                     {"bidirectional", MigrationPolicy::bidirectional}}},
         .fallback = "bidirectional",
         .what =
             "Whether a group may go from the classic protocol to the one of KIP-848, or back, while it has "
             "members.",
         .kafkas = true},
        {.key = "offset.metadata.max.bytes",
         .kind = Setting::Number{&S::offset_metadata_bytes_max, 0, 32'767, true},
         .fallback = "4096",
         .what = "The most that a consumer may note beside an offset that it commits.",
         .kafkas = true},
        {.key = "offsets.retention.minutes",
         .kind = Setting::Number{&S::offsets_retention_minutes, 1, int_max},
         .fallback = "43200",
         .what =
             "How long committed offsets are kept once their group has no members any more, or, of a group "
             "of KIP-848, since they were committed: 30 days, as long as messages; Kafka has 7 for both.",
         .kafkas = true},
        {.key = "offsets.retention.check.interval.ms",
         .kind = Setting::Duration{&S::offsets_retention_check_interval, 1, long_max},
         .fallback = "600000",
         .what = "How often it is looked for committed offsets that are too old to keep.",
         .kafkas = true},
        {.key = "offsets.topic.num.partitions",
         .kind = Setting::Number{&S::offsets_topic_partitions, 1, 10'000},
         .fallback = "50",
         .what = "Partitions of __consumer_offsets, when it is made: at the first use of a group.",
         .kafkas = true},
        {.key = "offsets.topic.segment.bytes",
         .kind = Setting::Number{&S::offsets_topic_segment_bytes, 1 * mib, int_max, true},
         .fallback = "104857600",
         .what = "The size of its segments, when it is made: what is not compacted yet.",
         .kafkas = true},
        {.key = "offsets.load.buffer.size",
         .kind = Setting::Number{&S::offsets_load_buffer_bytes, 1, int_max, true},
         .fallback = "262144",
         .what = "How much of it is read at once when a coordinator starts.",
         .kafkas = true},
        {.key = "metrics.listen",
         .kind = Setting::HostPort{&S::metrics_listen, true},
         .fallback = "127.0.0.1:9644",
         .what = "Where /metrics, /healthz and /readyz are served, by HTTP: HOST:PORT, or nothing to serve "
                 "them nowhere. Any address but this machine's own needs allow.unauthenticated.listen=true."},
        {.key = "log.level",
         .kind = Setting::ChoiceOf<LogLevel>{&S::log_level,
                                             {{"debug", LogLevel::debug},
                                              {"info", LogLevel::info},
                                              {"warning", LogLevel::warning},
                                              {"error", LogLevel::error}}},
         .fallback = "info",
         .what = "The least important lines that are logged."},
    };
    return table;
}

namespace {
std::string number(std::int64_t n, bool bytes = false) {
    if (n == long_max) return "any";
    if (bytes && n > 0 && n % gib == 0) return fmt::format("{}GiB", n / gib);
    if (bytes && n > 0 && n % mib == 0) return fmt::format("{}MiB", n / mib);
    return std::to_string(n);
}
std::string range(std::int64_t least, std::int64_t most, std::string_view unit) {
    auto text = most == long_max ? fmt::format("{} or more", least)
                                 : number(least, !unit.empty()) + " to " + number(most, !unit.empty());
    return unit.empty() || text.ends_with('B') ? text : fmt::format("{} {}", text, unit);
}
template <class E> std::string names_of(const Setting::ChoiceOf<E>& choice) {
    auto is_list = [](auto& each) { return each.first.contains(','); };
    bool lists = std::ranges::any_of(choice.names, is_list);
    std::string text;
    for (auto& [name, value] : choice.names) {
        if (!text.empty()) text += lists || &name == &choice.names.back().first ? " or " : ", ";
        text += name;
    }
    return text;
}
struct Allowed {
    std::string operator()(const Setting::Flag&) const { return "true or false"; }
    std::string operator()(const Setting::Number& n) const {
        return range(n.least, n.most, n.bytes ? "bytes" : "");
    }
    std::string operator()(const Setting::Duration& d) const { return range(d.least, d.most, "ms"); }
    std::string operator()(const Setting::Texts& list) const {
        return list.ids ? "ids of directories or nothing" : "paths, each once, with commas in between";
    }
    std::string operator()(const Setting::HostPort& host_port) const {
        return host_port.http ? "HOST:PORT or nothing" : "HOST:PORT";
    }
    template <class E> std::string operator()(const Setting::ChoiceOf<E>& choice) const {
        return names_of(choice);
    }
};
}  // namespace

std::string allowed(const Setting& setting) { return std::visit(Allowed{}, setting.kind); }

std::string variable_of(std::string_view key) {
    std::string name = "FULMAR_";
    for (char c : key) name += c == '.' || c == '-' ? '_' : upper(c);
    return name;
}

std::string describe_settings() {
    constexpr std::size_t width = 100;
    std::string text;
    for (auto& setting : settings_table()) {
        auto fallback = setting.fallback.empty() ? std::string("(none)") : std::string(setting.fallback);
        text += fmt::format("{} = {}\n", setting.key, fallback);
        auto values = fmt::format("    {}{}.", allowed(setting), setting.kafkas ? "; as in Kafka" : "");
        auto variable = variable_of(setting.key);
        bool fits = values.size() + 1 + variable.size() < width;
        text += values + (fits ? " " : "\n    ") + variable + '\n';
        std::string line = "   ";
        for (auto rest = setting.what; !rest.empty();) {
            auto word = rest.substr(0, rest.find(' '));
            rest.remove_prefix(std::min(rest.size(), word.size() + 1));
            if (line.size() + 1 + word.size() > width) text += std::exchange(line, "   ") + '\n';
            line += ' ';
            line += word;
        }
        text += line + "\n\n";
    }
    text +=
        "Defaults of topics that do not say otherwise, as in Kafka; `docs/settings.md` has more on each:\n";
    for (auto& row : cluster::topic_configs()) {
        bool listed = std::ranges::any_of(settings_table(),
                                          [&](auto& setting) { return setting.key == row.broker_name; });
        if (row.broker_name.empty() || listed) continue;
        text += fmt::format("{} = {}\n", row.broker_name, row.usual);
    }
    return text;
}

}  // namespace fulmar
