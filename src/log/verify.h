// Verify: reads all of a partition that no broker serves, with checksums, holds against it what stands beside
// it (indexes, snapshots, epochs, the checkpoint), and says what is not what was written. It changes nothing.
// For jobs.
//
// Offsets are dense in every log: what compaction takes out leaves an empty batch, and so does a repair. So
// where offsets are left out, something is missing. What lies behind the recovery point after a crash is no
// damage: the next start cuts it off, as it does after every crash.
#pragma once

#include <functional>

#include "log/partition_files.h"
#include "log/recovery.h"
#include "log/segment_scan.h"

namespace fulmar {

// What is wrong in a file of the partition, or with the whole: then `file` is empty.
struct Damage {
    std::string file;
    std::uint64_t position = 0, bytes = 0;
    std::optional<Offset> from{}, until{};  // Offsets that cannot be read any more.
    std::string what;
    bool operator==(const Damage&) const = default;
};

struct PartitionAudit {
    struct Segment {
        SegmentName name;
        Offset base{};
        std::uint64_t size = 0;
        std::vector<ScanPiece> damaged;  // Without batches.
        LogPoint end;                    // Behind the last right batch, its position one in this file.
        std::int32_t epoch = 0;          // Of that.
        std::int32_t first_epoch = 0;
        bool index_right = true;  // Or not there.
        // Of all, as far as the index knew; -1: not known.
        Timestamp appended{-1};
    };
    struct Snapshot {
        Offset at{};
        bool right = false;
        Offset segment{};
        std::uint64_t position = 0;
    };
    PartitionId id{};
    std::string directory;  // Empty when it has none.
    RecoveryPoint point{};
    std::vector<Segment> segments;
    std::vector<Snapshot> snapshots;
    std::vector<SegmentName> indexes_alone;       // Without their segment.
    std::vector<EpochStart> epochs, epochs_seen;  // By the file; by the batches.
    bool epochs_right = true;                     // Or not there.
    bool point_right = true;                      // It is a boundary.
    Offset start{}, end{};
    Offset end_segment{};            // Where the end is: in that segment,
    std::uint64_t end_position = 0;  // at that place.
    // The largest offset that anything here knows to have been given.
    Offset given{};
    // The log ends in front of what was durable, or nobody knows where.
    bool end_lost = false;
    // The last segment that is there is a compacted one, which ends for good.
    bool active_missing = false;
    // How far the file says that it is compacted is behind its end.
    bool compacted_too_far = false;
    // The recovery point is no help: all right batches that are there count.
    bool believed = false;
    std::uint64_t torn_bytes = 0;  // What the next start cuts off.
    std::uint64_t bytes = 0, batches = 0, records = 0;
    // Batches without records that no producer sent, and how many offsets have no record in all.
    std::uint64_t holes = 0, offsets_left_out = 0;
    std::vector<Damage> damage;
};

struct AuditRules {
    bool clean = false;               // The last stop was.
    bool checkpoint_damaged = false;  // Then `point` says nothing, and the log is believed to its end.
    // Told of bytes as they are read; gives false to end it, and then the error is `closed`.
    std::function<bool(std::uint64_t bytes)> progress{};
};

// `directory`: the partition's in `data`; empty when it has none.
Result<PartitionAudit> audit_partition(Directory& data, const PartitionId& id, const std::string& directory,
                                       const RecoveryPoint& point, const AuditRules& rules);

}  // namespace fulmar
