#include "base/varint.h"

namespace fulmar {

static std::optional<std::uint64_t> take(Bytes& from, std::size_t bytes_max) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes_max && i < from.size(); ++i) {
        auto byte = std::to_integer<std::uint64_t>(from[i]);
        value |= (byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            from = from.subspan(i + 1);
            return value;
        }
    }
    return std::nullopt;
}
static std::int64_t unzigzag(std::uint64_t n) { return std::int64_t(n >> 1) ^ -std::int64_t(n & 1); }

std::optional<std::int64_t> take_varlong(Bytes& from) {
    auto raw = take(from, 10);
    if (!raw) return std::nullopt;
    return unzigzag(*raw);
}
std::optional<std::int32_t> take_varint(Bytes& from) {
    auto raw = take(from, 5);
    if (!raw) return std::nullopt;
    return std::int32_t(unzigzag(*raw & 0xffff'ffff));
}
void add_varlong(std::vector<std::byte>& to, std::int64_t value) {
    auto n = std::uint64_t(value) << 1 ^ std::uint64_t(value >> 63);
    for (; n >= 0x80; n >>= 7) to.push_back(std::byte(n | 0x80));
    to.push_back(std::byte(n));
}

}  // namespace fulmar
