#include "io/real/stderr_log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace fulmar::real {

namespace {

class SpdlogSink final : public LogSink {
public:
    SpdlogSink() : logger_("fulmar", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
        logger_.set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
        logger_.set_level(spdlog::level::debug);
    }
    void line(LogLevel level, std::string_view text) override {
        constexpr spdlog::level::level_enum theirs[] = {spdlog::level::debug, spdlog::level::info,
                                                        spdlog::level::warn, spdlog::level::err};
        logger_.log(theirs[std::size_t(level)], "{}", text);
    }

private:
    spdlog::logger logger_;
};

}  // namespace

void log_to_stderr(LogLevel least) {
    static SpdlogSink sink;
    set_log_sink(&sink, least);
}

}  // namespace fulmar::real
