#include "wire/kafka/create_partitions.h"

#include <map>

#include "door/kafka/handlers/handlers.h"
#include "door/kafka/topics.h"

namespace fulmar::kafka {

static Controller::GrowTopic wanted(const CreatePartitionsRequest::Topic& asked, bool validate_only) {
    Controller::GrowTopic growth{std::string(asked.name), asked.count, std::nullopt, validate_only};
    if (!asked.assignments) return growth;
    growth.assignment.emplace();
    for (auto& [brokers] : *asked.assignments)
        growth.assignment->emplace_back(brokers.begin(), brokers.end());
    return growth;
}

Task<Answer> handle_create_partitions(Call& call) {
    Arena arena(arrays_budget(call));
    auto request = read<CreatePartitionsRequest>(call, arena);
    if (!request) co_return Answer::close();

    std::map<std::string_view, int> times;
    for (auto& topic : request->topics) ++times[topic.name];
    std::vector<Controller::GrowTopic> commands;
    for (auto& topic : request->topics)
        if (times[topic.name] == 1 && topic.name != group_topic)
            commands.push_back(wanted(topic, request->validate_only));
    auto asked = commands.size();
    TopicAnswers answers;
    if (asked > 0) answers = co_await grow_topics(call, std::move(commands));

    std::vector<CreatePartitionsResponse::Result> results;
    std::size_t next = 0;
    for (auto& topic : request->topics) {
        auto& seen = times[topic.name];
        if (seen < 0) continue;  // Told already that it stands there more than once.
        auto& told = results.emplace_back();
        told.name = topic.name;
        if (seen > 1) {
            seen = -1;
            told.error_code = ErrorCode::invalid_request;
            told.error_message = "Duplicate topic name.";
        } else if (topic.name == group_topic) {
            told.error_code = ErrorCode::invalid_request;
            told.error_message = "The number of its partitions says where each group is kept.";
        } else if (answers.size() != asked) {
            told.error_code = controller_gone;
            told.error_message = controller_gone_text;
        } else if (auto& answer = answers[next++]; !answer) {
            told.error_code = error_of(answer.error().why);
            told.error_message = message_of(answer.error());
        }
    }
    CreatePartitionsResponse response;
    response.results = results;
    co_return answer(call, response);
}

}  // namespace fulmar::kafka
