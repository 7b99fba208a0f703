// InitProducerId: a producer asks for its id, or for the next epoch of it. Values; they own nothing
// (wire/wire.h).
#pragma once

#include "wire/kafka/errors.h"
#include "wire/wire.h"

namespace fulmar::kafka {
using wire::since, wire::nullable;

struct InitProducerIdRequest {
    static constexpr int key = 22, oldest = 0, newest = 5, flexible_since = 2;

    std::optional<std::string_view> transactional_id;
    std::int32_t transaction_timeout_ms = 0;
    ProducerId producer_id = no_producer;
    std::int16_t producer_epoch = -1;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.transactional_id, since(0), nullable(0));
        wire(m.transaction_timeout_ms);
        wire(m.producer_id, since(3));
        wire(m.producer_epoch, since(3));
    }
};

struct InitProducerIdResponse {
    static constexpr int key = 22, oldest = 0, newest = 5, flexible_since = 2;

    std::int32_t throttle_time_ms = 0;
    ErrorCode error_code{};
    ProducerId producer_id = no_producer;
    std::int16_t producer_epoch = 0;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.throttle_time_ms);
        wire(m.error_code);
        wire(m.producer_id);
        wire(m.producer_epoch);
    }
};

}  // namespace fulmar::kafka

FULMAR_WIRE(extern, fulmar::kafka::InitProducerIdRequest);
FULMAR_WIRE(extern, fulmar::kafka::InitProducerIdResponse);
