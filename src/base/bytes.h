// Views of bytes, and numbers in network order. Values; nothing is owned here.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace fulmar {

static_assert(std::endian::native == std::endian::little);

using Bytes = std::span<const std::byte>;

inline Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }
inline std::string_view text_of(Bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// REQUIRES: sizeof(T) bytes there.
template <class T>
    requires std::is_integral_v<T>
T load_big(const std::byte* from) {
    std::array<std::byte, sizeof(T)> little;
    std::reverse_copy(from, from + sizeof(T), little.begin());
    return std::bit_cast<T>(little);
}
template <class T>
    requires std::is_integral_v<T>
void store_big(std::byte* to, T value) {
    auto little = std::bit_cast<std::array<std::byte, sizeof(T)>>(value);
    std::reverse_copy(little.begin(), little.end(), to);
}

}  // namespace fulmar
