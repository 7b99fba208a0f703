#include "core/group/pattern.h"

#include <fmt/format.h>
#include <re2/re2.h>

namespace fulmar::group {

TopicMatching::TopicMatching(const cluster::Image& image, const std::set<std::string>& except)
    : image_(image), except_(except) {
    for (auto& [name, topic] : image.topics()) name_bytes_ += name.size() + 1;
}

std::expected<std::set<std::string>, TopicMatching::Unmatched> TopicMatching::match(
    const std::string& pattern) {
    auto refused = [](std::string why) { return std::unexpected(Unmatched{.why = std::move(why)}); };
    if (steps_ >= match_steps_max) return std::unexpected(Unmatched{.for_now = true});
    if (pattern.size() > pattern_bytes_max)
        return refused(fmt::format("it is longer than {} bytes", pattern_bytes_max));
    RE2::Options options(RE2::Quiet);
    options.set_max_mem(1 << 20);
    options.set_never_capture(true);
    RE2 compiled(pattern, options);
    if (!compiled.ok()) return refused(compiled.error());
    auto size = std::uint64_t(compiled.ProgramSize());
    auto steps = (name_bytes_ + compile_steps) * size;
    if (steps > match_steps_max) {
        steps_ += compile_steps * size;  // It was made for nothing.
        return refused("to match it with all topics would cost too much");
    }
    if (steps_ + steps > match_steps_max) return std::unexpected(Unmatched{.for_now = true});
    steps_ += steps;
    std::set<std::string> matched;
    for (auto& [name, topic] : image_.topics())
        if (!except_.contains(name) && RE2::FullMatch(name, compiled)) matched.insert(matched.end(), name);
    return matched;
}

}  // namespace fulmar::group
