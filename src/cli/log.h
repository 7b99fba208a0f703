// fulmar log dump|verify|repair|accept: a data directory that no broker serves, looked at and mended.
#pragma once

#include <expected>

#include "cli/options.h"
#include "cli/output.h"

namespace fulmar::cli {

Outcome run(const LogDumpOptions& options);  // log_dump.cc
Outcome run(const LogRepairOptions& options);
Outcome run(const LogAcceptOptions& options);
// What the process ends with: `exit_damaged` when something is.
std::expected<int, std::string> run(const LogVerifyOptions& options);

}  // namespace fulmar::cli
