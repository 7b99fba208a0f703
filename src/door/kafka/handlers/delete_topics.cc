#include "wire/kafka/delete_topics.h"

#include <map>

#include "door/kafka/handlers/handlers.h"
#include "door/kafka/topics.h"

namespace fulmar::kafka {

namespace {

using Asked = DeleteTopicsRequest::Topic;
using Told = DeleteTopicsResponse::Result;
// From this version on the refusal where `delete.topic.enable` is false has an error of its own; clients of
// older ones do not know it.
constexpr int own_error_since = 3;

// What stands against one before anybody is asked, as a text.
std::optional<std::string_view> contradiction(const Asked& asked) {
    if (asked.name && asked.topic_id != TopicId{}) return "Both a name and an id are given.";
    if (!asked.name && asked.topic_id == TopicId{}) return "Neither a name nor an id is given.";
    return std::nullopt;
}

// The request's topics, each once, and how often.
struct Named {
    Asked asked;
    int times = 0;
    std::optional<std::string_view> wrong{};
};
std::vector<Named> each_once(const DeleteTopicsRequest& request, const cluster::Image& image) {
    std::vector<Named> topics;
    std::map<std::pair<std::optional<std::string_view>, TopicId>, std::size_t> known;
    auto add = [&](const Asked& asked) {
        auto [at, fresh] = known.emplace(std::pair(asked.name, asked.topic_id), topics.size());
        if (fresh) topics.push_back({asked, 0, contradiction(asked)});
        ++topics[at->second].times;
    };
    for (auto& topic : request.topics) add(topic);
    for (auto& name : request.topic_names) add({name, {}});
    for (auto& topic : topics)
        if (topic.times > 1 && !topic.wrong) topic.wrong = "It stands in the request more than once.";
    // One by its name and by its id is told of once.
    for (std::size_t i = 0; i < topics.size(); ++i) {
        if (!topics[i].asked.name || topics[i].wrong) continue;
        auto* topic = image.find(*topics[i].asked.name);
        auto at = topic ? known.find({std::nullopt, topic->id}) : known.end();
        if (at == known.end()) continue;
        topics[i].asked.topic_id = topic->id;
        topics[i].wrong = "It stands in the request by its id too.";
        topics[at->second].times = 0;
    }
    std::erase_if(topics, [](const Named& topic) { return topic.times == 0; });
    return topics;
}

}  // namespace

Task<Answer> handle_delete_topics(Call& call) {
    Arena arena(arrays_budget(call));
    auto request = read<DeleteTopicsRequest>(call, arena);
    if (!request) co_return Answer::close();
    auto topics = each_once(*request, call.here.image());
    bool enabled = call.broker.settings().delete_topics;
    std::vector<Controller::DeleteTopic> commands;
    for (auto& topic : topics) {
        if (topic.wrong || !enabled) continue;
        if (topic.asked.name) commands.push_back({std::string(*topic.asked.name)});
        else commands.push_back({topic.asked.topic_id});
    }
    auto asked = commands.size();
    TopicAnswers answers;
    if (asked > 0) answers = co_await delete_topics(call, std::move(commands));

    std::vector<Told> results;
    std::size_t next = 0;
    for (auto& topic : topics) {
        auto& told = results.emplace_back();
        told.name = topic.asked.name;
        told.topic_id = topic.asked.topic_id;
        if (!enabled) {
            told.error_code = call.version() >= own_error_since ? ErrorCode::topic_deletion_disabled
                                                                : ErrorCode::invalid_request;
            told.error_message = "Topics cannot be deleted here: delete.topic.enable is false.";
        } else if (topic.wrong) {
            told.error_code = ErrorCode::invalid_request;
            told.error_message = topic.wrong;
        } else if (answers.size() != asked) {
            told.error_code = controller_gone;
            told.error_message = controller_gone_text;
        } else if (auto& answer = answers[next++]; !answer) {
            told.error_code = error_of(answer.error().why);
            told.error_message = message_of(answer.error());
        } else {
            told.name = (*answer)->name;
            told.topic_id = (*answer)->id;
        }
    }
    DeleteTopicsResponse response;
    response.responses = results;
    co_return answer(call, response);
}

}  // namespace fulmar::kafka
