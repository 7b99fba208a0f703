// Recovery: reads a partition's log after a start, decides where it ends, and rebuilds what is only in
// memory. For a job; all of it is synchronous.
//
// Below the recovery point everything was durable once, so a bad batch is damage: nothing is cut, what
// lies before it is served, and nothing is appended. Above it the log is cut at the first bad batch, as a
// power cut leaves it torn there; if a valid batch follows all the same, the cut bytes are kept in
// quarantine/ and the possible loss is told. What is kept is synced, because after a kill bytes in the page
// cache are not yet durable.
#pragma once

#include "log/partition_log.h"

namespace fulmar {

// What the last life is known to have made durable.
struct RecoveryPoint {
    Offset offset{};
    // After a clean stop the log ends just there: what is torn behind it was not left by a crash.
    bool clean = false;
    // No batch was written in a later one. No checksum covers a batch's epoch; this does.
    std::int32_t leader_epoch = INT32_MAX;
};

struct Recovered {
    PartitionLog log;
    Sequences sequences;
    std::optional<LogPoint> damaged_at;  // Nothing may be appended.
    std::uint64_t bytes_cut = 0;
    bool loss_possible = false;  // A valid batch lay behind a bad one.
};

// `name` is the partition's directory in `data`. `missing` when it is not there.
Result<Recovered> recover(Directory& data, const std::string& name, RecoveryPoint point, Instant now);

}  // namespace fulmar
