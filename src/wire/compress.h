// The four codecs of record batches (gzip, snappy, lz4, zstd), opened under a bound.
//
// What comes from a client is hostile: a few bytes may claim to be gigabytes. Whatever the input says of
// itself, all that is ever taken while it is opened, given back or not, is `limit` bytes and one for what
// comes out, and `codec_state_bytes_max` for the codec. Room for what comes out is taken in one piece, and
// written to as far as it fills. The result keeps that room until it goes. Pure functions; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <vector>

#include "base/bytes.h"

namespace fulmar::wire {

// As in a batch's attributes, bits 0 to 2.
enum class Codec : std::uint8_t { none, gzip, snappy, lz4, zstd };

enum class CompressError : std::uint8_t {
    damaged = 1,  // Not what the codec makes, or cut short, or with bytes left over.
    too_large,    // Opens to more than the limit.
};

// What a codec's library takes for itself, measured: zstd 96 KB (its context), gzip 40 KB (zlib's state and
// window), lz4 less than 1 KB (the context that reads a header), snappy nothing.
inline constexpr std::size_t codec_state_bytes_max = 128 * 1024;

// The bytes inside, at most `limit` of them. snappy comes in two forms, both accepted: one raw block
// (librdkafka), or the framing of snappy-java ("xerial") with its header and at least one block. gzip
// may have several members and zstd several frames; lz4 has one frame.
std::expected<std::vector<std::byte>, CompressError> decompress(Codec codec, Bytes packed, std::size_t limit);

// Level as the codec counts it; `default_level` is Kafka's default: gzip -1, lz4 9, zstd 3. snappy has
// none, and is written in the xerial form, which every client reads. A level that a codec does not
// have counts as its nearest. REQUIRES: less than 2 GiB.
inline constexpr int default_level = -1;
std::vector<std::byte> compress(Codec codec, Bytes plain, int level = default_level);

}  // namespace fulmar::wire
