#include "core/cluster/config_row.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/text.h"

namespace fulmar::cluster {

bool is_int(const ConfigRow& row) {
    return row.kind == ConfigKind::integer && row.most <= std::numeric_limits<std::int32_t>::max();
}

const ConfigRow* find_row(std::span<const ConfigRow> table, std::string_view name) {
    auto at = std::ranges::lower_bound(table, name, {}, &ConfigRow::name);
    return at != table.end() && at->name == name ? &*at : nullptr;
}

static std::vector<std::string_view> parts_of(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (std::size_t from = 0; from <= text.size();) {
        auto to = std::min(text.find(separator, from), text.size());
        parts.push_back(trimmed(text.substr(from, to - from)));
        from = to + 1;
    }
    return parts;
}
std::vector<std::string_view> list_parts(std::string_view list) {
    if (trimmed(list).empty()) return {};
    return parts_of(list, ',');
}

// In any case, as Java reads them.
static bool is_flag(std::string_view text) {
    auto same = [&](std::string_view word) { return std::ranges::equal(text, word, {}, lower); };
    return same("true") || same("false");
}
static bool among(std::string_view choices, std::string_view value) {
    auto known = parts_of(choices, ' ');
    return !value.empty() && std::ranges::find(known, value) != known.end();
}
// Of the lists of throttled replicas: "*", or "partition:broker".
static bool is_replica(std::string_view part) {
    if (part == "*") return true;
    auto colon = part.find(':');
    return colon != std::string_view::npos && parse_number<std::uint32_t>(part.substr(0, colon)) &&
           parse_number<std::uint32_t>(part.substr(colon + 1));
}

std::optional<std::string> invalid_value(const ConfigRow& row, std::string_view value) {
    auto invalid = [&](std::string why) {
        return fmt::format("Invalid value {} for configuration {}: {}", value, row.name, why);
    };
    auto plain = trimmed(value);
    auto in_range = [&](double n) -> std::optional<std::string> {
        if (!(n >= row.least))  // Nor is "nan".
            return invalid(fmt::format("Value must be at least {:.0f}", row.least));
        if (n > row.most) return invalid(fmt::format("Value must be no more than {:.0f}", row.most));
        return std::nullopt;
    };
    switch (row.kind) {
        case ConfigKind::boolean:
            if (!is_flag(plain)) return invalid("Expected value to be either true or false");
            if (row.use == ConfigUse::fixed && !std::ranges::equal(plain, row.usual, {}, lower))
                return invalid(std::string(row.what));
            return std::nullopt;
        case ConfigKind::integer:
            if (auto n = parse_number<std::int64_t>(plain)) return in_range(double(*n));
            return invalid(is_int(row) ? "Not a number of type INT" : "Not a number of type LONG");
        case ConfigKind::number:
            if (auto n = parse_number<double>(plain)) return in_range(*n);
            return invalid("Not a number of type DOUBLE");
        case ConfigKind::choice:
            if (among(row.choices, plain)) return std::nullopt;
            return invalid(fmt::format("must be one of: {}", row.choices));
        case ConfigKind::list:
            for (auto part : list_parts(value))
                if (row.choices.empty()
                        ? part.empty() || (row.name.ends_with(".throttled.replicas") && !is_replica(part))
                        : !among(row.choices, part))
                    return invalid(row.choices.empty() ? "such a list it cannot be"
                                                       : fmt::format("must be of: {}", row.choices));
            return std::nullopt;
        case ConfigKind::text: return std::nullopt;
    }
    return std::nullopt;
}

}  // namespace fulmar::cluster
