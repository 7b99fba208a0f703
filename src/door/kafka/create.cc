#include "door/kafka/create.h"

namespace fulmar::kafka {

Task<std::vector<ControllerHost::Answer>> create_topics(
    Call& call, std::vector<cluster::Controller::CreateTopic> wanted) {
    for (auto& each : wanted) each.topic.id = uuid_from(call.loop().random(), call.loop().random());
    auto& there = call.broker.controller_loop();
    bool elsewhere = &there != &call.loop();
    if (elsewhere) co_await Hop(there);
    auto answers = co_await call.broker.controller().create_topics(std::move(wanted));
    if (elsewhere) co_await Hop(call.loop());
    co_return answers;
}

}  // namespace fulmar::kafka
