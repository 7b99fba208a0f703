#include "wire/kafka/sync_group.h"

#include "door/kafka/groups.h"
#include "door/kafka/handlers/handlers.h"

namespace fulmar::kafka {

static constexpr int protocol_named_since = 5;

static group::Sync sync_of(const SyncGroupRequest& request) {
    group::Sync sync{.group = own(request.group_id),
                     .member_id = own(request.member_id),
                     .instance_id = own(request.group_instance_id),
                     .generation = request.generation_id,
                     .protocol_type = own(request.protocol_type),
                     .protocol = own(request.protocol_name)};
    for (auto& each : request.assignments)
        sync.assignments.emplace_back(own(each.member_id), own(each.assignment));
    return sync;
}

Task<Answer> handle_sync_group(Call& call) {
    Told<Replied> reply;
    {
        Arena arena(arrays_budget(call));
        auto request = read<SyncGroupRequest>(call, arena);
        if (!request) co_return Answer::close();
        // KIP-559: since then the leader says for which protocol it has assigned.
        bool nameless = !request->protocol_type || !request->protocol_name;
        if (call.version() >= protocol_named_since && nameless) {
            SyncGroupResponse response;
            response.error_code = ErrorCode::inconsistent_group_protocol;
            co_return answer(call, response);
        }
        auto group = own(request->group_id);
        const Coordinator::Command command(sync_of(*request));
        reply = co_await submit_to_group(call, group, command);
    }
    call.frame = {};  // It may wait for the leader's.
    auto told = co_await answer_in<group::Synced>(call, std::move(reply));
    if (!told) co_return Answer::close();
    SyncGroupResponse response;
    if (!*told) {
        response.error_code = told->error();
        co_return answer(call, response);
    }
    auto& synced = **told;
    if (!co_await room_for_answer(call, synced.assignment.size())) co_return Answer::close();
    response.error_code = error_of(synced.error);
    if (synced.error == GroupError::none) response.protocol_type = synced.protocol_type;
    response.protocol_name = view(synced.protocol);
    response.assignment = bytes_of(synced.assignment);
    co_return answer(call, response);
}

}  // namespace fulmar::kafka
