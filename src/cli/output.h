// What verbs print, and how they fail. Texts only.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace fulmar::cli {

// Of a verb that could not do what was asked: a sentence for people, and what to do next.
using Outcome = std::expected<void, std::string>;

bool is_utf8(std::string_view text);
// "\"text\"", escaped. REQUIRES: UTF-8.
std::string json_text(std::string_view text);
std::string base64(Bytes bytes);
// A name of any bytes as it stands in a sentence or a table: itself, or in quotes and escaped where it would
// not be seen or would break the line ("", " a", a tab), or "base64 ...".
std::string shown(std::string_view name);
// The member `"name":"text"`, or `"name_base64":"..."` when the bytes are no text.
std::string json_member(std::string_view name, std::string_view bytes);

// "1 message", "2 messages".
std::string counted(std::uint64_t n, std::string_view what);
// "2026-11-24T09:00:00.123Z". Milliseconds since 1970.
std::string utc(std::int64_t milliseconds);
// The same backwards; the milliseconds, the seconds or all of the time of day may be left out, or it is the
// milliseconds themselves. Nothing when it is none of these.
std::optional<std::int64_t> parse_utc(std::string_view text);

// How many columns a terminal gives a text: two for the wide letters of East Asia and pictures, none for
// marks that are put onto a letter. What is no UTF-8 counts by its bytes.
std::size_t columns(std::string_view text);
// Columns as wide as their widest cell, the first row their heads.
std::string table(const std::vector<std::vector<std::string>>& rows);

}  // namespace fulmar::cli
