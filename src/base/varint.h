// Varints as records have them: zigzag, seven bits a byte, the lowest first (Protocol Buffers, "sint").
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"

namespace fulmar {

// Takes one from the front of `from`. Nothing when it is cut short or longer than its type allows; then
// `from` is as it was.
std::optional<std::int64_t> take_varlong(Bytes& from);
std::optional<std::int32_t> take_varint(Bytes& from);
void add_varlong(std::vector<std::byte>& to, std::int64_t value);

}  // namespace fulmar
