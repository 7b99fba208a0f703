#include "wire/kafka/create_topics.h"

#include <map>

#include "broker/describe_configs.h"
#include "door/kafka/handlers/handlers.h"
#include "door/kafka/topics.h"

namespace fulmar::kafka {

static cluster::NewTopic wanted(const CreateTopicsRequest::Topic& asked) {
    cluster::NewTopic topic;
    topic.name = asked.name;
    topic.partitions = asked.num_partitions;
    topic.replication = asked.replication_factor;
    for (auto& [index, brokers] : asked.assignments)
        if (!topic.assignment.emplace(index, std::vector(brokers.begin(), brokers.end())).second)
            topic.assigned_twice = true;
    for (auto& [name, value] : asked.configs)
        topic.configs.emplace_back(name, value ? std::optional(std::string(*value)) : std::nullopt);
    return topic;
}

// What the topic will go by, with where each value comes from.
static std::span<CreateTopicsResponse::Config> configs_of(Call& call, const cluster::Topic& topic,
                                                          std::vector<CreateTopicsResponse::Config>& into) {
    BrokerLevels levels(call.here.image(), call.broker.id(), call.broker.fixed_values());
    for (auto& config : describe_topic(topic.configs, levels))
        into.push_back(
            {config.name, config.value, config.read_only, std::int8_t(config.source), config.sensitive});
    return into;
}

Task<Answer> handle_create_topics(Call& call) {
    Arena arena(arrays_budget(call));
    auto request = read<CreateTopicsRequest>(call, arena);
    if (!request) co_return Answer::close();

    std::map<std::string_view, int> times;
    for (auto& topic : request->topics) ++times[topic.name];
    std::vector<Controller::CreateTopic> commands;
    for (auto& topic : request->topics)
        if (times[topic.name] == 1) commands.push_back({wanted(topic), request->validate_only});
    auto asked = commands.size();
    auto answers = co_await create_topics(call, std::move(commands));

    std::vector<CreateTopicsResponse::Topic> topics;
    std::vector<std::vector<CreateTopicsResponse::Config>> configs(request->topics.size());
    std::size_t next = 0;
    for (auto& topic : request->topics) {
        auto& told = topics.emplace_back();
        told.name = topic.name;
        told.configs.emplace();
        if (times[topic.name] > 1) {  // One answer for all of them.
            times[topic.name] = -1;
            told.error_code = ErrorCode::invalid_request;
            told.error_message = "Duplicate topic name.";
            continue;
        }
        if (times[topic.name] < 0) {
            topics.pop_back();
            continue;
        }
        if (answers.size() != asked) {
            told.error_code = controller_gone;
            told.error_message = controller_gone_text;
            continue;
        }
        auto& answer = answers[next++];
        if (!answer) {
            told.error_code = error_of(answer.error().why);
            told.error_message = message_of(answer.error());
            continue;
        }
        auto& made = **answer;
        told.topic_id = made.id;
        told.num_partitions = std::int32_t(made.partitions.size());
        told.replication_factor = std::int16_t(made.partitions.front().replicas.size());
        told.configs = configs_of(call, made, configs[topics.size() - 1]);
    }
    CreateTopicsResponse response;
    response.topics = topics;
    co_return answer(call, response);
}

}  // namespace fulmar::kafka
