// Recovery: reads a partition's log after a start, decides where it ends, and rebuilds what is only in
// memory. For a job; all of it is synchronous.
//
// Below the recovery point everything was durable once. Recovery reads of it only the headers behind the
// newest snapshot of the producers and the last index entry; what is damaged there shows when it is read
// (log/segment_read.h), and costs its own batches alone. Only when the log ends in front of the recovery
// point nobody knows its end: then what is there is served, and nothing is appended. Above it the log is cut
// at the first bad batch, as a power cut leaves it torn there; if a valid batch follows all the same, the cut
// bytes are kept in quarantine/ and the possible loss is told. What is kept is synced, because after a kill
// bytes in the page cache are not yet durable.
#pragma once

#include "core/producer/sequences.h"
#include "log/partition_log.h"

namespace fulmar {

// What the last life is known to have made durable: a boundary, and where it lies on the disk.
struct RecoveryPoint {
    Offset offset{};
    Offset segment{};            // The base of the segment that it lies in,
    std::uint64_t position = 0;  // and where in that file.
    Offset log_start{};
    Timestamp appended{-1};  // When the last batch in front of it was; -1: not known.
    bool operator==(const RecoveryPoint&) const = default;
};

struct RecoveryRules {
    // After a clean stop the log ends just at its recovery point: what is torn behind that was not left by a
    // crash.
    bool clean = false;
    // No batch was written in a later one. No checksum covers a batch's epoch; this does.
    std::int32_t leader_epoch_max = INT32_MAX;
    std::uint64_t index_interval_bytes = Index::usual_interval_bytes;
    Clocks clocks{};
};

struct Recovered {
    PartitionLog log;
    Sequences sequences;
    LogPoint snapshot;     // Where the snapshot stands that the producers came from.
    bool damaged = false;  // Nobody knows where it ends: nothing may be appended.
    std::uint64_t bytes_cut = 0;
    bool loss_possible = false;  // A valid batch lay behind a bad one.
};

// `name` is the partition's directory in `data`, whose names are synced (DataDirectory::partitions).
// `missing` when it is not there.
Result<Recovered> recover(Directory& data, const std::string& name, const RecoveryPoint& point,
                          const RecoveryRules& rules);

}  // namespace fulmar
