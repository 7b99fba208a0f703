// What the command line asks about groups of the newer protocol (KIP-848).
#include <algorithm>

#include "cli/group.h"
#include "wire/kafka/consumer_group_describe.h"

namespace fulmar::cli {

using kafka::ErrorCode;
using Described = kafka::ConsumerGroupDescribeResponse;

static Group group_of(const Described::Group& said) {
    Group group{.name = std::string(said.group_id),
                .state = std::string(said.group_state),
                .protocol_type = "consumer",
                .protocol = std::string(said.assignor_name),
                .type = "consumer"};
    for (auto& each : said.members) {
        Group::Member member{
            std::string(each.member_id), std::string(each.client_id), std::string(each.client_host), {}, {}};
        if (each.instance_id) member.instance_id = *each.instance_id;
        auto& owned = member.owned.emplace();
        for (auto& topic : each.assignment.topic_partitions) {
            auto& partitions = owned[std::string(topic.topic_name)];
            partitions.assign(topic.partitions.begin(), topic.partitions.end());
            std::ranges::sort(partitions);
        }
        group.members.push_back(std::move(member));
    }
    std::ranges::sort(group.members, {}, &Group::Member::id);
    return group;
}

std::expected<std::vector<FoundGroup>, std::string> ask_consumer_groups(
    Connection& broker, const std::vector<std::string>& names) {
    // An older broker has no such groups.
    if (!broker.serves<Described>()) return std::vector<FoundGroup>(names.size());
    std::vector<std::string_view> asked(names.begin(), names.end());
    kafka::ConsumerGroupDescribeRequest question;
    question.group_ids = asked;
    auto answer = broker.call<Described>(question, {0, 1});
    if (!answer) return std::unexpected(answer.error());
    std::vector<FoundGroup> found;
    for (auto& said : (*answer)->groups) {
        // Also when nobody has turned on this kind of group.
        bool none = said.error_code == ErrorCode::group_id_not_found ||
                    said.error_code == ErrorCode::unsupported_version;
        if (none) found.emplace_back(std::nullopt);
        else if (said.error_code != ErrorCode::none) found.emplace_back(std::unexpected(said.error_code));
        else found.emplace_back(group_of(said));
    }
    if (found.size() != names.size()) return std::unexpected("the broker does not say what groups there are");
    return found;
}

}  // namespace fulmar::cli
