#include "wire/kafka/delete_groups.h"

#include "door/kafka/groups.h"
#include "door/kafka/handlers/handlers.h"

namespace fulmar::kafka {

namespace {

using Result = DeleteGroupsResponse::Result;
// Of one command: what is not there takes a coordinator's time, too.
constexpr std::size_t at_once = 1'000;

// All that one coordinator has: a record each, for which none waits by itself. False: nobody waits any more.
Task<bool> delete_at(Call& call, PartitionId at, std::span<const std::size_t> left,
                     std::vector<Result>& results) {
    while (!left.empty()) {
        Coordinator::Delete wanted{};
        for (auto n : left.first(std::min(at_once, left.size())))
            wanted.groups.push_back(own(results[n].group_id));
        const Coordinator::Command command(std::move(wanted));
        auto reply = co_await ask_coordinator(call, at, command);
        auto& told = reply->value;
        if (!told) co_return false;
        if (!*told) {
            for (auto n : left) results[n].error_code = error_of(told->error());
            co_return true;
        }
        auto& errors = std::get<Coordinator::Deleted>(**told).groups;
        for (std::size_t n = 0; n < errors.size(); ++n) results[left[n]].error_code = error_of(errors[n]);
        left = left.subspan(errors.size());
        co_await Yield(call.loop());
    }
    co_return true;
}

}  // namespace

Task<Answer> handle_delete_groups(Call& call) {
    Arena arena(arrays_budget(call));
    auto request = read<DeleteGroupsRequest>(call, arena);
    if (!request) co_return Answer::close();
    std::vector<Result> results;
    for (auto name : request->groups_names) {
        bool possible = name.size() <= group_id_bytes_max;
        results.push_back({name, possible ? ErrorCode::not_coordinator : ErrorCode::invalid_group_id});
    }
    auto all = by_coordinator(call, request->groups_names);
    for (auto& [at, which] : all)
        if (!co_await delete_at(call, at, which, results)) co_return Answer::close();
    DeleteGroupsResponse response;
    response.results = results;
    co_return answer(call, response);
}

}  // namespace fulmar::kafka
