// The whole command line, parsed into one of these structs: what was asked for, checked for form, with
// nothing done yet. Knows no broker and no network; reads FULMAR_SERVER and FULMAR_LOG_DIRS.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/address.h"

namespace fulmar::cli {

// Whom the client's verbs ask when nobody is named; where a broker listens when it is told nothing.
inline constexpr const char* default_server = "127.0.0.1:9092";

// What the process ends with.
inline constexpr int exit_done = 0, exit_failed = 1, exit_usage = 2;
inline constexpr int exit_damaged = 3;  // `fulmar log verify` has found damage.

using Pairs = std::vector<std::pair<std::string, std::string>>;  // Of "key=value", in the order given.

struct ServeOptions {
    std::optional<std::string> listen, config;
    std::vector<std::string> data;
    Pairs sets;
    bool show_settings = false;  // Print them and end.
};

struct TopicCreateOptions {
    Address server;
    std::vector<std::string> names;
    std::int32_t partitions = -1;          // -1: the broker's default.
    std::int16_t replication_factor = -1;  // The same.
    Pairs configs;
    bool if_not_exists = false;
    bool json = false;
};
struct TopicGrowOptions {
    Address server;
    std::string name;
    std::int32_t partitions = 0;  // In all.
    bool json = false;
};
struct TopicDeleteOptions {
    Address server;
    std::vector<std::string> names;
    bool if_exists = false;
    bool json = false;
};
struct TopicListOptions {
    Address server;
    bool json = false;
};
struct TopicDescribeOptions {
    Address server;
    std::string name;
    bool json = false;
};

struct TopicConfigOptions {
    Address server;
    std::string name;
    Pairs sets;
    std::vector<std::string> deletes;
    bool json = false;
};

struct TopicTrimOptions {
    Address server;
    std::string name;
    std::optional<std::int32_t> partition;
    // One of the three. All: what consumers can see.
    std::optional<std::int64_t> before_offset, before_time_ms;
    bool all = false;
    bool json = false;
};

// A topic's partitions; none named: all of them.
struct TopicPartitions {
    std::string topic;
    std::vector<std::int32_t> partitions;
    std::string text() const;  // "orders" or "orders:0,2".
};

struct GroupListOptions {
    Address server;
    bool json = false;
};
struct GroupDescribeOptions {
    Address server;
    std::string name;
    bool json = false;
};
struct GroupResetOptions {
    struct Earliest {};
    struct Latest {};
    struct Time {
        std::int64_t ms = 0;
    };
    Address server;
    std::string name;
    std::vector<TopicPartitions> topics;
    std::variant<Earliest, Latest, std::int64_t, Time> to;
    std::optional<std::int64_t> shift;  // Instead of `to`: from where it is.
    bool make = false;                  // A group that is not there is no failure.
    bool yes = false, dry_run = false;
    bool json = false;
};
struct GroupDeleteOptions {
    Address server;
    std::vector<std::string> names;
    std::vector<TopicPartitions> topics;  // Only what they have committed of these, if there are any.
    bool if_exists = false;
    bool json = false;
};

struct ProduceOptions {
    Address server;
    std::string topic;
    std::vector<std::string> values;  // None: a value a line from standard input.
    std::optional<std::string> key;
    Pairs headers;
    std::optional<std::int32_t> partition;
    std::string codec = "none";
    std::int32_t timeout_s = 30;  // A message that is not written by then counts as lost.
    bool json = false;
};

struct ConsumeOptions {
    struct Beginning {};
    struct End {};
    using From = std::variant<Beginning, End, std::int64_t>;
    Address server;
    std::string topic;
    From from;
    std::optional<std::int32_t> partition;
    std::optional<std::int64_t> count;
    std::optional<std::int64_t> at;  // Show the one message there.
    // As a member of it; `from`, the beginning or the end, is for partitions of which it has committed
    // nothing.
    std::optional<std::string> group;
    bool until_end = false;
    bool json = false;
};

// Where a broker keeps its data when it is told nothing.
inline constexpr const char* default_data = "./fulmar-data";

struct LogDumpOptions {
    std::string path;
    std::optional<std::int64_t> from;
    bool records = false;
    bool json = false;
};
struct LogVerifyOptions {
    std::string data = default_data;
    std::vector<std::string> partitions;  // "orders" or "orders-3"; none: all.
    bool json = false;
};
struct LogRepairOptions {
    std::string data = default_data;
    std::vector<std::string> partitions;
    bool yes = false, dry_run = false;
    bool json = false;
};
struct LogAcceptOptions {
    std::string data = default_data;
    bool yes = false;
};

struct VersionOptions {
    bool json = false;
};

using Command =
    std::variant<ServeOptions, TopicCreateOptions, TopicGrowOptions, TopicDeleteOptions, TopicListOptions,
                 TopicDescribeOptions, TopicConfigOptions, TopicTrimOptions, GroupListOptions,
                 GroupDescribeOptions, GroupResetOptions, GroupDeleteOptions, ProduceOptions, ConsumeOptions,
                 LogDumpOptions, LogVerifyOptions, LogRepairOptions, LogAcceptOptions, VersionOptions>;

// Nothing to be run: a text for people and how the process ends. With exit_done it was asked for, with
// --help.
struct Ending {
    int code = exit_usage;
    std::string text;
};
std::expected<Command, Ending> parse_command(int argc, const char* const* argv);

}  // namespace fulmar::cli
