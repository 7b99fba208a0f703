#include "wire/kafka/prefixed.h"

namespace fulmar::kafka {

std::expected<Prefixed, wire::DecodeError> open_prefixed(Bytes bytes) {
    constexpr auto size = sizeof(std::int16_t);
    if (bytes.size() < size) return std::unexpected(wire::DecodeError::truncated);
    return Prefixed{load_big<std::int16_t>(bytes.data()), bytes.subspan(size)};
}

}  // namespace fulmar::kafka
