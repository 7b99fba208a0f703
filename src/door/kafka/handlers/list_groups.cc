#include "wire/kafka/list_groups.h"

#include <algorithm>

#include "base/text.h"
#include "door/kafka/groups.h"
#include "door/kafka/handlers/handlers.h"

namespace fulmar::kafka {

namespace {

// The filters' words, in whatever letters.
bool holds(std::span<std::string_view> words, std::string_view word) {
    auto same = [&](std::string_view each) { return std::ranges::equal(each, word, {}, lower, lower); };
    return words.empty() || std::ranges::any_of(words, same);
}

Task<std::size_t> bytes_to_list(Call& call, const TopicId& id, std::size_t partitions) {
    std::size_t bytes = 0;
    for (std::size_t n = 0; n < partitions; ++n) {
        PartitionId at{id, std::int32_t(n)};
        auto& there = call.broker.owner(at);
        auto look = [&] {
            auto* host = call.broker.groups(there.core).find(at);
            return host && host->serving() ? host->machine().weigh(Coordinator::List{}) : 0;
        };
        bytes += &there == &call.here ? look() : co_await call_on(there.seam.loop, call.loop(), look);
    }
    co_return bytes;
}

Task<Answer> list(Call& call, const ListGroupsRequest& request, const TopicId& id, std::size_t partitions) {
    auto type_of = [](const Coordinator::AnyPhase& phase) -> std::string_view {
        return std::holds_alternative<group::Phase>(phase) ? "classic" : "consumer";
    };
    ListGroupsResponse response;
    std::vector<Coordinator::Listed::One> groups;
    const Coordinator::Command list(Coordinator::List{});
    for (std::size_t n = 0; n < partitions; ++n) {
        auto reply = co_await ask_coordinator(call, {id, std::int32_t(n)}, list);
        auto& told = reply->value;
        if (!told) co_return Answer::close();
        if (!*told) {
            response.error_code = error_of(told->error());
            groups.clear();
            break;
        }
        for (auto& group : std::get<Coordinator::Listed>(**told).groups)
            if (holds(request.states_filter, to_text(group.phase)) &&
                holds(request.types_filter, type_of(group.phase)))
                groups.push_back(std::move(group));
    }
    std::vector<ListGroupsResponse::Group> all;
    for (auto& group : groups)
        all.push_back({group.group, group.protocol_type, to_text(group.phase), type_of(group.phase)});
    response.groups = all;
    co_return answer(call, response);
}

}  // namespace

Task<Answer> handle_list_groups(Call& call) {
    Arena arena(arrays_budget(call));
    auto request = read<ListGroupsRequest>(call, arena);
    if (!request) co_return Answer::close();
    auto* topic = call.here.image().find(group_topic);
    auto partitions = topic ? topic->partitions.size() : 0;
    auto id = topic ? topic->id : TopicId{};
    auto bytes = co_await bytes_to_list(call, id, partitions);
    co_return co_await answer_with_room(call, bytes, list(call, *request, id, partitions));
}

}  // namespace fulmar::kafka
