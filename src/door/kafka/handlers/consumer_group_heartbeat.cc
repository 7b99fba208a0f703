#include "wire/kafka/consumer_group_heartbeat.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/text.h"
#include "door/kafka/groups.h"
#include "door/kafka/handlers/handlers.h"

namespace fulmar::kafka {

namespace {

constexpr int ids_of_clients_since = 1;  // Until then the coordinator gave them.

struct Refusal {
    ErrorCode error{};
    std::string why{};
};
std::optional<Refusal> invalid(std::string why) {
    return Refusal{ErrorCode::invalid_request, std::move(why)};
}

bool blank(const std::optional<std::string_view>& text) { return text && trimmed(*text).empty(); }

// In the order in which Kafka looks.
std::optional<Refusal> check_join(const ConsumerGroupHeartbeatRequest& request) {
    if (request.rebalance_timeout_ms == -1)
        return invalid("RebalanceTimeoutMs must be provided in first request.");
    if (!request.topic_partitions || !request.topic_partitions->empty())
        return invalid("TopicPartitions must be empty when (re-)joining.");
    if (!request.subscribed_topic_names && !request.subscribed_topic_regex)
        return invalid(
            "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.");
    return std::nullopt;
}
// There is no room in a group for so many names, nor are there so many partitions in a cluster: to look at
// millions would keep all others waiting.
bool names_too_many(const ConsumerGroupHeartbeatRequest& request) {
    constexpr std::size_t named_max = 262'144;
    std::size_t partitions = 0;
    if (request.topic_partitions)
        for (auto& topic : *request.topic_partitions) partitions += 1 + topic.partitions.size();
    auto names = request.subscribed_topic_names ? request.subscribed_topic_names->size() : 0;
    return std::max(partitions, names) > named_max;
}
std::optional<Refusal> check(const ConsumerGroupHeartbeatRequest& request, int version,
                             const Settings& settings) {
    using Request = ConsumerGroupHeartbeatRequest;
    bool gives_id = version < ids_of_clients_since && request.member_epoch == Request::join;
    if (!gives_id && blank(request.member_id)) return invalid("MemberId can't be empty.");
    if (blank(request.group_id)) return invalid("GroupId can't be empty.");
    if (blank(request.instance_id)) return invalid("InstanceId can't be empty.");
    if (blank(request.rack_id)) return invalid("RackId can't be empty.");
    if (request.member_epoch == Request::join) {
        if (auto refusal = check_join(request)) return refusal;
    } else if (request.member_epoch == Request::leave_for_a_time) {
        if (!request.instance_id) return invalid("InstanceId can't be null.");
    } else if (request.member_epoch < Request::leave_for_a_time) {
        return invalid("MemberEpoch is invalid.");
    }
    if (names_too_many(request)) return invalid("It names more topics or partitions than a group can have.");
    if (!request.server_assignor) return std::nullopt;
    auto assignors = assignors_of(settings);
    if (std::ranges::find(assignors, *request.server_assignor) == assignors.end())
        return Refusal{
            ErrorCode::unsupported_assignor,
            fmt::format("ServerAssignor {} is not supported. Supported assignors: {}.",
                        request.server_assignor->substr(0, text_bytes_max), fmt::join(assignors, ", "))};
    return std::nullopt;
}

group::ConsumerBeat beat_of(Call& call, const ConsumerGroupHeartbeatRequest& request) {
    group::ConsumerBeat beat{.group = own(request.group_id),
                             .member_id = own(request.member_id),
                             .epoch = request.member_epoch,
                             .instance_id = own(request.instance_id),
                             .rack_id = own(request.rack_id),
                             .client_id = own(call.header.client_id.value_or("")),
                             .client_host = own(call.client_host),
                             .pattern = own(request.subscribed_topic_regex),
                             .assignor = own(request.server_assignor)};
    if (blank(request.member_id)) {
        auto high = call.loop().random();
        beat.member_id = fulmar::to_text(uuid_from(high, call.loop().random()));
    }
    if (request.rebalance_timeout_ms != -1)
        beat.rebalance_timeout = Millis(std::max(request.rebalance_timeout_ms, 0));
    if (auto& names = request.subscribed_topic_names) {
        auto& topics = beat.topics.emplace();
        for (auto& name : *names) topics.insert(own(name));
    }
    if (request.topic_partitions) {
        auto& owned = beat.owned.emplace();
        for (auto& topic : *request.topic_partitions)
            owned[topic.topic_id].insert(topic.partitions.begin(), topic.partitions.end());
    }
    return beat;
}

}  // namespace

Task<Answer> handle_consumer_group_heartbeat(Call& call) {
    Arena arena(arrays_budget(call));
    auto request = read<ConsumerGroupHeartbeatRequest>(call, arena);
    if (!request) co_return Answer::close();
    ConsumerGroupHeartbeatResponse response;
    if (auto refusal = check(*request, call.version(), call.broker.settings())) {
        response.error_code = refusal->error;
        response.error_message = refusal->why;
        co_return answer(call, response);
    }
    const Coordinator::Command beat(beat_of(call, *request));
    auto told = co_await ask_group<group::ConsumerBeaten>(call, request->group_id, beat);
    if (!told) co_return Answer::close();
    if (!*told) {
        response.error_code = told->error();
        co_return answer(call, response);
    }
    auto& beaten = **told;
    if (beaten.error != GroupError::none) {
        response.error_code = error_of(beaten.error);
        response.error_message = std::string_view(beaten.why).substr(0, text_bytes_max);
        co_return answer(call, response);
    }
    response.member_id = beaten.member_id;
    response.member_epoch = beaten.epoch;
    response.heartbeat_interval_ms = std::int32_t(beaten.interval.count());
    std::vector<std::vector<std::int32_t>> indexes;
    std::vector<ConsumerGroupHeartbeatTopic> topics;
    std::size_t bytes = 0;
    if (beaten.assignment) {
        indexes.reserve(beaten.assignment->size());
        for (auto& [id, partitions] : *beaten.assignment) {
            topics.push_back({id, indexes.emplace_back(partitions.begin(), partitions.end())});
            bytes += sizeof id + 8 + 4 * partitions.size();
        }
        response.assignment.emplace(topics);
    }
    if (!co_await room_for_answer(call, bytes)) co_return Answer::close();
    co_return answer(call, response);
}

}  // namespace fulmar::kafka
