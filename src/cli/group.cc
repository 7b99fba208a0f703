#include "cli/group.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "base/suggest.h"
#include "wire/kafka/consumer_protocol.h"
#include "wire/kafka/describe_groups.h"
#include "wire/kafka/list_groups.h"
#include "wire/kafka/offset_fetch.h"

namespace fulmar::cli {

namespace {

using kafka::ErrorCode;

// Before version 4 they do not say in which state a group is.
constexpr wire::Versions list_versions{4, 5}, describe_versions{0, 6};
// Before version 2 one cannot ask for all; from 8 on it is of several groups, which is not needed.
constexpr wire::Versions offset_fetch_versions{2, 7};
constexpr std::string_view consumers = "consumer";

std::optional<std::map<std::string, std::vector<std::int32_t>>> owned_of(Bytes assignment) {
    if (assignment.empty()) return std::map<std::string, std::vector<std::int32_t>>();
    Arena arena(Arena::budget_for(assignment.size()));
    auto read = kafka::decode_consumer_protocol<kafka::ConsumerProtocolAssignment>(assignment, arena);
    if (!read) return std::nullopt;
    std::map<std::string, std::vector<std::int32_t>> owned;
    for (auto& topic : read->assigned_partitions) {
        auto& partitions = owned[std::string(topic.topic)];
        partitions.insert(partitions.end(), topic.partitions.begin(), topic.partitions.end());
        std::ranges::sort(partitions);
    }
    return owned;
}

Group group_of(const kafka::DescribeGroupsResponse::Group& said) {
    Group group{std::string(said.group_id), std::string(said.group_state), std::string(said.protocol_type),
                std::string(said.protocol_data)};
    for (auto& m : said.members) {
        Group::Member member{
            std::string(m.member_id), std::string(m.client_id), std::string(m.client_host), {}, {}};
        if (m.group_instance_id) member.instance_id = *m.group_instance_id;
        if (said.protocol_type == consumers) member.owned = owned_of(m.member_assignment);
        group.members.push_back(std::move(member));
    }
    std::ranges::sort(group.members, {}, &Group::Member::id);
    return group;
}
// Before version 6 of DescribeGroups what is not there is dead.
FoundGroup found_of(const kafka::DescribeGroupsResponse::Group& said) {
    bool none = said.error_code == ErrorCode::group_id_not_found ||
                (said.error_code == ErrorCode::none && said.group_state == "Dead");
    if (none) return std::nullopt;
    if (said.error_code != ErrorCode::none) return std::unexpected(said.error_code);
    return group_of(said);
}

}  // namespace

bool passes(ErrorCode code) {
    return code == ErrorCode::coordinator_load_in_progress || code == ErrorCode::coordinator_not_available ||
           code == ErrorCode::not_coordinator;
}
std::string explained_for_groups(ErrorCode code) {
    auto name = std::string(kafka::to_text(code));
    switch (code) {
        case ErrorCode::coordinator_load_in_progress:
            return name + ": what the group has committed is still being read; try again in a moment";
        case ErrorCode::coordinator_not_available:
        case ErrorCode::not_coordinator:
            return name +
                   ": what groups have committed cannot be read or written now; the broker's log and its "
                   "/readyz say why";
        case ErrorCode::invalid_group_id: return name + ": that takes a group with a name";
        default: return name;
    }
}
bool Patience::waits() {
    if (left_-- <= 0) return false;
    std::this_thread::sleep_for(Millis(100));
    return true;
}

std::expected<std::vector<ListedGroup>, std::string> all_groups(Connection& broker) {
    auto answer = ask_coordinator<kafka::ListGroupsResponse>(
        broker, kafka::ListGroupsRequest{}, list_versions, [](auto& told) { return told.error_code; });
    if (!answer) return std::unexpected(answer.error());
    if (auto code = (*answer)->error_code; code != ErrorCode::none)
        return std::unexpected("the groups cannot be listed: " + explained_for_groups(code));
    std::vector<ListedGroup> groups;
    for (auto& said : (*answer)->groups) {
        // Before version 5 all were of one type.
        auto type = said.group_type.empty() ? std::string_view("classic") : said.group_type;
        groups.push_back({std::string(said.group_id), std::string(said.group_state), std::string(type),
                          std::string(said.protocol_type)});
    }
    std::ranges::sort(groups, {}, &ListedGroup::name);
    return groups;
}

std::expected<std::vector<FoundGroup>, std::string> ask_groups(Connection& broker,
                                                               const std::vector<std::string>& names) {
    auto found = ask_classic_groups(broker, names);
    if (!found) return found;
    std::vector<std::string> others;
    for (std::size_t n = 0; n < names.size(); ++n)
        if ((*found)[n] && !*(*found)[n] && !names[n].empty()) others.push_back(names[n]);
    if (others.empty()) return found;
    auto of_consumers = ask_consumer_groups(broker, others);
    if (!of_consumers) return of_consumers;
    auto next = of_consumers->begin();
    for (std::size_t n = 0; n < names.size(); ++n)
        if ((*found)[n] && !*(*found)[n] && !names[n].empty()) (*found)[n] = std::move(*next++);
    return found;
}
std::expected<std::vector<FoundGroup>, std::string> ask_classic_groups(
    Connection& broker, const std::vector<std::string>& names) {
    std::vector<std::string_view> asked(names.begin(), names.end());
    kafka::DescribeGroupsRequest question;
    question.groups = asked;
    auto answer = broker.call<kafka::DescribeGroupsResponse>(question, describe_versions);
    if (!answer) return std::unexpected(answer.error());
    std::vector<FoundGroup> found;
    for (auto& said : (*answer)->groups) found.push_back(found_of(said));
    if (found.size() != names.size()) return std::unexpected("the broker does not say what groups there are");
    return found;
}

std::expected<std::optional<Group>, std::string> find_group(Connection& broker, const std::string& name) {
    for (Patience patience;;) {
        auto found = ask_groups(broker, {name});
        if (!found) return std::unexpected(found.error());
        auto& one = found->front();
        if (one) return std::move(*one);
        if (one.error() == ErrorCode::not_coordinator) {
            // That is also said when there have never been groups at all.
            auto groups = all_groups(broker);
            if (groups && groups->empty()) return std::optional<Group>();
        }
        if (!passes(one.error()) || !patience.waits())
            return std::unexpected(
                fmt::format("group {}: {}", shown(name), explained_for_groups(one.error())));
    }
}

std::expected<CommittedOffsets, std::string> committed_offsets(Connection& broker, const std::string& group) {
    kafka::OffsetFetchRequest question;
    question.group_id = group;
    auto answer = ask_coordinator<kafka::OffsetFetchResponse>(broker, question, offset_fetch_versions,
                                                              [](auto& told) { return told.error_code; });
    if (!answer) return std::unexpected(answer.error());
    if (auto code = (*answer)->error_code; code != ErrorCode::none)
        return std::unexpected(fmt::format("group {}: {}", shown(group), explained_for_groups(code)));
    CommittedOffsets committed;
    for (auto& topic : (*answer)->topics)
        for (auto& p : topic.partitions) {
            auto offset = std::to_underlying(p.committed_offset);
            if (p.error_code == ErrorCode::none && offset >= 0)
                committed[std::string(topic.name)][p.partition_index] = offset;
        }
    return committed;
}

std::string no_such_group(Connection& broker, const std::string& name, CanBeMade can) {
    auto groups = all_groups(broker);
    std::vector<std::string_view> known;
    if (groups)
        for (auto& group : *groups) {
            if (group.name == name)
                return fmt::format("group {} is of the type {}, which this tool does not know", shown(name),
                                   group.type);
            known.push_back(group.name);
        }
    auto meant = did_you_mean(name, known);
    auto text = fmt::format("there is no group {}{}", shown(name),
                            meant.empty() ? ": `fulmar group list` shows what there is" : meant);
    if (can == CanBeMade::yes)
        text += fmt::format("{} `--new` makes {}", meant.empty() ? ", and" : " Else", shown(name));
    return text;
}

std::string has_members(const std::string& group, std::size_t members) {
    return fmt::format(
        "group {} has {}, and that can only be done while it has none: stop its consumers first; one that "
        "crashed counts until its session times out",
        shown(group), members == 0 ? "members" : counted(members, "member"));
}

Outcome run(const GroupListOptions& options) {
    auto broker = Connection::open(options.server);
    if (!broker) return std::unexpected(broker.error());
    auto groups = all_groups(*broker);
    if (!groups) return std::unexpected(groups.error());
    if (groups->empty() && !options.json) {
        fmt::print(stderr,
                   "there are no groups: consumers make them, as `fulmar consume TOPIC --group NAME`\n");
        return {};
    }
    std::vector<std::vector<std::string>> rows{{"NAME", "STATE", "MEMBERS", "TYPE"}};
    constexpr std::size_t at_once = 100;
    for (std::size_t from = 0; from < groups->size(); from += at_once) {
        auto some = std::span(*groups).subspan(from, std::min(at_once, groups->size() - from));
        std::vector<std::string> names;
        for (auto& group : some) names.push_back(group.name);
        auto found = ask_groups(*broker, names);
        if (!found) return std::unexpected(found.error());
        for (std::size_t n = 0; n < some.size(); ++n) {
            auto& [name, state, type, protocol_type] = some[n];
            auto& one = (*found)[n];
            bool gone = one && !*one;
            if (gone) continue;
            auto members = one && *one ? std::to_string((*one)->members.size()) : "";
            if (options.json)
                fmt::print("{{{},{},{},{},\"members\":{}}}\n", json_member("name", name),
                           json_member("state", state), json_member("type", type),
                           json_member("protocol_type", protocol_type), members.empty() ? "null" : members);
            else rows.push_back({shown(name), shown(state), members.empty() ? "?" : members, shown(type)});
        }
    }
    if (!options.json) fmt::print("{}", table(rows));
    return {};
}

}  // namespace fulmar::cli
