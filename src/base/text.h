// Small readings of ASCII text, whatever the locale: numbers, letters, blanks. Functions of their arguments;
// any thread.
#pragma once

#include <charconv>
#include <concepts>
#include <optional>
#include <string_view>
#include <system_error>

namespace fulmar {

// The number that the whole of `text` writes, integers in `base`; nothing when it is none, or out of T's
// range. No blanks, no '+', no "0x".
template <class T>
std::optional<T> parse_number(std::string_view text, int base = 10) {
    T value{};
    std::from_chars_result read{};
    if constexpr (std::integral<T>)
        read = std::from_chars(text.data(), text.data() + text.size(), value, base);
    else read = std::from_chars(text.data(), text.data() + text.size(), value);
    if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
    return value;
}

constexpr bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; }
constexpr char upper(char c) { return c >= 'a' && c <= 'z' ? char(c - 'a' + 'A') : c; }

// Without the blanks at both ends.
constexpr std::string_view trimmed(std::string_view text) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
    return text;
}

}  // namespace fulmar
