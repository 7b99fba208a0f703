// What /metrics shows: the counters of all cores added up, and what the partitions hold now. docs/metrics.md
// lists it all.
#pragma once

#include "broker/broker.h"

namespace fulmar::console {

// Of more partitions than these only sums are told: a scrape stays below some megabytes.
inline constexpr std::size_t detailed_partitions_max = 2'000;

struct MetricsQuery {
    std::string topic{};  // The partitions of this one alone; empty: of all.
};

// Goes to each core, one after the other, and copies there what it needs. Begins and ends on core 0; it may
// run while the broker starts or stops.
Task<std::string> metrics_text(Host& host, Broker& broker, MetricsQuery query, bool ready, Instant started);

}  // namespace fulmar::console
