// FindCoordinator: which broker keeps a group's, a transaction's or a share group's state. Values; they
// own nothing (wire/wire.h).
#pragma once

#include "wire/kafka/errors.h"
#include "wire/wire.h"

namespace fulmar::kafka {
using wire::since, wire::until, wire::nullable;

// One key until version 3, a list of them from 4. Version 0 knows groups only.
struct FindCoordinatorRequest {
    static constexpr int key = 10, oldest = 0, newest = 6, flexible_since = 3;

    // What a key names. A share coordinator's is "group:topic id:partition", since version 6.
    static constexpr std::int8_t group = 0, transaction = 1, share = 2;

    std::string_view coordinator_key;  // The protocol calls it "key".
    std::int8_t key_type = group;
    std::span<std::string_view> coordinator_keys;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.coordinator_key, until(3));
        wire(m.key_type, since(1));
        wire(m.coordinator_keys, since(4));
    }
};

struct FindCoordinatorResponse {
    static constexpr int key = 10, oldest = 0, newest = 6, flexible_since = 3;

    struct Coordinator {
        std::string_view key;
        BrokerId node_id{};
        std::string_view host;
        std::int32_t port = 0;
        ErrorCode error_code{};
        std::optional<std::string_view> error_message;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.key);
            wire(m.node_id);
            wire(m.host);
            wire(m.port);
            wire(m.error_code);
            wire(m.error_message, since(4), nullable(4));
        }
    };

    std::int32_t throttle_time_ms = 0;
    ErrorCode error_code{};
    std::optional<std::string_view> error_message;
    BrokerId node_id{};
    std::string_view host;
    std::int32_t port = 0;
    std::span<Coordinator> coordinators;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.throttle_time_ms, since(1));
        wire(m.error_code, until(3));
        wire(m.error_message, {1, 3}, nullable(1, 3));
        wire(m.node_id, until(3));
        wire(m.host, until(3));
        wire(m.port, until(3));
        wire(m.coordinators, since(4));
    }
};

}  // namespace fulmar::kafka

FULMAR_WIRE(extern, fulmar::kafka::FindCoordinatorRequest);
FULMAR_WIRE(extern, fulmar::kafka::FindCoordinatorResponse);
