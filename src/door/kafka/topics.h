// Asks the controller for topics, from whatever core a connection lives on, and comes home with its answers.
// What a request means is its handler's.
#pragma once

#include "door/kafka/call.h"

namespace fulmar::kafka {

// One answer each; none at all when the controller is going. Every core knows of what was created.
Task<std::vector<ControllerHost::Answer>> create_topics(Call& call,
                                                        std::vector<cluster::Controller::CreateTopic> wanted);
Task<std::vector<ControllerHost::Answer>> alter_configs(
    Call& call, std::vector<cluster::Controller::AlterConfigs> wanted);

// What is said of a refusal.
ErrorCode error_of(cluster::TopicRefusal why);

}  // namespace fulmar::kafka
