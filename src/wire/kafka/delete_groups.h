// DeleteGroups: groups that have no members go, with all they have committed. Values; they own nothing
// (wire/wire.h).
#pragma once

#include "wire/kafka/errors.h"
#include "wire/wire.h"

namespace fulmar::kafka {

struct DeleteGroupsRequest {
    static constexpr int key = 42, oldest = 0, newest = 2, flexible_since = 2;

    std::span<std::string_view> groups_names;

    static constexpr void fields(auto& m, auto& wire) { wire(m.groups_names); }
};

struct DeleteGroupsResponse {
    static constexpr int key = 42, oldest = 0, newest = 2, flexible_since = 2;

    struct Result {
        std::string_view group_id;
        ErrorCode error_code{};
        static constexpr void fields(auto& m, auto& wire) {
            wire(m.group_id);
            wire(m.error_code);
        }
    };

    std::int32_t throttle_time_ms = 0;
    std::span<Result> results;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.throttle_time_ms);
        wire(m.results);
    }
};

}  // namespace fulmar::kafka

FULMAR_WIRE(extern, fulmar::kafka::DeleteGroupsRequest);
FULMAR_WIRE(extern, fulmar::kafka::DeleteGroupsResponse);
