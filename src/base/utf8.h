// UTF-8 as Java reads it: what is none counts as U+FFFD, one for each longest piece that could have begun a
// character (Unicode 15, 3.9, "substitution of maximal subparts"). Functions of their arguments; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace fulmar {

struct Character {
    std::uint32_t code = 0;  // U+FFFD for what is none.
    std::size_t bytes = 0;   // That it takes, 1 to 4.
    bool valid = true;
};
// REQUIRES: the text is not empty.
Character first_character(std::string_view text);

// The text with that in the place of what is none; where it would get longer than `bytes_max` so, with '?',
// which is never longer than what it stands for.
std::string as_utf8(std::string_view text, std::size_t bytes_max);

}  // namespace fulmar
