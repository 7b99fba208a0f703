// What the coordinator keeps as text, and messages and records carry as bytes.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/pieces.h"
#include "base/time.h"

namespace fulmar::group {

inline Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }
inline std::vector<std::byte> bytes_of(Pieces pieces) { return std::move(pieces).take_owned(); }
inline std::string text_of(Bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline std::string text_of(Pieces pieces) {
    auto owned = pieces.owned();
    return {reinterpret_cast<const char*>(owned.data()), owned.size()};
}
inline std::optional<std::string> text_of(const std::optional<std::string_view>& view) {
    return view ? std::optional<std::string>(*view) : std::nullopt;
}
inline std::int32_t millis32(Millis time) {
    return std::int32_t(std::min<std::int64_t>(time.count(), INT32_MAX));
}

}  // namespace fulmar::group
