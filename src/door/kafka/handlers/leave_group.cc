#include "wire/kafka/leave_group.h"

#include "door/kafka/groups.h"
#include "door/kafka/handlers/handlers.h"

namespace fulmar::kafka {

Task<Answer> handle_leave_group(Call& call) {
    Arena arena(arrays_budget(call));
    auto request = read<LeaveGroupRequest>(call, arena);
    if (!request) co_return Answer::close();
    bool one = call.version() < 3;
    group::Leave leave{own(request->group_id), {}};
    if (one) leave.members.push_back({own(request->member_id), std::nullopt});
    for (auto& member : request->members)
        leave.members.push_back({own(member.member_id), own(member.group_instance_id)});
    const Coordinator::Command command(std::move(leave));
    auto told = co_await ask_group<group::Left>(call, request->group_id, command);
    if (!told) co_return Answer::close();
    LeaveGroupResponse response;
    std::vector<LeaveGroupResponse::Member> members;
    response.error_code = *told ? error_of((*told)->error) : told->error();
    if (response.error_code == ErrorCode::none && one) {
        response.error_code = error_of((*told)->members.front());
    } else if (response.error_code == ErrorCode::none) {
        for (std::size_t n = 0; n < request->members.size(); ++n)
            members.push_back({request->members[n].member_id, request->members[n].group_instance_id,
                               error_of((*told)->members[n])});
        response.members = members;
    }
    co_return answer(call, response);
}

}  // namespace fulmar::kafka
