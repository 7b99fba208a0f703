#include "door/kafka/topics.h"

#include <fmt/format.h>

#include <algorithm>

namespace fulmar::kafka {

using cluster::TopicRefusal;

// As Kafka counts: however a request divides them, it makes no more partitions than this.
static constexpr std::int64_t partitions_a_request = cluster::partitions_max;

static std::int64_t partitions_of(const cluster::NewTopic& topic, std::int64_t usual) {
    std::int64_t asked = topic.partitions == -1 ? usual : topic.partitions;
    if (topic.assigned) asked = std::int64_t(topic.assignment.size());
    return std::clamp<std::int64_t>(asked, 0, cluster::partitions_max);
}

Task<std::vector<ControllerHost::Answer>> create_topics(
    Call& call, std::vector<cluster::Controller::CreateTopic> wanted) {
    std::int64_t partitions = 0;
    for (auto& each : wanted) partitions += partitions_of(each.topic, call.broker.settings().num_partitions);
    if (partitions > partitions_a_request) {
        cluster::Controller::Refused refused{
            cluster::TopicRefusal::no_room,
            fmt::format("One request may create at most {} partitions.", partitions_a_request)};
        co_return std::vector<ControllerHost::Answer>(wanted.size(), std::unexpected(std::move(refused)));
    }
    for (auto& each : wanted) each.topic.id = uuid_from(call.loop().random(), call.loop().random());
    auto& there = call.broker.controller_loop();
    bool elsewhere = &there != &call.loop();
    if (elsewhere) co_await Hop(there);
    auto answers = co_await call.broker.controller().create_topics(std::move(wanted));
    if (elsewhere) co_await Hop(call.loop());
    co_return answers;
}

Task<std::vector<ControllerHost::Answer>> alter_configs(
    Call& call, std::vector<cluster::Controller::AlterConfigs> wanted) {
    auto& there = call.broker.controller_loop();
    bool elsewhere = &there != &call.loop();
    if (elsewhere) co_await Hop(there);
    auto answers = co_await call.broker.controller().alter_configs(std::move(wanted));
    if (elsewhere) co_await Hop(call.loop());
    co_return answers;
}

ErrorCode error_of(TopicRefusal why) {
    switch (why) {
        case TopicRefusal::invalid_name: return ErrorCode::invalid_topic_exception;
        case TopicRefusal::exists: return ErrorCode::topic_already_exists;
        case TopicRefusal::invalid_partitions: return ErrorCode::invalid_partitions;
        case TopicRefusal::invalid_replication: return ErrorCode::invalid_replication_factor;
        case TopicRefusal::invalid_assignment: return ErrorCode::invalid_replica_assignment;
        case TopicRefusal::invalid_config: return ErrorCode::invalid_config;
        case TopicRefusal::no_room: return ErrorCode::policy_violation;
        case TopicRefusal::unknown_name: return ErrorCode::unknown_topic_or_partition;
        case TopicRefusal::broker_config:
        case TopicRefusal::contradiction: return ErrorCode::invalid_request;
    }
    return ErrorCode::unknown_server_error;
}

}  // namespace fulmar::kafka
