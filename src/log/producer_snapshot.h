// Snapshots of what a partition knows of its producers, so that recovery reads only what came later. A file
// beside the segments, "00000000000000000042.producers", named by the offset it stands at: what producers
// wrote in front of that is in it. Whole or not there: it ends with its checksum. For jobs.
#pragma once

#include "core/producer/sequences.h"
#include "log/index.h"

namespace fulmar {

struct ProducerSnapshot {
    // The boundary it stands at: its segment, and the position in that file.
    Offset offset{}, segment{};
    std::uint64_t position = 0;
    std::vector<Sequences::State> producers;
};

// `durable`: it must outlive a power cut. Others may be lost, and an older one is good instead. Snapshots
// that nobody can need any more go: all in front of `recovers_in`, the segment in which the last checkpoint
// lets a recovery begin, but for the newest two and that of `segment`'s start. What is compacted in front of
// `recovers_in` does not tell any more what these tell.
Result<> write_snapshot(Directory& directory, const ProducerSnapshot& snapshot, bool durable,
                        Offset recovers_in);
// The newest one that is whole and stands at or in front of `until`; nothing when there is none. `names`: of
// the files that are there.
Result<std::optional<ProducerSnapshot>> newest_snapshot(Directory& directory,
                                                        const std::vector<Offset>& offsets, Offset until);

// That one; nothing when it is not what was written.
Result<std::optional<ProducerSnapshot>> read_snapshot(Directory& directory, Offset at);
// Only the file, durably, under any name that is not taken.
Result<> write_snapshot_file(Directory& directory, const std::string& name, const ProducerSnapshot& snapshot);

std::string snapshot_file_name(Offset at);

}  // namespace fulmar
