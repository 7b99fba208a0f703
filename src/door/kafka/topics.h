// Asks the controller about topics, from whatever core a connection lives on, and comes home with its
// answers. What a request means is its handler's.
#pragma once

#include "door/kafka/call.h"

namespace fulmar::kafka {

using cluster::Controller;

// One answer each; none at all when the controller is going. Every core knows of what has changed.
using TopicAnswers = std::vector<ControllerHost::Answer>;
Task<TopicAnswers> create_topics(Call& call, std::vector<Controller::CreateTopic> wanted);
Task<TopicAnswers> grow_topics(Call& call, std::vector<Controller::GrowTopic> wanted);
Task<TopicAnswers> delete_topics(Call& call, std::vector<Controller::DeleteTopic> wanted);
Task<TopicAnswers> alter_configs(Call& call, std::vector<Controller::AlterConfigs> wanted);

// What is said of a refusal; the text is cut to what a string of the protocol surely holds.
ErrorCode error_of(cluster::TopicRefusal why);
std::string_view message_of(const Controller::Refused& refused);

// What is said of a topic when the controller is going.
inline constexpr ErrorCode controller_gone = ErrorCode::not_controller;
inline constexpr std::string_view controller_gone_text = "The controller is stopping.";

}  // namespace fulmar::kafka
