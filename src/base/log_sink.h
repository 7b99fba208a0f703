// Where log lines go. One line an event, said by whoever saw it: `log_warning("torn tail cut", ...)`.
// The sink is the world's: io/real writes to standard error, the simulator keeps lines with its trace.
// Set once before any thread starts; then any thread may log. Without a sink lines are dropped.
#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace fulmar {

enum class LogLevel : std::uint8_t { debug, info, warning, error };

struct LogSink {
    virtual ~LogSink() = default;
    virtual void line(LogLevel level, std::string_view text) = 0;
};

// The sink lives until it is replaced. `least`: lines below it are not even formatted.
void set_log_sink(LogSink* sink, LogLevel least);

namespace detail {
extern LogSink* log_sink;
extern LogLevel log_least;
}  // namespace detail

template <class... A>
void log_at(LogLevel level, fmt::format_string<A...> format, A&&... arguments) {
    if (!detail::log_sink || level < detail::log_least) return;
    detail::log_sink->line(level, fmt::format(format, std::forward<A>(arguments)...));
}
template <class... A>
void log_debug(fmt::format_string<A...> format, A&&... arguments) {
    log_at(LogLevel::debug, format, std::forward<A>(arguments)...);
}
template <class... A>
void log_info(fmt::format_string<A...> format, A&&... arguments) {
    log_at(LogLevel::info, format, std::forward<A>(arguments)...);
}
template <class... A>
void log_warning(fmt::format_string<A...> format, A&&... arguments) {
    log_at(LogLevel::warning, format, std::forward<A>(arguments)...);
}
template <class... A>
void log_error(fmt::format_string<A...> format, A&&... arguments) {
    log_at(LogLevel::error, format, std::forward<A>(arguments)...);
}

}  // namespace fulmar
