#include "core/group/pattern.h"

#include <fmt/format.h>
#include <re2/re2.h>

namespace fulmar::group {

std::expected<std::set<std::string>, std::string> match_topics(const std::string& pattern,
                                                               const cluster::Image& image,
                                                               const std::set<std::string>& except) {
    if (pattern.size() > pattern_bytes_max)
        return std::unexpected(fmt::format("it is longer than {} bytes", pattern_bytes_max));
    RE2::Options options(RE2::Quiet);
    options.set_max_mem(1 << 20);
    options.set_never_capture(true);
    RE2 compiled(pattern, options);
    if (!compiled.ok()) return std::unexpected(compiled.error());
    std::uint64_t bytes = 0;
    for (auto& [name, topic] : image.topics()) bytes += name.size() + 1;
    if (bytes * std::uint64_t(compiled.ProgramSize()) > match_steps_max)
        return std::unexpected(std::string("to match it with all topics would cost too much"));
    std::set<std::string> matched;
    for (auto& [name, topic] : image.topics())
        if (!except.contains(name) && RE2::FullMatch(name, compiled)) matched.insert(matched.end(), name);
    return matched;
}

}  // namespace fulmar::group
