#include "base/utf8.h"

#include <algorithm>

namespace fulmar {

Character first_character(std::string_view text) {
    auto at = [&](std::size_t n) { return std::uint8_t(text[n]); };
    auto first = at(0);
    if (first < 0x80) return {first, 1};
    if (first < 0xc2 || first > 0xf4) return {0xfffd, 1, false};
    std::size_t more = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    // Neither longer than need be, nor half of a pair of UTF-16, nor beyond the last.
    std::uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    std::uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    std::uint32_t code = first & (0x3fU >> more);
    for (std::size_t used = 1; used <= more; ++used) {
        if (used == text.size() || at(used) < low || at(used) > high) return {0xfffd, used, false};
        code = code << 6 | (at(used) & 0x3f);
        low = 0x80, high = 0xbf;
    }
    return {code, more + 1};
}

std::string as_utf8(std::string_view text, std::size_t bytes_max) {
    if (std::ranges::all_of(text, [](char c) { return std::uint8_t(c) < 0x80; })) return std::string(text);
    auto with = [&](std::string_view instead) {
        std::string all;
        for (auto rest = text; !rest.empty();) {
            auto next = first_character(rest);
            all += next.valid ? rest.substr(0, next.bytes) : instead;
            rest.remove_prefix(next.bytes);
        }
        return all;
    };
    auto all = with("\xef\xbf\xbd");
    return all.size() <= bytes_max ? all : with("?");
}

}  // namespace fulmar
