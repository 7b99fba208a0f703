#include "door/kafka/topics.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/planted.h"

namespace fulmar::kafka {

using cluster::TopicRefusal;

// As Kafka counts: however a request divides them, it makes no more partitions than this.
static constexpr std::int64_t partitions_a_request = cluster::partitions_max;

// And it grows no more topics than have so many partitions then: whatever comes of it, each is looked at.
static constexpr std::int64_t grown_a_request = 10 * partitions_a_request;

static TopicAnswers refuse_all(std::size_t topics, std::string text,
                               TopicRefusal why = TopicRefusal::no_room) {
    Controller::Refused refused{why, std::move(text)};
    return TopicAnswers(topics, std::unexpected(std::move(refused)));
}
// The metadata of a broker lies in its home.
static bool read_only(const Call& call) { return call.here.directories[0].room == Room::none; }
static TopicAnswers refuse_read_only(std::size_t topics) {
    return refuse_all(topics, "The disk is full.", TopicRefusal::disk_full);
}
static TopicAnswers too_many(std::size_t topics) {
    return refuse_all(topics,
                      fmt::format("One request may create at most {} partitions.", partitions_a_request));
}

static std::int64_t partitions_of(const cluster::NewTopic& topic, std::int64_t usual) {
    std::int64_t asked = topic.partitions == -1 ? usual : topic.partitions;
    if (!topic.assignment.empty()) asked = std::int64_t(topic.assignment.size());
    return std::clamp<std::int64_t>(asked, 0, cluster::partitions_max);
}

// On the controller's core, and home again.
template <class T>
static Task<TopicAnswers> ask(Call& call, Task<TopicAnswers> (ControllerHost::*verb)(std::vector<T>),
                              std::vector<T> wanted) {
    auto& there = call.broker.controller_loop();
    bool elsewhere = &there != &call.loop();
    if (elsewhere) co_await Hop(there);
    auto answers = co_await (call.broker.controller().*verb)(std::move(wanted));
    if (elsewhere) co_await Hop(call.loop());
    co_return answers;
}

static TopicId new_id(Call& call, const std::string& name) {
    if (planted(Bug::deleted_topic_meets_successor)) {
        auto hash = std::hash<std::string_view>()(name);
        return uuid_from(hash, ~hash);
    }
    auto high = call.loop().random(), low = call.loop().random();
    return uuid_from(high, low);
}

Task<TopicAnswers> create_topics(Call& call, std::vector<Controller::CreateTopic> wanted) {
    if (read_only(call)) co_return refuse_read_only(wanted.size());
    std::int64_t partitions = 0;
    for (auto& each : wanted) partitions += partitions_of(each.topic, call.broker.settings().num_partitions);
    if (partitions > partitions_a_request) co_return too_many(wanted.size());
    for (auto& each : wanted) each.topic.id = new_id(call, each.topic.name);
    co_return co_await ask(call, &ControllerHost::create_topics, std::move(wanted));
}

Task<TopicAnswers> grow_topics(Call& call, std::vector<Controller::GrowTopic> wanted) {
    if (read_only(call)) co_return refuse_read_only(wanted.size());
    std::int64_t more = 0, all = 0;
    for (auto& each : wanted) {
        auto* topic = call.here.image().find(each.name);
        if (!topic) continue;
        auto to = std::clamp<std::int64_t>(each.partitions, 0, cluster::partitions_max);
        more += std::max<std::int64_t>(to - std::int64_t(topic->partitions.size()), 0);
        all += to;
    }
    if (more > partitions_a_request) co_return too_many(wanted.size());
    if (all > grown_a_request)
        co_return refuse_all(
            wanted.size(),
            fmt::format("One request may grow topics to at most {} partitions together.", grown_a_request));
    co_return co_await ask(call, &ControllerHost::grow_topics, std::move(wanted));
}

Task<TopicAnswers> delete_topics(Call& call, std::vector<Controller::DeleteTopic> wanted) {
    return ask(call, &ControllerHost::delete_topics, std::move(wanted));
}

Task<TopicAnswers> alter_configs(Call& call, std::vector<Controller::AlterConfigs> wanted) {
    if (read_only(call)) co_return refuse_read_only(wanted.size());
    co_return co_await ask(call, &ControllerHost::alter_configs, std::move(wanted));
}

ErrorCode error_of(TopicRefusal why) {
    switch (why) {
        case TopicRefusal::invalid_name: return ErrorCode::invalid_topic_exception;
        case TopicRefusal::exists: return ErrorCode::topic_already_exists;
        case TopicRefusal::invalid_partitions: return ErrorCode::invalid_partitions;
        case TopicRefusal::invalid_replication: return ErrorCode::invalid_replication_factor;
        case TopicRefusal::invalid_assignment: return ErrorCode::invalid_replica_assignment;
        case TopicRefusal::invalid_config: return ErrorCode::invalid_config;
        case TopicRefusal::disk_full: return ErrorCode::kafka_storage_error;
        case TopicRefusal::no_room: return ErrorCode::policy_violation;
        case TopicRefusal::broker_config:
        case TopicRefusal::contradiction: return ErrorCode::invalid_request;
        case TopicRefusal::unknown_name: return ErrorCode::unknown_topic_or_partition;
        case TopicRefusal::unknown_id: return ErrorCode::unknown_topic_id;
    }
    return ErrorCode::unknown_server_error;
}
std::string_view message_of(const Controller::Refused& refused) {
    return std::string_view(refused.text).substr(0, text_bytes_max);
}

}  // namespace fulmar::kafka
