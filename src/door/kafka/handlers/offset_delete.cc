#include "wire/kafka/offset_delete.h"

#include <map>

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
    struct Asked {
        std::size_t topic, partition;  // In `told`,
        std::size_t place;             // and in the command, which has each once.
    };
    std::vector<Asked> asked_for;
    std::map<std::pair<const cluster::Topic*, std::int32_t>, std::size_t> places;
    for (auto& topic : request->topics) {
        auto* known = call.here.image().find(topic.name);
        auto& here = told.emplace_back();
        for (auto& each : topic.partitions) {
            bool there = known && each.partition_index >= 0 &&
                         std::size_t(each.partition_index) < known->partitions.size();
            auto error = there ? ErrorCode::none : ErrorCode::unknown_topic_or_partition;
            here.push_back({each.partition_index, error});
            if (!there) continue;
            auto [at, first] = places.try_emplace({known, each.partition_index}, command.places.size());
            if (first) command.places.push_back({own(topic.name), each.partition_index});
            asked_for.push_back({told.size() - 1, here.size() - 1, at->second});
        }
    }
    const Coordinator::Command forget(std::move(command));
    auto answered = co_await ask_group<Coordinator::Placed>(call, request->group_id, forget);
    if (!answered) co_return Answer::close();
    response.error_code = *answered ? error_of((*answered)->error) : answered->error();
    if (response.error_code != ErrorCode::none) co_return answer(call, response);
    for (auto& [topic, partition, place] : asked_for)
        told[topic][partition].error_code = error_of((*answered)->places[place]);
    std::vector<OffsetDeleteResponse::Topic> topics;
    for (auto& here : told) topics.push_back({request->topics[topics.size()].name, here});
    response.topics = topics;
    co_return answer(call, response);
}

}  // namespace fulmar::kafka
