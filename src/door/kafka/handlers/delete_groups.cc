#include "wire/kafka/delete_groups.h"

#include "door/kafka/groups.h"
#include "door/kafka/handlers/handlers.h"

namespace fulmar::kafka {

Task<Answer> handle_delete_groups(Call& call) {
    Arena arena(arrays_budget(call));
    auto request = read<DeleteGroupsRequest>(call, arena);
    if (!request) co_return Answer::close();
    std::vector<DeleteGroupsResponse::Result> results;
    for (auto name : request->groups_names) {
        const Coordinator::Command command(Coordinator::Delete{own(name)});
        auto told = co_await ask_group<Coordinator::Done>(call, name, command);
        if (!told) co_return Answer::close();
        results.push_back({name, *told ? error_of((*told)->error) : told->error()});
    }
    DeleteGroupsResponse response;
    response.results = results;
    co_return answer(call, response);
}

}  // namespace fulmar::kafka
