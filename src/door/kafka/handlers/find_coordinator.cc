#include "wire/kafka/find_coordinator.h"

#include "door/kafka/handlers/handlers.h"

namespace fulmar::kafka {

// There are no coordinators: groups, transactions and share groups are not served. For a group the answer is
// one that clients retry in the background: many that only assign partitions name a group all the same, and
// go on reading. For the rest it is final: Java's clients take INVALID_REQUEST for it and show our text, in a
// version that has a list of keys. librdkafka asks in an older one, would repeat itself until its time is up,
// and ends at once, with our text too, only when it is told that a transactional id is not permitted.
Task<Answer> handle_find_coordinator(Call& call) {
    Arena arena(arrays_budget(call));
    auto request = read<FindCoordinatorRequest>(call, arena);
    if (!request) co_return Answer::close();
    auto why = [](std::int8_t type) -> std::string_view {
        switch (type) {
            case FindCoordinatorRequest::group:
                return "This broker serves no consumer groups: assign partitions, do not subscribe.";
            case FindCoordinatorRequest::transaction: return "This broker serves no transactions.";
            case FindCoordinatorRequest::share: return "This broker serves no share groups.";
            default: return "There is no such type of coordinator.";
        }
    };
    auto text = why(request->key_type);
    auto error = ErrorCode::invalid_request;
    if (request->key_type == FindCoordinatorRequest::group) error = ErrorCode::coordinator_not_available;
    if (request->key_type == FindCoordinatorRequest::transaction && call.version() < 4)
        error = ErrorCode::transactional_id_authorization_failed;
    FindCoordinatorResponse response;
    std::vector<FindCoordinatorResponse::Coordinator> coordinators;
    // A key may be of no bytes, and is answered with a text.
    auto about_bytes = call.body.size() + request->coordinator_keys.size() * (text.size() + 20);
    if (!co_await room_for_answer(call, about_bytes)) co_return Answer::close();
    if (call.version() >= 4) {
        for (auto key : request->coordinator_keys)
            coordinators.push_back({key, BrokerId{-1}, "", -1, error, text});
        response.coordinators = coordinators;
    } else {
        response.error_code = error;
        response.error_message = text;
        response.node_id = BrokerId{-1};
        response.port = -1;
    }
    co_return answer(call, response);
}

}  // namespace fulmar::kafka
