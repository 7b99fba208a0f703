// fulmar group delete: groups go with all they have committed, or what they have committed of one topic.
#include <fmt/format.h>

#include <algorithm>

#include "cli/group.h"
#include "cli/topic.h"
#include "wire/kafka/delete_groups.h"
#include "wire/kafka/offset_delete.h"

namespace fulmar::cli {

namespace {

using kafka::ErrorCode, kafka::OffsetDeleteRequest;

constexpr wire::Versions delete_groups_versions{0, 2}, offset_delete_versions{0, 0};

std::size_t count_members(Connection& broker, const std::string& name) {
    auto group = find_group(broker, name);
    return group && *group ? (*group)->members.size() : 0;
}

// True: there was one. An error is a sentence for people.
std::expected<bool, std::string> remove(Connection& broker, const std::string& name, bool if_exists) {
    std::string_view asked = name;
    kafka::DeleteGroupsRequest question;
    question.groups_names = std::span(&asked, 1);
    auto code = ErrorCode::none;
    bool begun = false;  // Perhaps, by a coordinator that was lost meanwhile.
    for (Patience patience;;) {
        auto answer = broker.call<kafka::DeleteGroupsResponse>(question, delete_groups_versions);
        if (!answer) return std::unexpected(answer.error());
        if ((*answer)->results.size() != 1)
            return std::unexpected("the broker did not say what became of it");
        code = (*answer)->results[0].error_code;
        if (code == ErrorCode::not_coordinator) {
            // That is also said when there have never been groups at all.
            auto groups = all_groups(broker);
            if (groups && groups->empty()) code = ErrorCode::group_id_not_found;
        }
        if (!passes(code) || !patience.waits()) break;
        begun |= code == ErrorCode::not_coordinator;
    }
    if (code == ErrorCode::none || (begun && code == ErrorCode::group_id_not_found)) return true;
    if (code == ErrorCode::non_empty_group)
        return std::unexpected(has_members(name, count_members(broker, name)));
    if (code != ErrorCode::group_id_not_found)
        return std::unexpected(
            fmt::format("group {} was not deleted: {}", shown(name), explained_for_groups(code)));
    if (if_exists) return false;
    return std::unexpected(no_such_group(broker, name));
}

// What is committed of the topic goes, of these partitions or of all. How many had something.
std::expected<std::size_t, std::string> forget(Connection& broker, const std::string& name,
                                               const TopicPartitions& of, bool if_exists) {
    auto group = find_group(broker, name);
    if (!group) return std::unexpected(group.error());
    if (!*group && if_exists) return 0;
    if (!*group) return std::unexpected(no_such_group(broker, name));
    auto committed = committed_offsets(broker, name);
    if (!committed) return std::unexpected(committed.error());
    std::vector<OffsetDeleteRequest::Partition> partitions;
    auto& known = (*committed)[of.topic];
    for (auto& [index, offset] : known)
        if (of.partitions.empty() || std::ranges::find(of.partitions, index) != of.partitions.end())
            partitions.push_back({index});
    if (partitions.empty() && if_exists) return 0;
    if (partitions.empty())
        return std::unexpected(
            fmt::format("group {0} has committed nothing of {1}: `fulmar group describe` "
                        "shows what it has",
                        shown(name), of.text()));
    OffsetDeleteRequest::Topic topic{of.topic, partitions};
    OffsetDeleteRequest question;
    question.group_id = name;
    question.topics = std::span(&topic, 1);
    auto answer = ask_coordinator<kafka::OffsetDeleteResponse>(broker, question, offset_delete_versions,
                                                               [](auto& told) { return told.error_code; });
    if (!answer) return std::unexpected(answer.error());
    auto code = (*answer)->error_code;
    for (auto& said : (*answer)->topics)
        for (auto& p : said.partitions)
            if (code == ErrorCode::none) code = p.error_code;
    bool used = code == ErrorCode::group_subscribed_to_topic || code == ErrorCode::non_empty_group;
    if (used)
        return std::unexpected(
            fmt::format("what group {} has committed of {} stays, since its members consume that: stop them "
                        "first",
                        shown(name), of.text()));
    if (code != ErrorCode::none)
        return std::unexpected(fmt::format("what group {} has committed of {} was not deleted: {}",
                                           shown(name), of.text(), explained_for_groups(code)));
    return partitions.size();
}

void add(std::string& wrong, const std::string& line) { wrong += (wrong.empty() ? "" : "\n") + line; }

}  // namespace

Outcome run(const GroupDeleteOptions& options) {
    auto broker = Connection::open(options.server);
    if (!broker) return std::unexpected(broker.error());
    std::string wrong;
    for (auto& name : options.names) {
        for (auto& of : options.topics) {
            auto count = forget(*broker, name, of, options.if_exists);
            if (!count) add(wrong, count.error());
            else if (options.json)
                fmt::print("{{{},{},\"partitions\":{}}}\n", json_member("name", name),
                           json_member("topic", of.topic), *count);
            else
                fmt::print("deleted what group {} had committed of {}: {}\n", shown(name), of.text(),
                           counted(*count, "partition"));
        }
        if (!options.topics.empty()) continue;
        auto removed = remove(*broker, name, options.if_exists);
        if (!removed) add(wrong, removed.error());
        else if (options.json) fmt::print("{{{},\"deleted\":{}}}\n", json_member("name", name), *removed);
        else
            fmt::print(fmt::runtime(*removed ? "deleted group {}\n" : "there is no group {}\n"), shown(name));
    }
    if (!wrong.empty()) return std::unexpected(wrong);
    return {};
}

}  // namespace fulmar::cli
