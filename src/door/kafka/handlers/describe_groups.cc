#include "wire/kafka/describe_groups.h"

#include <fmt/format.h>

#include <deque>

#include "door/kafka/groups.h"
#include "door/kafka/handlers/handlers.h"
#include "door/kafka/operations.h"

namespace fulmar::kafka {

namespace {

// One group, and the strings that its answer views.
struct Described {
    std::shared_ptr<const group::Group> group{};
    bool other_kind = false;  // It is a consumer group.
    std::string message{};
    std::vector<DescribeGroupsResponse::Member> members{};
};

DescribeGroupsResponse::Group told_of(std::string_view name, Described& described, int version) {
    DescribeGroupsResponse::Group told{};
    told.group_id = name;
    if (!described.group) {
        told.group_state = "Dead";
        if (version < 6) return told;
        told.error_code = ErrorCode::group_id_not_found;
        auto text = described.other_kind ? "Group {} is not a classic group." : "Group {} not found.";
        described.message = fmt::format(fmt::runtime(text), name.substr(0, text_bytes_max));
        told.error_message = described.message;
        return told;
    }
    auto& group = *described.group;
    bool stable = group.phase == group::Phase::stable;
    told.group_state = to_text(group.phase);
    told.protocol_type = group.protocol_type;
    // Others may have written the log.
    auto* protocol = stable && group.protocol ? &*group.protocol : nullptr;
    if (protocol) told.protocol_data = *protocol;
    for (auto& [id, member] : group.members) {
        // What they say is of no protocol until there is one; what they have they keep until then.
        auto metadata = protocol ? bytes_of(member.metadata_for(*protocol)) : Bytes();
        described.members.push_back({member.id, view(member.instance_id), member.client_id,
                                     member.client_host, metadata, bytes_of(member.assignment)});
    }
    told.members = described.members;
    return told;
}

// Of one that is not there.
constexpr std::size_t described_bytes = 500;

Task<Answer> describe_all(Call& call, std::span<const std::string_view> names,
                          std::span<const ErrorCode> admitted, bool with_operations) {
    std::deque<Described> described;
    std::vector<DescribeGroupsResponse::Group> groups;
    for (auto name : names) {
        auto& one = described.emplace_back();
        if (auto error = admitted[described.size() - 1]; error != ErrorCode::none) {
            groups.emplace_back().group_id = name;
            groups.back().error_code = error;
            continue;
        }
        auto told = co_await ask_to_describe(call, name, described.size() - 1);
        if (!told) co_return Answer::close();
        if (*told) {
            one.group = std::move((*told)->group);
            one.other_kind = (*told)->consumer != nullptr;
            groups.push_back(told_of(name, one, call.version()));
        } else {
            groups.emplace_back().group_id = name;
            groups.back().error_code = told->error();
        }
        if (with_operations && groups.back().error_code == ErrorCode::none)
            groups.back().authorized_operations = operations::group;
    }
    DescribeGroupsResponse response;
    response.groups = groups;
    co_return answer(call, response);
}

}  // namespace

Task<Answer> handle_describe_groups(Call& call) {
    Arena arena(arrays_budget(call));
    auto request = read<DescribeGroupsRequest>(call, arena);
    if (!request) co_return Answer::close();
    auto names = each_once(request->groups);
    auto admitted = admit(co_await bytes_to_describe(call, names, described_bytes));
    auto making = describe_all(call, names, admitted.groups, request->include_authorized_operations);
    co_return co_await answer_with_room(call, admitted.bytes, std::move(making));
}

}  // namespace fulmar::kafka
