#include "broker/settings.h"

#define TOML_EXCEPTIONS 0
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "base/suggest.h"
#include "base/text.h"
#include "core/cluster/config_tables.h"
#include "core/cluster/topic_config.h"

namespace fulmar {

namespace {

struct Unit {
    std::string_view name;
    std::int64_t factor;
};
constexpr Unit byte_units[] = {
    {"KiB", 1LL << 10}, {"MiB", 1LL << 20}, {"GiB", 1LL << 30}, {"TiB", 1LL << 40}};
constexpr Unit time_units[] = {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};

// A whole number, with one of the units behind it or none.
std::optional<std::int64_t> parse_amount(std::string_view text, std::span<const Unit> units = {}) {
    std::int64_t number = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc()) return {};
    std::string_view rest(end, std::size_t(text.data() + text.size() - end));
    while (rest.starts_with(' ')) rest.remove_prefix(1);
    if (rest.empty()) return number;
    for (auto& unit : units)
        if (unit.name == rest && !__builtin_mul_overflow(number, unit.factor, &number)) return number;
    return {};
}

// Puts a text into the field of its setting; false when it is not allowed there.
struct Assign {
    Settings& settings;
    std::string_view text;

    bool operator()(const Setting::Flag& flag) const {
        settings.*flag.field = text == "true";
        return text == "true" || text == "false";
    }
    bool operator()(const Setting::Number& number) const {
        auto n = parse_amount(text, number.bytes ? byte_units : std::span<const Unit>());
        if (n) settings.*number.field = *n;
        return n && *n >= number.least && *n <= number.most;
    }
    bool operator()(const Setting::Duration& duration) const {
        auto n = parse_amount(text, time_units);
        if (n) settings.*duration.field = Millis(*n);
        return n && *n >= duration.least && *n <= duration.most;
    }
    bool operator()(const Setting::Texts& list) const {
        auto& parts = settings.*list.field;
        parts.clear();
        if (text.empty()) return list.ids;
        for (auto rest = text;;) {
            auto part = trimmed(rest.substr(0, rest.find(',')));
            Uuid id;
            bool right = !part.empty() && part.find('\0') == part.npos && (!list.ids || from_text(part, id));
            if (!right || std::ranges::find(parts, part) != parts.end()) return false;
            parts.emplace_back(part);
            if (rest.find(',') == rest.npos) return true;
            rest.remove_prefix(rest.find(',') + 1);
        }
    }
    bool operator()(const Setting::HostPort& host_port) const {
        auto address = host_port.http && text.empty() ? Address() : parse_address(text);
        if (address) settings.*host_port.field = *address;
        return address.has_value();
    }
    template <class E> bool operator()(const Setting::ChoiceOf<E>& choice) const {
        for (auto& [name, value] : choice.names) {
            if (name != text) continue;
            settings.*choice.field = value;
            return true;
        }
        return false;
    }
};

// Of a broker setting that Kafka has, or that only tools set; else nothing.
std::string_view why_not_here(std::string_view key) {
    auto* row = cluster::find_broker_config(key);
    if (!row || row->name != key) return {};
    return row->use == cluster::ConfigUse::acts ? "It is changed while the broker runs." : row->what;
}

std::size_t row_of(std::string_view key) {
    auto table = settings_table();
    for (std::size_t row = 0; row < table.size(); ++row)
        if (table[row].key == key || (!table[row].also.empty() && table[row].also == key)) return row;
    return table.size();
}

class Reading {
public:
    Reading() {
        settings_.shown.resize(settings_table().size());
        for (std::size_t row = 0; row < settings_table().size(); ++row) {
            auto& setting = settings_table()[row];
            settings_.shown[row].value = setting.fallback;
            if (!setting.fallback.empty())
                CHECK(std::visit(Assign{settings_, setting.fallback}, setting.kind));
        }
    }
    void wrong(std::string what) { wrong_.push_back(std::move(what)); }
    void set(std::string_view key, std::string_view value, std::string place) {
        auto row = row_of(key);
        if (row == settings_table().size()) return set_topic_default(key, value, place);
        auto& setting = settings_table()[row];
        // Two places' settings of one key: the later wins, but both must be right.
        if (!std::visit(Assign{settings_, value}, setting.kind))
            return wrong(fmt::format("{}: {} cannot be \"{}\": it takes {}", place, setting.key, value,
                                     allowed(setting)));
        settings_.shown[row] = {std::string(value), std::move(place)};
    }
    std::expected<Settings, std::vector<std::string>> finish() {
        if (wrong_.empty()) check_together();
        if (!wrong_.empty()) return std::unexpected(std::move(wrong_));
        return std::move(settings_);
    }

private:
    void set_topic_default(std::string_view key, std::string_view value, const std::string& place) {
        auto* row = cluster::find_broker_config(key);
        if (!row || row->broker_name != key) return unknown(key, place);
        std::string text(value);
        if (row->kind == cluster::ConfigKind::integer) {
            auto n = parse_amount(value, key.ends_with("ms") ? std::span<const Unit>(time_units)
                                                             : std::span<const Unit>(byte_units));
            if (n) text = std::to_string(*n);
        }
        if (auto why = cluster::invalid_value(*row, text)) return wrong(fmt::format("{}: {}", place, *why));
        settings_.topic_defaults[std::string(key)] = std::move(text);
    }
    void unknown(std::string_view key, const std::string& place) {
        if (auto why = why_not_here(key); !why.empty())
            return wrong(fmt::format("{}: {} cannot be set here. {}", place, key, why));
        std::vector<std::string_view> known;
        for (auto& setting : settings_table()) known.push_back(setting.key);
        wrong(fmt::format("{}: there is no setting \"{}\"{}", place, key, did_you_mean(key, known)));
    }
    std::string place_of(std::string_view key) const {
        auto& place = settings_.shown[row_of(key)].place;
        return place.empty() ? "by default" : place;
    }
    void check_together();
    void check_order(std::string_view lesser, std::string_view greater, bool may_be_equal = true);

