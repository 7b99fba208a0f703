#include "base/crc32c.h"

#include <isa-l/crc.h>

namespace fulmar {

std::uint32_t crc32c_extend(std::uint32_t crc, Bytes bytes) {
    // ISA-L takes its length as an int and a pointer to what it does not write.
    while (!bytes.empty()) {
        auto part = bytes.first(std::min<std::size_t>(bytes.size(), 1U << 30));
        auto* at = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(part.data()));
        crc = ~crc32_iscsi(at, int(part.size()), ~crc);
        bytes = bytes.subspan(part.size());
    }
    return crc;
}
std::uint32_t crc32c(Bytes bytes) { return crc32c_extend(0, bytes); }

}  // namespace fulmar
