// The leader epochs of a partition and where each began (KIP-101), in the file "epochs" beside its segments.
// While there was only one it is not there: the first batch says which. For jobs.
#pragma once

#include <vector>

#include "log/log_view.h"
#include "log/partition_files.h"

namespace fulmar {

Result<> write_epochs(Directory& directory, const std::vector<EpochStart>& epochs,
                      const std::string& name = epochs_file_name);
// Empty when the file is damaged: then what is read of the log says what it can.
Result<std::vector<EpochStart>> read_epochs(Directory& directory);

}  // namespace fulmar
