// Log lines on standard error, one an event, with the time and the level. Any thread.
#pragma once

#include "base/log_sink.h"

namespace fulmar::real {

// For the rest of the process's life.
void log_to_stderr(LogLevel least);

}  // namespace fulmar::real