    Settings settings_{};
    std::vector<std::string> wrong_;
};

bool loopback(const std::string& host) {
    return host == "localhost" || host == "::1" || host.starts_with("127.");
}
bool every_address(const std::string& host) { return host == "0.0.0.0" || host == "::"; }

void Reading::check_together() {
    auto& s = settings_;
    auto& advertised = s.shown[row_of("advertised.listeners")];
    if (!loopback(s.listen.host) && !s.allow_unauthenticated_listen)
        wrong(fmt::format(
            "{}: {} can be reached from other machines, and whoever reaches it can read, write and delete "
            "everything: set allow.unauthenticated.listen=true if that is meant, or listen on 127.0.0.1",
            place_of("listeners"), to_text(s.listen)));
    if (!s.metrics_listen.host.empty() && !loopback(s.metrics_listen.host) && !s.allow_unauthenticated_listen)
        wrong(fmt::format(
            "{}: {} can be reached from other machines, and whoever reaches it can read the names of topics "
            "and how much goes through them: set allow.unauthenticated.listen=true if that is meant, or let "
            "metrics.listen be on 127.0.0.1",
            place_of("metrics.listen"), to_text(s.metrics_listen)));
    if (every_address(advertised.value.empty() ? s.listen.host : s.advertised.host))
        wrong(
            fmt::format("{}: clients cannot connect to {}: set advertised.listeners to the address by which "
                        "they reach this machine",
                        place_of(advertised.value.empty() ? "listeners" : "advertised.listeners"),
                        to_text(advertised.value.empty() ? s.listen : s.advertised)));
    if (advertised.value.empty()) {
        s.advertised = s.listen;
        advertised.value = to_text(s.listen);
    }
    if (s.message_bytes_max > s.socket_request_bytes_max)
        wrong(
            fmt::format("{}: message.max.bytes is {}, and no such message fits into a request of "
                        "socket.request.max.bytes, {}",
                        place_of("message.max.bytes"), s.message_bytes_max, s.socket_request_bytes_max));
    check_order("group.min.session.timeout.ms", "group.max.session.timeout.ms");
    for (std::string_view what : {"session.timeout.ms", "heartbeat.interval.ms"}) {
        auto usual = fmt::format("group.consumer.{}", what);
        check_order(fmt::format("group.consumer.min.{}", what), usual);
        check_order(usual, fmt::format("group.consumer.max.{}", what));
    }
    check_order("group.consumer.heartbeat.interval.ms", "group.consumer.session.timeout.ms", false);
}

// Both are durations.
void Reading::check_order(std::string_view lesser, std::string_view greater, bool may_be_equal) {
    auto value = [&](std::string_view key) {
        return settings_.*std::get<Setting::Duration>(settings_table()[row_of(key)].kind).field;
    };
    if (value(lesser) < value(greater) || (may_be_equal && value(lesser) == value(greater))) return;
    // A default is at fault only where nothing was set.
    bool lesser_is_set = !settings_.shown[row_of(lesser)].place.empty();
    wrong(fmt::format("{}: {} is {} ms, and must be {} {}, which is {} ms",
                      place_of(lesser_is_set ? lesser : greater), lesser, value(lesser).count(),
                      may_be_equal ? "at most" : "less than", greater, value(greater).count()));
}

// Keys with dots are tables within tables to TOML.
void read_table(const toml::table& table, const std::string& prefix, const std::string& file,
                Reading& reading) {
    for (auto&& [name, node] : table) {
        auto key = prefix + std::string(name.str());
        auto place = fmt::format("{}:{}", file, node.source().begin.line);
        if (auto* inner = node.as_table()) read_table(*inner, key + ".", file, reading);
        else if (auto* text = node.as_string()) reading.set(key, text->get(), place);
        else if (auto* number = node.as_integer()) reading.set(key, std::to_string(number->get()), place);
        else if (auto* list = node.as_array(); list && list->is_homogeneous<std::string>()) {
            std::vector<std::string> parts;
            for (auto&& part : *list) parts.push_back(part.value_or(std::string()));
            reading.set(key, fmt::format("{}", fmt::join(parts, ",")), place);
        } else if (auto* flag = node.as_boolean()) reading.set(key, flag->get() ? "true" : "false", place);
        else reading.wrong(fmt::format("{}: {} is neither a number, a text, true nor false", place, key));
    }
}

void read_file(const std::string& name, const std::string& text, Reading& reading) {
    auto parsed = toml::parse(text, name);
    if (parsed) return read_table(parsed.table(), "", name, reading);
    auto& error = parsed.error();
    reading.wrong(fmt::format("{}:{}: not TOML: {}", name, error.source().begin.line, error.description()));
}

// Kubernetes tells every pod of a service "fulmar" FULMAR_PORT, FULMAR_SERVICE_HOST,
// FULMAR_PORT_9092_TCP_ADDR and so on, also of "fulmar-internal".
bool made_by_kubernetes(std::string_view name) {
    for (std::string_view end : {"_PORT", "_SERVICE_HOST", "_SERVICE_PORT"})
        if (name.ends_with(end)) return true;
    if (name.find("_SERVICE_PORT_") != name.npos) return true;
    auto at = name.find("_PORT_");
    return at != name.npos && at + 6 < name.size() && name[at + 6] >= '0' && name[at + 6] <= '9';
}

void read_environment(const std::vector<std::pair<std::string, std::string>>& variables, Reading& reading) {
    constexpr std::string_view of_the_command_line = "FULMAR_SERVER";
    std::vector<std::string> names;
    std::vector<std::string_view> keys;
    for (auto& setting : settings_table()) keys.push_back(setting.key);
    for (auto& row : cluster::topic_configs())
        if (!row.broker_name.empty() && row_of(row.broker_name) == settings_table().size())
            keys.push_back(row.broker_name);
    for (auto key : keys) names.push_back(variable_of(key));
    std::vector<std::string_view> known(names.begin(), names.end());
    for (auto& [name, value] : variables) {
        if (!name.starts_with("FULMAR_") || name == of_the_command_line || made_by_kubernetes(name)) continue;
        auto place = "environment variable " + name;
        auto found = std::ranges::find(names, name);
        auto others = std::ranges::find(cluster::broker_configs(), name,
                                        [](auto& row) { return variable_of(row.name); });
        if (found == names.end() && others != cluster::broker_configs().end())
            reading.set(others->name, value, place);
        else if (found == names.end())
            reading.wrong(fmt::format("{}: no such setting{}", place, did_you_mean(name, known)));
        else reading.set(keys[std::size_t(found - names.begin())], value, place);
    }
}

}  // namespace

