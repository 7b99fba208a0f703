#include "wire/kafka/offset_delete.h"

#include "door/kafka/groups.h"
#include "door/kafka/handlers/handlers.h"

namespace fulmar::kafka {

Task<Answer> handle_offset_delete(Call& call) {
    Arena arena(arrays_budget(call));
    auto request = read<OffsetDeleteRequest>(call, arena);
    if (!request) co_return Answer::close();
    OffsetDeleteResponse response;
    if (request->group_id.empty()) {
        response.error_code = ErrorCode::invalid_group_id;
        co_return answer(call, response);
    }
    Coordinator::ForgetOffsets command{own(request->group_id), {}};
    std::vector<std::vector<OffsetDeleteResponse::Partition>> told;
    for (auto& topic : request->topics) {
        auto* known = call.here.image().find(topic.name);
        auto& here = told.emplace_back();
        for (auto& each : topic.partitions) {
            bool there = known && each.partition_index >= 0 &&
                         std::size_t(each.partition_index) < known->partitions.size();
            auto error = there ? ErrorCode::none : ErrorCode::unknown_topic_or_partition;
            here.push_back({each.partition_index, error});
            if (there) command.places.push_back({own(topic.name), each.partition_index});
        }
    }
    const Coordinator::Command forget(std::move(command));
    auto answered = co_await ask_group<Coordinator::Placed>(call, request->group_id, forget);
    if (!answered) co_return Answer::close();
    response.error_code = *answered ? error_of((*answered)->error) : answered->error();
    if (response.error_code != ErrorCode::none) co_return answer(call, response);
    std::size_t next = 0;
    std::vector<OffsetDeleteResponse::Topic> topics;
    for (auto& here : told) {
        for (auto& one : here)
            if (one.error_code == ErrorCode::none) one.error_code = error_of((*answered)->places[next++]);
        topics.push_back({request->topics[topics.size()].name, here});
    }
    response.topics = topics;
    co_return answer(call, response);
}

}  // namespace fulmar::kafka
