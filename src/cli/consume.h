// fulmar consume: a topic's messages on standard output.
#pragma once

#include "cli/options.h"
#include "cli/output.h"

namespace fulmar::cli {

// Follows the topic until it is interrupted, unless the options say where to end.
Outcome run(const ConsumeOptions& options);
// The same as a member of a group: consume_group.cc. REQUIRES: the options name one.
Outcome run_in_group(const ConsumeOptions& options);

}  // namespace fulmar::cli
