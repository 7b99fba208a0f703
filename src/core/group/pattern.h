// Regular expressions by which members of a consumer group subscribe (KIP-848), in RE2's syntax
// (github.com/google/re2/wiki/Syntax), which is matched in linear time, whatever the expression. Pure.
#pragma once

#include <expected>
#include <set>
#include <string>

#include "core/cluster/image.h"

namespace fulmar::group {

// A longer one is refused, and one that takes more steps: what a match costs, at worst, is a step of the
// program for each byte of a name, and to make the program as much as `compile_steps` for each of its
// instructions.
//
// Measured with RE2 2022-06-01 on an AMD EPYC: an instruction is made in 130 to 1,000 ns; a step takes 0.01
// to 1 ns where RE2 knows all states of the expression, and up to 18 ns where names and expression are made
// to have too many. The longest that was found for 50 million steps is a second; before all patterns of a
// group shared them, it was that for each of them. A pattern like "orders-.*" makes a program of 20
// instructions, for which they are enough with 100,000 topics of 24 bytes.
inline constexpr std::size_t pattern_bytes_max = 4'096;
inline constexpr std::uint64_t match_steps_max = 50'000'000, compile_steps = 100;

// Holds patterns against topics, one after another. All together take no more steps than one alone may, since
// nobody else is served meanwhile: the rest has to be matched another time.
class TopicMatching {
public:
    struct Unmatched {
        std::string why{};
        bool for_now = false;  // It would be too much after those before it; alone it may do.
    };

    // No pattern matches `except`. Both outlive this.
    TopicMatching(const cluster::Image& image, const std::set<std::string>& except);
    // The topics whose whole name it matches. An error: it is no pattern, or costs too much.
    std::expected<std::set<std::string>, Unmatched> match(const std::string& pattern);

private:
    const cluster::Image& image_;
    const std::set<std::string>& except_;
    std::uint64_t name_bytes_ = 0;
    std::uint64_t steps_ = 0;  // That all took.
};

}  // namespace fulmar::group
