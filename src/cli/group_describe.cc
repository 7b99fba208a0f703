// fulmar group describe: who is in a group, how far it has come in each partition, and how far it lags
// behind.
#include <fmt/format.h>

#include <algorithm>

#include "cli/group.h"
#include "cli/offsets.h"
#include "cli/topic.h"
#include "wire/kafka/list_offsets.h"

namespace fulmar::cli {

namespace {

struct Progress {
    std::optional<std::int64_t> committed, end;
    std::optional<std::string> owner;  // The id of a member.
    // Nobody can tell where nothing is committed: it depends on where the consumers begin.
    std::optional<std::int64_t> lag() const {
        if (!committed || !end) return std::nullopt;
        return *end - *committed;
    }
};
using AllProgress = std::map<std::string, std::map<std::int32_t, Progress>>;  // By topic and partition.

// Of what is committed or owned.
std::expected<AllProgress, std::string> progress_of(Connection& broker, const Group& group) {
    auto committed = committed_offsets(broker, group.name);
    if (!committed) return std::unexpected(committed.error());
    AllProgress all;
    for (auto& [topic, partitions] : *committed)
        for (auto& [index, offset] : partitions) all[topic][index].committed = offset;
    for (auto& member : group.members)
        if (member.owned)
            for (auto& [topic, partitions] : *member.owned)
                for (auto index : partitions) all[topic][index].owner = member.id;
    for (auto& [topic, partitions] : all) {
        std::vector<std::int32_t> indexes;
        for (auto& [index, progress] : partitions) indexes.push_back(index);
        // What is committed first and the end later: so none is ahead of it, unless its log was cut.
        auto ends = ask_offsets(broker, topic, indexes, kafka::ListOffsetsRequest::latest);
        if (!ends) return std::unexpected(ends.error());
        for (std::size_t n = 0; n < indexes.size(); ++n)
            if (auto end = (*ends)[n]) partitions[indexes[n]].end = *end;
    }
    return all;
}

struct Sums {
    std::optional<std::int64_t> lag;  // Of those of which it is known; nothing when there are none.
    std::size_t known = 0, unknown = 0;
    bool committed = false;  // Anything.
};
Sums sums_of(const AllProgress& all) {
    Sums sums;
    for (auto& [topic, partitions] : all)
        for (auto& [index, progress] : partitions) {
            auto lag = progress.lag();
            if (lag) sums.lag = sums.lag.value_or(0) + std::max<std::int64_t>(*lag, 0);
            ++(lag ? sums.known : sums.unknown);
            sums.committed |= progress.committed.has_value();
        }
    return sums;
}

std::string or_null(const std::optional<std::int64_t>& number) {
    return number ? std::to_string(*number) : "null";
}
std::string or_dash(const std::optional<std::int64_t>& number) {
    return number ? std::to_string(*number) : "-";
}
std::string member_or_null(std::string_view name, const std::optional<std::string>& text) {
    return text ? json_member(name, *text) : fmt::format("\"{}\":null", name);
}

void print_json(const Group& group, const AllProgress& all) {
    auto line = fmt::format("{{{},{},{},{},{},\"lag\":{},\"members\":[", json_member("name", group.name),
                            json_member("state", group.state), json_member("type", group.type),
                            json_member("protocol_type", group.protocol_type),
                            json_member("protocol", group.protocol), or_null(sums_of(all).lag));
    for (auto& member : group.members) {
        line += fmt::format("{}{{{},{},{},{},\"partitions\":", &member == &group.members.front() ? "" : ",",
                            json_member("id", member.id), member_or_null("instance_id", member.instance_id),
                            json_member("client_id", member.client_id), json_member("host", member.host));
        if (!member.owned) {
            line += "null}";
            continue;
        }
        std::string owned;
        for (auto& [topic, partitions] : *member.owned)
            for (auto index : partitions)
                owned += fmt::format("{}{{{},\"partition\":{}}}", owned.empty() ? "" : ",",
                                     json_member("topic", topic), index);
        line += fmt::format("[{}]}}", owned);
    }
    std::string places;
    for (auto& [topic, partitions] : all)
        for (auto& [index, each] : partitions)
            places += fmt::format("{}{{{},\"partition\":{},\"committed\":{},\"end\":{},\"lag\":{},{}}}",
                                  places.empty() ? "" : ",", json_member("topic", topic), index,
                                  or_null(each.committed), or_null(each.end), or_null(each.lag()),
                                  member_or_null("owner", each.owner));
    fmt::print("{}],\"partitions\":[{}]}}\n", line, places);
}

// "orders:0,1,2 bills:4".
std::string owned_text(const Group::Member& member) {
    if (!member.owned) return "?";
    std::string text;
    for (auto& [topic, partitions] : *member.owned)
        if (!partitions.empty())
            text += fmt::format("{}{}:{}", text.empty() ? "" : " ", shown(topic), fmt::join(partitions, ","));
    return text.empty() ? "-" : text;
}

void print_text(const Group& group, const AllProgress& all) {
    auto sums = sums_of(all);
    auto how = group.protocol.empty() ? "" : fmt::format(", shared out by {}", shown(group.protocol));
    fmt::print("group {}, {}, {}, {}{}\n", shown(group.name), group.type, shown(group.state),
               counted(group.members.size(), "member"), how);
    auto rest = sums.unknown == 0 ? "" : fmt::format(", not known of {} more", sums.unknown);
    if (sums.lag) fmt::print("lag {} in {}{}\n", *sums.lag, counted(sums.known, "partition"), rest);
    else if (sums.committed) fmt::print("lag not known: nobody can tell where its partitions end\n");
    else fmt::print("nothing is committed{}\n", all.empty() ? "" : " yet");
    if (!group.members.empty()) {
        std::vector<std::vector<std::string>> rows{{"MEMBER", "CLIENT", "HOST", "OWNS"}};
        for (auto& member : group.members) {
            auto id = shown(member.id);
            if (member.instance_id) id += fmt::format(" ({})", shown(*member.instance_id));
            rows.push_back({id, shown(member.client_id), shown(member.host), owned_text(member)});
        }
        fmt::print("\n{}", table(rows));
    }
    if (all.empty()) return;
    std::vector<std::vector<std::string>> rows{{"TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "OWNER"}};
    for (auto& [topic, partitions] : all)
        for (auto& [index, each] : partitions)
            rows.push_back({shown(topic), std::to_string(index), or_dash(each.committed), or_dash(each.end),
                            or_dash(each.lag()), each.owner ? shown(*each.owner) : "-"});
    fmt::print("\n{}", table(rows));
}

}  // namespace

Outcome run(const GroupDescribeOptions& options) {
    auto broker = Connection::open(options.server);
    if (!broker) return std::unexpected(broker.error());
    auto group = find_group(*broker, options.name);
    if (!group) return std::unexpected(group.error());
    if (!*group) return std::unexpected(no_such_group(*broker, options.name));
    auto all = progress_of(*broker, **group);
    if (!all) return std::unexpected(all.error());
    if (options.json) print_json(**group, *all);
    else print_text(**group, *all);
    return {};
}

}  // namespace fulmar::cli
