#include "wire/kafka/list_config_resources.h"

#include <deque>

#include "door/kafka/handlers/handlers.h"

namespace fulmar::kafka {

using Kind = cluster::ConfigOwner::Kind;
static constexpr std::int8_t topics = 2, brokers = 4, loggers = 8, client_metrics = 16, groups = 32;

Task<Answer> handle_list_config_resources(Call& call) {
    Arena arena(arrays_budget(call));
    auto request = read<ListConfigResourcesRequest>(call, arena);
    if (!request) co_return Answer::close();
    ListConfigResourcesResponse response;
    bool every = call.version() > 0 && request->resource_types.empty();
    int asked = every ? topics | brokers | loggers | client_metrics | groups : 0;
    if (call.version() == 0) asked = client_metrics;
    for (auto type : request->resource_types) {
        bool known =
            type == topics || type == brokers || type == loggers || type == client_metrics || type == groups;
        if (!known) {
            response.error_code = ErrorCode::unsupported_version;
            co_return answer(call, response);
        }
        asked |= type;
    }
    auto& image = call.here.image();
    std::deque<std::string> ids;
    std::vector<ListConfigResourcesResponse::Resource> found;
    if (asked & topics)
        for (auto& [name, topic] : image.topics()) found.push_back({name, topics});
    for (auto& [id, broker] : image.brokers()) {
        auto& text = ids.emplace_back(std::to_string(std::to_underlying(id)));
        for (auto type : {brokers, loggers})
            if (asked & type) found.push_back({text, type});
    }
    for (auto& [owner, set] : image.configs())
        if (owner.kind != Kind::broker && (asked & int(owner.kind)))
            found.push_back({owner.name, std::int8_t(owner.kind)});
    response.config_resources = found;
    co_return answer(call, response);
}

}  // namespace fulmar::kafka
