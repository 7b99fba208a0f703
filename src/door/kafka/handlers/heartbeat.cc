#include "wire/kafka/heartbeat.h"

#include "door/kafka/groups.h"
#include "door/kafka/handlers/handlers.h"

namespace fulmar::kafka {

Task<Answer> handle_heartbeat(Call& call) {
    Arena arena(arrays_budget(call));
    auto request = read<HeartbeatRequest>(call, arena);
    if (!request) co_return Answer::close();
    const Coordinator::Command beat(group::Heartbeat{own(request->group_id), own(request->member_id),
                                                     own(request->group_instance_id),
                                                     request->generation_id});
    auto told = co_await ask_group<group::Beaten>(call, request->group_id, beat);
    if (!told) co_return Answer::close();
    HeartbeatResponse response;
    response.error_code = *told ? error_of((*told)->error) : told->error();
    // Nobody is missed while the log is read again.
    if (response.error_code == ErrorCode::coordinator_load_in_progress) response.error_code = ErrorCode::none;
    co_return answer(call, response);
}

}  // namespace fulmar::kafka