std::expected<Settings, std::vector<std::string>> read_settings(const SettingSources& sources) {
    Reading reading;
    if (!sources.file_name.empty()) read_file(sources.file_name, sources.file_text, reading);
    read_environment(sources.environment, reading);
    for (auto& [key, value, place] : sources.arguments) reading.set(key, value, place);
    return reading.finish();
}

namespace {
struct Written {
    const Settings& settings;
    std::string operator()(const Setting::Flag& flag) const {
        return settings.*flag.field ? "true" : "false";
    }
    std::string operator()(const Setting::Number& number) const {
        return std::to_string(settings.*number.field);
    }
    std::string operator()(const Setting::Duration& duration) const {
        return std::to_string((settings.*duration.field).count());
    }
    std::string operator()(const Setting::Texts& list) const {
        return fmt::format("{}", fmt::join(settings.*list.field, ","));
    }
    std::string operator()(const Setting::HostPort& host_port) const {
        auto& address = settings.*host_port.field;
        if (host_port.http) return address.host.empty() ? "" : to_text(address);
        return "PLAINTEXT://" + to_text(address);
    }
    template <class E> std::string operator()(const Setting::ChoiceOf<E>& choice) const {
        for (auto& [name, value] : choice.names)
            if (value == settings.*choice.field) return std::string(name);
        return {};
    }
};
}  // namespace

std::string value_of(const Settings& settings, const Setting& setting) {
    return std::visit(Written{settings}, setting.kind);
}

cluster::ConfigMap fixed_values(const Settings& settings) {
    auto values = settings.topic_defaults;
    auto table = settings_table();
    for (std::size_t row = 0; row < table.size() && row < settings.shown.size(); ++row)
        if (!settings.shown[row].place.empty())
            values[std::string(table[row].key)] = value_of(settings, table[row]);
    return values;
}

}  // namespace fulmar
