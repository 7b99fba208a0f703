// DescribeCluster: the brokers, and who controls them. Values; they own nothing (wire/wire.h).
#pragma once

#include "wire/kafka/errors.h"
#include "wire/wire.h"

namespace fulmar::kafka {
using wire::since, wire::nullable;

struct DescribeClusterRequest {
    static constexpr int key = 60, oldest = 0, newest = 2, flexible_since = 0;

    bool include_cluster_authorized_operations = false;
    std::int8_t endpoint_type = 1;  // 1: brokers; 2: controllers.
    bool include_fenced_brokers = false;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.include_cluster_authorized_operations);
        wire(m.endpoint_type, since(1));
        wire(m.include_fenced_brokers, since(2));
    }
};

struct DescribeClusterResponse {
    static constexpr int key = 60, oldest = 0, newest = 2, flexible_since = 0;

    struct Broker {
        BrokerId broker_id{};
        std::string_view host;
        std::int32_t port = 0;
        std::optional<std::string_view> rack;
        bool is_fenced = false;
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.broker_id);
            wire(m.host);
            wire(m.port);
            wire(m.rack, since(0), nullable(0));
            wire(m.is_fenced, since(2));
        }
    };

    std::int32_t throttle_time_ms = 0;
    ErrorCode error_code{};
    std::optional<std::string_view> error_message;
    std::int8_t endpoint_type = 1;
    std::string_view cluster_id;
    BrokerId controller_id{-1};
    std::span<Broker> brokers;
    std::int32_t cluster_authorized_operations = INT32_MIN;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.throttle_time_ms);
        wire(m.error_code);
        wire(m.error_message, since(0), nullable(0));
        wire(m.endpoint_type, since(1));
        wire(m.cluster_id);
        wire(m.controller_id);
        wire(m.brokers);
        wire(m.cluster_authorized_operations);
    }
};

}  // namespace fulmar::kafka

FULMAR_WIRE(extern, fulmar::kafka::DescribeClusterRequest);
FULMAR_WIRE(extern, fulmar::kafka::DescribeClusterResponse);
