// How the world fails. Bad input has errors of its own (wire/wire.h, wire/kafka/errors.h); our own
// faults are CHECKs. Values.
#pragma once

#include <cstdint>
#include <expected>

namespace fulmar {

enum class Error : std::uint8_t {
    closed = 1,  // By us, or the peer has ended its side.
    reset,       // The connection broke; what was sent last may or may not have arrived.
    refused,     // Nobody listens there, or we may not.
    missing,     // No such file.
    exists,      // Such a file already, or the address is taken.
    busy,        // Another process holds it.
    full,        // No room on the disk.
    exhausted,   // No more handles; some may come free.
    damaged,     // Bytes are not what was written.
    failed,      // The disk said no. Nothing after this can be trusted: no retry.
};
const char* to_text(Error error);

template <class T = void>
struct [[nodiscard]] Result : std::expected<T, Error> {
    using std::expected<T, Error>::expected;
};

}  // namespace fulmar
