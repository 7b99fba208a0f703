// Ranges of a log that are not in the page cache: read ahead by a job, so that no loop waits for the disk,
// and their checksums looked at, because these bytes come from the disk. Functions; any thread.
#pragma once

#include "log/partition_log.h"

namespace fulmar {

// Whether sending the range would not wait for the disk, as far as its first and last page tell.
bool is_cached(const FileRange& range);

// Brings the range into the page cache. `damaged` when a batch in it is not what was written; its last batch
// may be cut short. `base` is the offset of the first. For a job.
Result<> read_ahead(const FileRange& range, Offset base);

}  // namespace fulmar
