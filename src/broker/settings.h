// What an operator can set. One table (settings_table.cc) says of each setting its key, what it may be,
// its default and what it does; reading, refusing and describing all follow that table. Keys are Kafka's
// where the meaning is Kafka's, else our own.
//
// Pure: whoever calls has read the file and the environment. Any thread.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/address.h"
#include "base/log_sink.h"
#include "base/time.h"
#include "core/cluster/config_row.h"

namespace fulmar {

// When a produce is answered that asks for an answer.
enum class Durability : std::uint8_t {
    disk,        // Once its bytes are synced.
    page_cache,  // Once the kernel has them.
};

// Of consumer groups (KIP-848): the assignors that there are, first the one where no member names one, and
// which way groups may go from one protocol to the other while they have members.
enum class Assignors : std::uint8_t { uniform_range, range_uniform, uniform, range };
enum class MigrationPolicy : std::uint8_t { disabled, upgrade, downgrade, bidirectional };

struct Settings {
    Address listen;
    Address advertised;      // Where clients are told to connect. As `listen` unless set, port 0 included.
    Address metrics_listen;  // No host: nowhere.
    bool allow_unauthenticated_listen;
    std::vector<std::string> data_directories;
    std::vector<std::string> directories_gone;  // Ids.
    std::int64_t broker_id;
    std::int64_t cores;  // 0: as many as there are CPUs.
    std::int64_t disk_threads;
    Millis disk_timeout;
    bool auto_create_topics;
    bool delete_topics;
    std::int64_t num_partitions;
    std::int64_t message_bytes_max;
    std::int64_t fetch_bytes_max;
    std::int64_t socket_request_bytes_max;
    Millis connections_idle_max;
    std::int64_t connections_max;
    std::int64_t request_memory_max;
    std::int64_t unsent_bytes_max;
    Millis log_retention;  // Negative: none.
    Millis log_retention_check_interval;
    Millis log_scrub_interval;
    Millis checkpoint_interval;
    Durability durability;
    std::int64_t unsynced_bytes_max;
    std::int64_t disk_full_percent, disk_full_free_bytes, disk_read_only_percent, disk_reserve_bytes;
    std::int64_t background_bytes_per_second;
    Millis producer_id_expiration;
    Millis group_min_session_timeout, group_max_session_timeout, group_initial_rebalance_delay;
    std::int64_t group_max_size;
    Millis consumer_session_timeout, consumer_min_session_timeout, consumer_max_session_timeout;
    Millis consumer_heartbeat_interval, consumer_min_heartbeat_interval, consumer_max_heartbeat_interval;
    Millis consumer_assignment_interval;
    std::int64_t consumer_max_size;
    Assignors consumer_assignors;
    MigrationPolicy consumer_migration;
    std::int64_t offset_metadata_bytes_max;
    std::int64_t offsets_retention_minutes;
    Millis offsets_retention_check_interval;
    std::int64_t offsets_topic_partitions, offsets_topic_segment_bytes, offsets_load_buffer_bytes;
    LogLevel log_level;
    // What else gives topics their defaults, by the broker's names for it (core/cluster/topic_config.h). Only
    // what was set.
    cluster::ConfigMap topic_defaults;

    // As text and where it came from (empty: the default), in the order of the table: for DescribeConfigs.
    struct Shown {
        std::string value, place;
    };
    std::vector<Shown> shown;
};

// A row of the table.
struct Setting {
    // What a value may be. Numbers may be written with a unit: "64MiB", "30d".
    struct Flag {
        bool Settings::* field;
    };
    struct Number {
        std::int64_t Settings::* field;
        std::int64_t least, most;
        bool bytes = false;
    };
    struct Duration {
        Millis Settings::* field;
        std::int64_t least, most;  // Milliseconds.
    };
    struct Texts {  // With commas in between.
        std::vector<std::string> Settings::* field;
        bool ids = false;  // Of directories, and there may be none; else paths.
    };
    struct HostPort {
        Address Settings::* field;
        bool http = false;  // Then it may be empty, too: nowhere.
    };
    template <class E> struct ChoiceOf {
        E Settings::* field;
        std::vector<std::pair<std::string_view, E>> names;
    };
    using Kind = std::variant<Flag, Number, Duration, Texts, HostPort, ChoiceOf<Durability>,
                              ChoiceOf<LogLevel>, ChoiceOf<Assignors>, ChoiceOf<MigrationPolicy>>;

    std::string_view key;
    Kind kind;
    std::string_view fallback;   // The default, as one would write it.
    std::string_view what;       // Sentences for people.
    bool kafkas = false;         // Kafka has a broker setting of this name and meaning.
    std::string_view also = {};  // Another name of Kafka's for it.
};
std::span<const Setting> settings_table();
// "0 to 256", "disk or page-cache".
std::string allowed(const Setting& setting);

// Where settings come from, the weakest first: defaults, the file, the environment, the command line.
struct SettingSources {
    std::string file_name = {}, file_text = {};  // TOML. No name: no file.
    // All variables. Of a key "log.level": FULMAR_LOG_LEVEL. Ours are those whose names begin with FULMAR_,
    // but those that Kubernetes makes up for a service called fulmar.
    std::vector<std::pair<std::string, std::string>> environment = {};
    struct Argument {
        std::string key, value;
        std::string place;  // As it was typed: "--set log.level=loud".
    };
    std::vector<Argument> arguments = {};  // Later ones win.
};

// All settings, or everything that is wrong with what was given: a sentence each, with its place and
// what would be right.
std::expected<Settings, std::vector<std::string>> read_settings(const SettingSources& sources);

// What was set, by key, as Kafka's tools expect it: numbers and times without units, addresses with a
// protocol.
cluster::ConfigMap fixed_values(const Settings& settings);
// The value of one, set or not, in the same way.
std::string value_of(const Settings& settings, const Setting& setting);

// The table for people, as `fulmar serve --settings` shows it.
std::string describe_settings();
// The environment variable of a key.
std::string variable_of(std::string_view key);

}  // namespace fulmar
