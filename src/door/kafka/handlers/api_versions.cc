#include "wire/kafka/api_versions.h"

#include <algorithm>

#include "base/text.h"
#include "door/kafka/handlers/handlers.h"
#include "door/kafka/routes.h"

namespace fulmar::kafka {

// [a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])? (KIP-511).
static bool valid_software_text(std::string_view text) {
    return !text.empty() && is_letter_or_digit(text.front()) && is_letter_or_digit(text.back()) &&
           std::ranges::all_of(text, [](char c) { return is_letter_or_digit(c) || c == '-' || c == '.'; });
}

Task<Answer> handle_api_versions(Call& call) {
    Arena arena(arrays_budget(call));
    auto request = read<ApiVersionsRequest>(call, arena);
    if (!request) co_return Answer::close();
    ApiVersionsResponse response;
    if (call.version() >= 3 && (!valid_software_text(request->client_software_name) ||
                                !valid_software_text(request->client_software_version))) {
        response.error_code = ErrorCode::invalid_request;
        co_return answer(call, response);
    }
    std::vector<ApiVersionsResponse::ApiVersion> keys;
    for (auto& route : routes()) keys.push_back({route.key, route.oldest, route.newest});
    response.api_keys = keys;
    // What clients and tools may rely on: groups of KIP-848. The epoch must never go back.
    ApiVersionsResponse::SupportedFeatureKey supported{"group.version", 0, 1};
    ApiVersionsResponse::FinalizedFeatureKey finalized{"group.version", 1, 1};
    response.supported_features = std::span(&supported, 1);
    response.finalized_features = std::span(&finalized, 1);
    response.finalized_features_epoch = 1;
    co_return answer(call, response);
}

Answer unknown_api_versions(std::int32_t correlation_id) {
    ApiVersionsResponse::ApiVersion own{ApiVersionsRequest::key, ApiVersionsRequest::oldest,
                                        ApiVersionsRequest::newest};
    ApiVersionsResponse response;
    response.error_code = ErrorCode::unsupported_version;
    response.api_keys = std::span(&own, 1);
    return {Answer::Then::send, response_frame(response, 0, correlation_id)};
}

}  // namespace fulmar::kafka
