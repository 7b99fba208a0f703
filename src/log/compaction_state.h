// How far a log is compacted, in the file "compacted" beside its segments. It may say less than was done:
// then that is done again. For jobs.
#pragma once

#include <optional>

#include "base/ids.h"
#include "base/time.h"
#include "log/files.h"

namespace fulmar {

struct CompactionState {
    Offset until{};  // Of what stands in front only the last record of each key is there.
    std::optional<Timestamp> next_horizon{};  // When the first tombstone of that may go.
    bool operator==(const CompactionState&) const = default;
};

Result<> write_compaction_state(Directory& directory, const CompactionState& state);
// Nothing was done when there is no file, or it is damaged.
Result<CompactionState> read_compaction_state(Directory& directory);

}  // namespace fulmar
