// Finds records by their time stamps. Reads headers from the file, and opens the one batch that matters: for
// a job. Where to begin, the partition's index says (PartitionLog::before_time).
#pragma once

#include "log/partition_log.h"

namespace fulmar {

struct TimedOffset {
    Timestamp timestamp{-1};
    Offset offset{-1};
    std::int32_t leader_epoch = -1;
};

// The first record in [from, limit) with this time stamp or a later one; offset -1 when there is none.
Result<TimedOffset> find_time(File& file, LogPoint from, LogPoint limit, Timestamp at);
// The largest time stamp in [from, limit), or `so_far` when that is larger.
Result<Timestamp> largest_time(File& file, LogPoint from, LogPoint limit, Timestamp so_far);

}  // namespace fulmar
