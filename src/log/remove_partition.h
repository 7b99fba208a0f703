// Takes a partition's directory off the disk, once its topic is deleted. For a job.
#pragma once

#include "log/files.h"

namespace fulmar {

// Removes the directory `name` from `data`, with whatever files are in it; no error when it is not there, so
// it may be done again after a crash at any point. It is gone for good only once `data` was synced. Files
// that are still open stay readable.
Result<> remove_partition(Directory& data, const std::string& name);

}  // namespace fulmar
