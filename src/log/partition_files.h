// The files of a partition's directory by their names: what is there after a start, and where what does not
// belong there goes. For jobs.
#pragma once

#include <vector>

#include "log/index.h"

namespace fulmar {

struct PartitionFiles {
    std::vector<SegmentName> segments;       // Those that live, in the order of offsets.
    std::vector<SegmentName> indexes;        // All that are there.
    std::vector<SegmentName> indexes_alone;  // Whose segment is not there, though nothing has replaced it.
    std::vector<SegmentName> dead;           // What compaction has replaced.
    std::vector<Offset> snapshots;
    bool epochs = false;
    std::vector<Directory::Entry> others;  // Of no name of ours.
    // Where the n-th segment ends for good; nothing of one that may still grow.
    std::optional<Offset> end_of(std::size_t n) const;
};
// Changes nothing.
Result<PartitionFiles> name_partition_files(Directory& directory);
// Removes what a crash has left half made (".tmp") and what compaction has replaced, and moves
// what has no name of ours to `data`'s quarantine/, under `name`, the partition's directory. `others` is
// empty then.
Result<PartitionFiles> list_partition(Directory& data, Directory& directory, const std::string& name);

// Copies what stands from `position` on, up to `until`, into a file of quarantine/, and moves a file there:
// under names made of `as`, durably.
Result<> keep_in_quarantine(Directory& data, const std::string& as, File& from, std::uint64_t position,
                            std::uint64_t until);
Result<> move_to_quarantine(Directory& data, Directory& from, const std::string& name, const std::string& as);

// A segment, its index and nothing else; `missing` files are no error.
Result<> remove_segment(Directory& directory, const SegmentName& segment);

inline constexpr const char* epochs_file_name = "epochs";
inline constexpr const char* compacted_file_name = "compacted";

}  // namespace fulmar
