#include "core/cluster/alter_configs.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "core/cluster/config_tables.h"
#include "core/cluster/topic_config.h"

namespace fulmar::cluster {

using Why = ConfigRefusal::Why;
using Kind = ConfigOwner::Kind;
using Op = ConfigEdit::Op;

static std::unexpected<ConfigRefusal> refuse(Why why, std::string text) {
    return std::unexpected(ConfigRefusal{why, std::move(text)});
}

static const ConfigRow* row_of(Kind kind, std::string_view name) {
    switch (kind) {
        case Kind::topic: return find_topic_config(name);
        case Kind::broker: return find_broker_config(name);
        case Kind::client_metrics: return find_row(client_metrics_configs(), name);
        case Kind::group: return find_row(group_configs(), name);
    }
    return nullptr;
}

// Nothing when `value` may be set. What a broker does not know is kept, as Kafka keeps it for its plugins.
static std::optional<ConfigRefusal> refusal(Kind kind, std::string_view name, std::string_view value) {
    auto* row = row_of(kind, name);
    if (kind == Kind::broker) {
        if (!row) return std::nullopt;
        if (row->name == name && row->change == ConfigChange::never)
            return ConfigRefusal{Why::read_only,
                                 fmt::format("Cannot update these configs dynamically: [{}]", name)};
    }
    if (!row) {
        auto whose = kind == Kind::topic ? "topic" : kind == Kind::group ? "group" : "client metrics";
        return ConfigRefusal{Why::invalid, fmt::format("Unknown {} config name: {}", whose, name)};
    }
    if (auto why = invalid_value(*row, value))
        return ConfigRefusal{kind == Kind::broker ? Why::broker_value : Why::invalid, *why};
    return std::nullopt;
}

// The list that is in force, with `value`'s parts put to it or taken out of it.
static std::string edited(std::string_view list, const ConfigEdit& edit) {
    auto parts = list_parts(list);
    for (auto part : list_parts(edit.value)) {
        bool has = std::ranges::find(parts, part) != parts.end();
        if (edit.op == Op::append && !has) parts.push_back(part);
        if (edit.op == Op::subtract && has) std::erase(parts, part);
    }
    return fmt::format("{}", fmt::join(parts, ","));
}

static std::string_view in_force(Kind kind, const ConfigMap& set, const ConfigMap& defaults,
                                 const ConfigRow& row, std::string_view name) {
    if (auto at = set.find(name); at != set.end()) return at->second;
    auto at = defaults.find(kind == Kind::topic ? row.broker_name : name);
    return at == defaults.end() ? row.usual : std::string_view(at->second);
}

std::expected<ConfigMap, ConfigRefusal> altered(Kind kind, const ConfigMap& set, const ConfigMap& defaults,
                                                const std::vector<ConfigEdit>& edits, bool replace) {
    auto now = replace ? ConfigMap() : set;
    for (auto& edit : edits) {
        if (edit.op == Op::remove) {
            now.erase(edit.name);
            continue;
        }
        auto value = edit.value;
        if (edit.op != Op::set) {
            auto* row = row_of(kind, edit.name);
            if (!row || row->kind != ConfigKind::list)
                return refuse(Why::invalid,
                              fmt::format("Can't {} to key {} because its type is not LIST.",
                                          edit.op == Op::append ? "APPEND" : "SUBTRACT", edit.name));
            auto before = in_force(kind, set, defaults, *row, edit.name);
            value = edited(before, edit);
            if (value == before) continue;
        }
        if (auto why = refusal(kind, edit.name, value)) return std::unexpected(std::move(*why));
        now[edit.name] = std::move(value);
    }
    std::size_t bytes = 0;
    for (auto& [name, value] : now) bytes += name.size() + value.size();
    if (bytes > configs_bytes_max)
        return refuse(Why::no_room,
                      fmt::format("What is set for one resource takes at most {} bytes.", configs_bytes_max));
    return now;
}

}  // namespace fulmar::cluster
