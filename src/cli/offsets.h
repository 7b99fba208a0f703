// Where partitions begin and end, and what is where at a time, as the broker tells it (ListOffsets).
#pragma once

#include <cstdint>
#include <vector>

#include "cli/connection.h"

namespace fulmar::cli {

// In the order of the partitions that were asked about. `at`: a time, or ListOffsetsRequest::earliest or
// latest. An offset of -1: nothing is as late as that.
using OffsetOrError = std::expected<std::int64_t, kafka::ErrorCode>;
std::expected<std::vector<OffsetOrError>, std::string> ask_offsets(
    Connection& broker, const std::string& topic, const std::vector<std::int32_t>& partitions, Timestamp at);

// The same, where each has to have one.
std::expected<std::vector<std::int64_t>, std::string> offsets_at(Connection& broker, const std::string& topic,
                                                                 const std::vector<std::int32_t>& partitions,
                                                                 Timestamp at);
// Those at a time, and of what is not so late the end, as it was before it was asked for.
std::expected<std::vector<std::int64_t>, std::string> offsets_at_time(
    Connection& broker, const std::string& topic, const std::vector<std::int32_t>& partitions, Timestamp at);

}  // namespace fulmar::cli
