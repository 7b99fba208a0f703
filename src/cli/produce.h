// fulmar produce: values, or lines of standard input, to a topic.
#pragma once

#include "cli/options.h"
#include "cli/output.h"

namespace fulmar::cli {

// Done when every message is acknowledged; what was not is counted in the error.
Outcome run(const ProduceOptions& options);

}  // namespace fulmar::cli
