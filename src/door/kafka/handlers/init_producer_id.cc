#include "wire/kafka/init_producer_id.h"

#include "door/kafka/handlers/handlers.h"

namespace fulmar::kafka {

Task<Answer> handle_init_producer_id(Call& call) {
    Arena arena(arrays_budget(call));
    auto request = read<InitProducerIdRequest>(call, arena);
    if (!request) co_return Answer::close();
    InitProducerIdResponse response;
    response.producer_epoch = -1;
    bool half = (request->producer_id == no_producer) != (request->producer_epoch == -1);
    // With a transactional id, even an empty one: there are no transactions.
    if (request->transactional_id || half) {
        response.error_code = ErrorCode::invalid_request;
        co_return answer(call, response);
    }
    auto next = [](ControllerHost& controller) { return controller.next_producer_id(); };
    auto id = co_await ask_controller(call, next);
    if (id) {
        response.producer_id = *id;
        response.producer_epoch = 0;
    } else {
        response.error_code = ErrorCode::coordinator_not_available;
    }
    co_return answer(call, response);
}

}  // namespace fulmar::kafka
