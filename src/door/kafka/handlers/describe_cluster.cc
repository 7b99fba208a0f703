#include "wire/kafka/describe_cluster.h"

#include "door/kafka/handlers/handlers.h"
#include "door/kafka/operations.h"

namespace fulmar::kafka {

Task<Answer> handle_describe_cluster(Call& call) {
    constexpr std::int8_t brokers_endpoint = 1, controllers_endpoint = 2;
    Arena arena(arrays_budget(call));
    auto request = read<DescribeClusterRequest>(call, arena);
    if (!request) co_return Answer::close();
    DescribeClusterResponse response;
    if (request->endpoint_type != brokers_endpoint) {
        bool controllers = request->endpoint_type == controllers_endpoint;
        response.error_code =
            controllers ? ErrorCode::mismatched_endpoint_type : ErrorCode::unsupported_endpoint_type;
        response.error_message =
            controllers ? "This is a broker's endpoint, not a controller's." : "Unsupported endpoint type.";
        co_return answer(call, response);
    }
    auto cluster_id = fulmar::to_text(call.broker.cluster_id());
    std::vector<DescribeClusterResponse::Broker> brokers;
    for (auto& [id, broker] : call.here.image().brokers())
        brokers.push_back({id, broker.host, broker.port, std::nullopt, false});
    response.cluster_id = cluster_id;
    response.controller_id = call.broker.id();
    response.brokers = brokers;
    if (request->include_cluster_authorized_operations)
        response.cluster_authorized_operations = operations::cluster;
    co_return answer(call, response);
}

}  // namespace fulmar::kafka
