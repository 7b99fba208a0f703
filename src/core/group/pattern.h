// Regular expressions by which members of a consumer group subscribe (KIP-848), in RE2's syntax
// (github.com/google/re2/wiki/Syntax), which is matched in linear time, whatever the expression. Pure.
#pragma once

#include <expected>
#include <set>
#include <string>

#include "core/cluster/image.h"

namespace fulmar::group {

// A longer one, or one that makes a larger program, is refused: what a match costs, at worst, is a step of
// the program for each byte of a name.
inline constexpr std::size_t pattern_bytes_max = 4'096;
inline constexpr std::uint64_t match_steps_max = 50'000'000;

// The topics whose whole name it matches, but none of `except`. An error: it is none, or costs too much; says
// why.
std::expected<std::set<std::string>, std::string> match_topics(const std::string& pattern,
                                                               const cluster::Image& image,
                                                               const std::set<std::string>& except);

}  // namespace fulmar::group
