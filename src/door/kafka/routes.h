// Routes: what this door speaks, one row an API. ApiVersions advertises the table; a connection looks each
// request up in it. A new API is a handler's file and a row.
#pragma once

#include <span>

#include "door/kafka/call.h"

namespace fulmar::kafka {

struct Route {
    std::string_view name;  // Kafka's.
    std::int16_t key;
    std::int16_t oldest, newest;  // As advertised.
    std::int16_t served_since;    // Below it the connection is closed, although it is advertised.
    std::int16_t flexible_since;
    bool overlaps;  // May run beside others of its kind on one connection; else it runs alone.
    Handler handler;
};

std::span<const Route> routes();
const Route* find_route(std::int16_t key);
// One for each row, in their order.
std::vector<RequestCounters> request_counters();
RequestCounters& counters_of(const Route& route, Counters& counters);

}  // namespace fulmar::kafka
