#include "cli/output.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>

#include "base/text.h"

namespace fulmar::cli {

namespace {

// How many bytes the first character takes; 0 when it is none (RFC 3629: no surrogates, none too long,
// none past U+10FFFF).
std::size_t utf8_length(std::string_view text) {
    auto byte = [&](std::size_t n) { return n < text.size() ? std::uint8_t(text[n]) : 0U; };
    auto follows = [&](std::size_t n) { return (byte(n) & 0xc0) == 0x80; };
    unsigned first = byte(0);
    if (first < 0x80) return 1;
    if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
    if (first >= 0xe0 && first <= 0xef) {
        bool bad = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f);
        return !bad && follows(1) && follows(2) ? 3 : 0;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        bool bad = (first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) > 0x8f);
        return !bad && follows(1) && follows(2) && follows(3) ? 4 : 0;
    }
    return 0;
}

// REQUIRES: one character of UTF-8.
char32_t code_point(std::string_view character) {
    auto first = std::uint8_t(character.front());
    char32_t code = character.size() == 1 ? first : first & (0x7fU >> character.size());
    for (char c : character.substr(1)) code = code << 6 | (std::uint8_t(c) & 0x3f);
    return code;
}
// After Unicode's East Asian Width and its marks without a width, in the blocks where they are common.
std::size_t columns_of(char32_t code) {
    struct Range {
        char32_t first, last;
    };
    constexpr Range none[] = {{0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},   {0x610, 0x61a},
                              {0x64b, 0x65f},   {0xe31, 0xe31},   {0xe34, 0xe3a},   {0xe47, 0xe4e},
                              {0x200b, 0x200f}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}};
    constexpr Range wide[] = {{0x1100, 0x115f},  {0x2e80, 0x303e},   {0x3041, 0xa4cf},   {0xa960, 0xa97f},
                              {0xac00, 0xd7a3},  {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff01, 0xff60},
                              {0xffe0, 0xffe6},  {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1faff},
                              {0x20000, 0x3fffd}};
    auto within = [&](const Range& range) { return code >= range.first && code <= range.last; };
    if (std::ranges::any_of(none, within)) return 0;
    return std::ranges::any_of(wide, within) ? 2 : 1;
}

}  // namespace

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        auto length = utf8_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

std::string json_text(std::string_view text) {
    std::string out = "\"";
    for (char c : text) {
        switch (c) {
            case '"': out += "\\\""; break;
            case '\\': out += "\\\\"; break;
            case '\n': out += "\\n"; break;
            case '\r': out += "\\r"; break;
            case '\t': out += "\\t"; break;
            default:
                if (std::uint8_t(c) < 0x20 || c == 0x7f) out += fmt::format("\\u{:04x}", unsigned(c));
                else out += c;
        }
    }
    return out + '"';
}

std::string base64(Bytes bytes) {
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        unsigned three = 0;
        auto have = std::min<std::size_t>(3, bytes.size() - at);
        for (std::size_t n = 0; n < 3; ++n)
            three = three << 8 | (n < have ? std::to_integer<unsigned>(bytes[at + n]) : 0);
        for (std::size_t n = 0; n < 4; ++n) out += n <= have ? alphabet[three >> (18 - 6 * n) & 63] : '=';
    }
    return out;
}

std::string shown(std::string_view name) {
    if (!is_utf8(name)) return "base64 " + base64(bytes_of(name));
    auto breaks = [](char c) { return std::uint8_t(c) < 0x20 || c == 0x7f || c == '"'; };
    bool plain = !name.empty() && name == trimmed(name) && std::ranges::none_of(name, breaks);
    return plain ? std::string(name) : json_text(name);
}

std::string json_member(std::string_view name, std::string_view bytes) {
    if (is_utf8(bytes)) return fmt::format("\"{}\":{}", name, json_text(bytes));
    return fmt::format("\"{}_base64\":\"{}\"", name, base64(bytes_of(bytes)));
}

std::string counted(std::uint64_t n, std::string_view what) {
    return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

std::string utc(std::int64_t milliseconds) {
    auto seconds = std::time_t(milliseconds / 1000 - (milliseconds % 1000 < 0));
    std::tm parts{};
    if (!::gmtime_r(&seconds, &parts)) return std::to_string(milliseconds);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                       parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                       milliseconds - std::int64_t(seconds) * 1000);
}

std::optional<std::int64_t> parse_utc(std::string_view text) {
    if (auto milliseconds = parse_number<std::int64_t>(text))
        return *milliseconds >= 0 ? milliseconds : std::nullopt;
    // The shape to its end, or to where it may end.
    constexpr std::string_view shape = "dddd-dd-ddTdd:dd:dd.ddd";
    constexpr std::size_t day = 10, minute = 16, second = 19;
    if (text.ends_with('Z')) text.remove_suffix(1);
    auto length = text.size();
    if (length != day && length != minute && length != second && length != shape.size()) return {};
    for (std::size_t n = 0; n < length; ++n) {
        bool digit = text[n] >= '0' && text[n] <= '9';
        if (shape[n] == 'd' ? !digit : text[n] != shape[n]) return {};
    }
    auto number = [&](std::size_t at, std::size_t digits) {
        return at < length ? parse_number<int>(text.substr(at, digits)).value_or(0) : 0;
    };
    std::chrono::year_month_day date{std::chrono::year(number(0, 4)),
                                     std::chrono::month(unsigned(number(5, 2))),
                                     std::chrono::day(unsigned(number(8, 2)))};
    auto hours = number(11, 2), minutes = number(14, 2), seconds = number(17, 2);
    if (!date.ok() || hours > 23 || minutes > 59 || seconds > 59) return {};
    auto days = std::chrono::sys_days(date).time_since_epoch().count();
    return (((std::int64_t(days) * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000 + number(20, 3);
}

std::size_t columns(std::string_view text) {
    if (!is_utf8(text)) return text.size();
    std::size_t sum = 0;
    while (!text.empty()) {
        auto length = utf8_length(text);
        sum += columns_of(code_point(text.substr(0, length)));
        text.remove_prefix(length);
    }
    return sum;
}

std::string table(const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::size_t> widths;
    for (auto& row : rows) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t n = 0; n < row.size(); ++n) widths[n] = std::max(widths[n], columns(row[n]));
    }
    std::string out;
    for (auto& row : rows) {
        for (std::size_t n = 0; n < row.size(); ++n)
            out += row[n] + (n + 1 < row.size() ? std::string(widths[n] - columns(row[n]) + 2, ' ') : "\n");
    }
    return out;
}

}  // namespace fulmar::cli
