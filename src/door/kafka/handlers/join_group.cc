#include "wire/kafka/join_group.h"

#include <fmt/format.h>

#include "door/kafka/groups.h"
#include "door/kafka/handlers/handlers.h"

namespace fulmar::kafka {

namespace {

// As Java writes a UUID.
std::string hex_text(const Uuid& id) {
    std::string text;
    for (std::size_t n = 0; n < id.size(); ++n) {
        if (n == 4 || n == 6 || n == 8 || n == 10) text += '-';
        text += fmt::format("{:02x}", std::to_integer<unsigned>(id[n]));
    }
    return text;
}
// As Kafka makes them: a name for people, and a UUID.
std::string new_member_id(Call& call, const JoinGroupRequest& request) {
    auto high = call.loop().random();
    auto id = uuid_from(high, call.loop().random());
    auto name = request.group_instance_id.value_or(call.header.client_id.value_or(""));
    return own(name.substr(0, text_bytes_max)) + '-' + hex_text(id);
}

group::Join join_of(Call& call, const JoinGroupRequest& request) {
    group::Join join{.group = own(request.group_id),
                     .member_id = own(request.member_id),
                     .instance_id = own(request.group_instance_id),
                     .client_id = own(call.header.client_id.value_or("")),
                     .client_host = own(call.client_host),
                     .protocol_type = own(request.protocol_type),
                     .session_timeout = Millis(request.session_timeout_ms),
                     .rebalance_timeout = Millis(request.rebalance_timeout_ms),
                     .protocols = {},
                     .new_member_id = new_member_id(call, request),
                     .must_know_id = call.version() >= 4,
                     .can_skip_assign = call.version() >= 9};
    if (call.version() == 0) join.rebalance_timeout = join.session_timeout;
    for (auto& protocol : request.protocols)
        join.protocols.push_back({own(protocol.name), own(protocol.metadata)});
    return join;
}

}  // namespace

Task<Answer> handle_join_group(Call& call) {
    std::string member_id;
    Told<Replied> reply;
    {
        Arena arena(arrays_budget(call));
        auto request = read<JoinGroupRequest>(call, arena);
        if (!request) co_return Answer::close();
        member_id = own(request->member_id);
        auto group = own(request->group_id);
        const Coordinator::Command command(join_of(call, *request));
        reply = co_await submit_to_group(call, group, command);
    }
    call.frame = {};  // It may wait for as long as a rebalance takes.
    auto told = co_await answer_in<group::Joined>(call, std::move(reply));
    if (!told) co_return Answer::close();
    JoinGroupResponse response;
    std::vector<JoinGroupResponse::Member> members;
    if (call.version() < 7) response.protocol_name = "";
    response.member_id = member_id;
    if (!*told) {
        response.error_code = told->error();
        co_return answer(call, response);
    }
    auto& joined = **told;
    std::size_t bytes = 0;
    for (auto& member : joined.members) bytes += member.id.size() + member.metadata.size() + 20;
    if (!co_await room_for_answer(call, bytes)) co_return Answer::close();
    response.error_code = error_of(joined.error);
    response.generation_id = joined.generation;
    if (joined.error == GroupError::none) response.protocol_type = joined.protocol_type;
    if (joined.protocol) response.protocol_name = *joined.protocol;
    response.leader = joined.leader;
    response.member_id = joined.member_id;
    response.skip_assignment = joined.skip_assign;
    for (auto& member : joined.members)
        members.push_back({member.id, view(member.instance_id), bytes_of(member.metadata)});
    response.members = members;
    co_return answer(call, response);
}

}  // namespace fulmar::kafka
