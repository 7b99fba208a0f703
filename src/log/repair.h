// Repair: makes a damaged partition usable again, while no broker serves it. What is damaged is kept in
// quarantine/, and in its place comes a hole: a batch without records over the offsets that are lost, as
// compaction leaves one, which every consumer passes. So offsets stay dense for whoever reads headers, and
// none is ever given to other data. Where nobody knows how far a log went, its next offset is moved on by
// more than can have been acknowledged since the last checkpoint.
//
// Decided first (`repair_of`, pure), so that it can be told; then carried out, all partitions at once: after
// any crash either all is as it was, or all is repaired (log/repair_plan.h). For jobs.
#pragma once

#include "log/data_directory.h"
#include "log/verify.h"

namespace fulmar {

struct PartitionRepair {
    // A piece of a new segment file: bytes of the old one, or a hole.
    struct Part {
        enum class Kind : std::uint8_t {
            copy,
            hole,
            placed
        };  // Placed: a right batch, told where it stands.
        Kind kind{};
        SegmentName old_segment{};
        std::uint64_t position = 0, bytes = 0;
        Offset from{}, until{};
        std::int32_t leader_epoch = 0;
    };
    struct NewSegment {
        SegmentName name;
        Offset base{};
        std::vector<Part> parts;
        Timestamp appended{-1};
    };
    PartitionAudit audit;
    std::vector<NewSegment> segments;  // Written anew, the others stay as they are.
    bool point_moves = false;          // To where the log ends.
    Offset start{}, end{};             // Of the log afterwards.
    std::vector<std::string> says;     // What is done, for people.
};
// What offsets are moved on by where it is not known how many were given. A checkpoint is written every
// second; no disk takes a thousand million records in that time.
inline constexpr std::int64_t unknown_offsets = 1 << 30;

// Nothing when nothing is to be done.
std::optional<PartitionRepair> repair_of(const PartitionAudit& audit, bool clean);

// Carries them out, and opens each log as a broker does to see that it is right: `damaged` when one is not.
// `clocks` stamp what nobody knows the age of. After an error in front of the plan nothing has changed.
Result<> repair(const DataDirectory& data, const std::vector<PartitionRepair>& repairs, Clocks clocks);

// A batch without records over [from, until). REQUIRES: from < until, at most 2^31 - 1 offsets.
std::vector<std::byte> hole_batch(Offset from, Offset until, std::int32_t leader_epoch);

}  // namespace fulmar
