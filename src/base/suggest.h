// "did you mean orders?": the known word that a mistyped one is nearest to. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace fulmar {

// How many letters were left out, added, changed or swapped with their neighbour, at least.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The nearest of `known`, the first of equals; nothing when none is near: over a third of its letters
// would have to change.
std::optional<std::string_view> nearest(std::string_view word, std::span<const std::string_view> known);

// "; did you mean orders?", or nothing. For the end of an error.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> known);

}  // namespace fulmar
