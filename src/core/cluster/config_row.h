// What a setting is: its name, what it may be, its default, and what comes of it here. Topics, brokers,
// groups and subscriptions to clients' metrics each have a table of such rows (topic_config.h,
// config_tables.h). Names, defaults and ranges are Kafka 4.2's, but where a row says otherwise. Values; any
// thread.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fulmar::cluster {

using ConfigMap = std::map<std::string, std::string, std::less<>>;

// `integer` is Kafka's INT where its range is one, else LONG.
enum class ConfigKind : std::uint8_t { boolean, integer, number, choice, list, text };

// What comes of it when it is set.
enum class ConfigUse : std::uint8_t {
    acts,    // The broker goes by it.
    kept,    // It is stored and shown, for tools that set or read it; nothing goes by it.
    fixed,   // It is shown, and can be nothing else.
    absent,  // Kafka's, of what is not here: neither taken nor shown.
};

// Of a broker's setting: how it may change while the broker runs (Kafka's "dynamic update mode").
enum class ConfigChange : std::uint8_t { never, cluster_wide };

struct ConfigRow {
    std::string_view name;
    ConfigKind kind = ConfigKind::text;
    std::string_view usual;  // The default.
    double least = 0, most = 0;
    std::string_view choices = {};      // Of `choice` and `list`: separated by spaces.
    std::string_view broker_name = {};  // The broker's setting that gives another default.
    ConfigUse use = ConfigUse::kept;
    std::string_view what = {};  // A sentence for people.
    ConfigChange change = ConfigChange::cluster_wide;
};

// Whether a number of this row is an INT, of 32 bits.
bool is_int(const ConfigRow& row);

// Why `value` will not do; nothing when it will.
std::optional<std::string> invalid_value(const ConfigRow& row, std::string_view value);

// The parts of a list, blanks taken off; none of an empty one.
std::vector<std::string_view> list_parts(std::string_view list);

// That of a table sorted by name, or null.
const ConfigRow* find_row(std::span<const ConfigRow> table, std::string_view name);

}  // namespace fulmar::cluster
