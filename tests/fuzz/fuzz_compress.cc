// The codecs on hostile bytes. The first byte chooses the codec, the second the limit.
#include "base/check.h"
#include "tests/allocations.h"
#include "wire/compress.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace fulmar;
    if (size < 2) return 0;
    auto codec = wire::Codec(data[0] % 8);
    auto limit = std::size_t(1) << data[1] % 21;
    auto packed = std::as_bytes(std::span(data, size)).subspan(2);

    test::allocations() = {};
    auto plain = wire::decompress(codec, packed, limit);
    CHECK(test::allocations().bytes <= limit + 1 + wire::codec_state_bytes_max);
    if (!plain) return 0;
    CHECK(plain->size() <= limit);
    if (codec <= wire::Codec::zstd)
        CHECK(wire::decompress(codec, wire::compress(codec, *plain), limit) == *plain);
    return 0;
}
