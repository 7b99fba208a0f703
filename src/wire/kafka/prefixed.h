// A message behind an int16, which says in what version it is, or of what type: so are the records of
// internal topics made, and what consumers hand each other through a group. Values and functions; any thread;
// no I/O.
#pragma once

#include "wire/wire.h"

namespace fulmar::kafka {

struct Prefixed {
    std::int16_t prefix = 0;
    Bytes message;
};
// REFUSES what has not the two bytes.
std::expected<Prefixed, wire::DecodeError> open_prefixed(Bytes bytes);

template <wire::Message T>
Pieces encode_prefixed(std::int16_t prefix, const T& message, int version) {
    auto out = wire::encode(message, version, sizeof(prefix));
    store_big(out.owned().data(), prefix);
    return out;
}

}  // namespace fulmar::kafka
