#include "base/log_sink.h"

namespace fulmar {

namespace detail {
LogSink* log_sink = nullptr;
LogLevel log_least = LogLevel::info;
}  // namespace detail

void set_log_sink(LogSink* sink, LogLevel least) {
    detail::log_sink = sink;
    detail::log_least = least;
}

}  // namespace fulmar
