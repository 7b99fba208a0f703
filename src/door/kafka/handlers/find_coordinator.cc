#include "wire/kafka/find_coordinator.h"

#include "door/kafka/groups.h"
#include "door/kafka/handlers/handlers.h"

namespace fulmar::kafka {

namespace {

struct Place {
    ErrorCode error{};
    std::string text{};  // Why not.
};

// Of transactions and share groups there are no coordinators. The answer is final: Java's clients take
// INVALID_REQUEST for it and show our text, in a version that has a list of keys. librdkafka asks in an older
// one, would repeat itself until its time is up, and ends at once, with our text too, only when it is told
// that a transactional id is not permitted.
Task<Place> find(Call& call, std::int8_t type) {
    switch (type) {
        case FindCoordinatorRequest::group: {
            auto made = co_await make_group_topic(call);
            if (!made) co_return Place{ErrorCode::coordinator_not_available, made.error()};
            co_return Place{};
        }
        case FindCoordinatorRequest::transaction:
            co_return Place{call.version() < 4 ? ErrorCode::transactional_id_authorization_failed
                                               : ErrorCode::invalid_request,
                            "This broker serves no transactions."};
        case FindCoordinatorRequest::share:
            co_return Place{ErrorCode::invalid_request, "This broker serves no share groups."};
        default: co_return Place{ErrorCode::invalid_request, "There is no such type of coordinator."};
    }
}

}  // namespace

Task<Answer> handle_find_coordinator(Call& call) {
    Arena arena(arrays_budget(call));
    auto request = read<FindCoordinatorRequest>(call, arena);
    if (!request) co_return Answer::close();
    auto found = co_await find(call, request->key_type);
    FindCoordinatorResponse::Coordinator told{};
    told.error_code = found.error;
    bool known = found.error == ErrorCode::none;
    auto& address = call.broker.settings().advertised;
    told.node_id = known ? call.broker.id() : BrokerId{-1};
    told.host = known ? std::string_view(address.host) : "";
    told.port = known ? address.port : -1;
    std::string_view fine = call.version() < 4 ? "NONE" : "";  // As Kafka says it (tests/reference/recorded).
    told.error_message = known ? fine : found.text;
    FindCoordinatorResponse response;
    std::vector<FindCoordinatorResponse::Coordinator> coordinators;
    // A key may be of no bytes, and is answered with a text.
    auto each_bytes = told.error_message->size() + told.host.size() + 20;
    auto about_bytes = call.body.size() + request->coordinator_keys.size() * each_bytes;
    if (!co_await room_for_answer(call, about_bytes)) co_return Answer::close();
    if (call.version() >= 4) {
        for (auto key : request->coordinator_keys) {
            coordinators.push_back(told);
            coordinators.back().key = key;
        }
        response.coordinators = coordinators;
    } else {
        response.error_code = told.error_code;
        response.error_message = told.error_message;
        response.node_id = told.node_id;
        response.host = told.host;
        response.port = told.port;
    }
    co_return answer(call, response);
}

}  // namespace fulmar::kafka
