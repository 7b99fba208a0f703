// The program behind its command line: parses it, runs the verb, prints what went wrong.
#pragma once

#include <functional>

#include "cli/options.h"

namespace fulmar::cli {

// Serves until asked to stop, and returns what the process ends with.
using Serve = std::function<int(const ServeOptions&)>;

// What the process ends with: 0 done, 1 failed, 2 used wrongly, 3 damage found.
int run_command(int argc, char** argv, const Serve& serve);

}  // namespace fulmar::cli
