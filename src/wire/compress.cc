#include "wire/compress.h"

#include <lz4frame.h>
#include <snappy-c.h>
#include <zlib.h>
#define ZSTD_STATIC_LINKING_ONLY  // For ZSTD_decompressBound, which the shared library has all the same.
#include <zstd.h>
#include <zstd_errors.h>

#include "base/check.h"
#include "wire/lz4_frame.h"

namespace fulmar::wire {

namespace {

// zlib counts what it is given in 32 bits.
uInt at_most_32_bits(std::size_t n) { return uInt(std::min<std::size_t>(n, 1U << 30)); }
Bytef* zlib_bytes(const std::byte* p) { return reinterpret_cast<Bytef*>(const_cast<std::byte*>(p)); }

// Room for most of what is not known to be larger.
std::size_t likely_to_begin(Bytes packed) { return std::max<std::size_t>(packed.size() * 4, 4096); }

constexpr int gzip_window = 15 + 16;  // The largest window; 16 asks for gzip's header and trailer.

// RFC 1952: a file is one or more members.
Outcome open_gzip(Bytes packed, Output& out) {
    constexpr std::size_t gzip_ratio_max = 1032;  // 258 bytes of two bits.
    out.prepare(packed.size() * gzip_ratio_max, likely_to_begin(packed));
    z_stream stream{};
    CHECK(inflateInit2(&stream, gzip_window) == Z_OK);
    std::unique_ptr<z_stream, Free<inflateEnd>> owned(&stream);
    for (;;) {
        if (out.room().empty() && !out.grow()) return out.full();
        auto room = out.room();
        stream.next_in = zlib_bytes(packed.data());
        stream.avail_in = at_most_32_bits(packed.size());
        stream.next_out = zlib_bytes(room.data());
        stream.avail_out = at_most_32_bits(room.size());
        auto given = stream.avail_in, free = stream.avail_out;
        int code = inflate(&stream, Z_NO_FLUSH);
        packed = packed.subspan(given - stream.avail_in);
        out.came(free - stream.avail_out);
        if (code == Z_STREAM_END) {
            if (packed.empty()) return {};
            CHECK(inflateReset(&stream) == Z_OK);
        } else if (code != Z_OK) {  // Z_BUF_ERROR: there was room, so it is the input that ran out.
            return damaged;
        }
    }
}

// No element of a block makes more of its bytes than a copy with a two-byte offset: 64 of 3.
bool snappy_can_make(std::size_t plain, std::size_t packed) { return plain / 64 <= packed / 3; }

// What a block says that it opens to; nothing where it cannot.
std::optional<std::size_t> snappy_size(Bytes block) {
    std::size_t size = 0;
    if (snappy_uncompressed_length(chars(block.data()), block.size(), &size) != SNAPPY_OK) return {};
    if (!snappy_can_make(size, block.size())) return {};
    return size;
}

Outcome open_snappy_block(Bytes packed, Output& out) {
    auto said = snappy_size(packed);
    if (!said) return damaged;
    // What it says of itself must hold before it counts as large. To look takes no memory.
    if (!out.fits(*said))
        return snappy_validate_compressed_buffer(chars(packed.data()), packed.size()) == SNAPPY_OK ? too_large
                                                                                                   : damaged;
    auto size = *said;
    auto* to = chars(out.take(size).data());
    if (snappy_uncompress(chars(packed.data()), packed.size(), to, &size) != SNAPPY_OK) return damaged;
    out.came(size);
    return {};
}

// snappy-java's framing: this, then its version and the oldest that can read it, then blocks, each
// behind its length. All numbers are of four bytes. No raw block begins so: after the two bytes of its
// length it would copy from before its beginning.
constexpr std::string_view xerial_magic{"\x82SNAPPY\0", 8};
constexpr std::size_t xerial_header_bytes = 16, xerial_block_bytes = 32 * 1024;  // As Kafka cuts them.

// Calls `open` with each block, until one is refused.
Outcome each_snappy_block(Bytes packed, auto open) {
    if (!text_of(packed).starts_with(xerial_magic)) return open(packed);
    if (packed.size() <= xerial_header_bytes || load_big<std::int32_t>(&packed[8]) < 1) return damaged;
    packed = packed.subspan(xerial_header_bytes);
    while (!packed.empty()) {
        if (packed.size() < 4) return damaged;
        auto length = load_big<std::uint32_t>(packed.data());
        packed = packed.subspan(4);
        if (length > packed.size()) return damaged;
        if (auto opened = open(packed.first(length)); !opened) return opened;
        packed = packed.subspan(length);
    }
    return {};
}

Outcome open_snappy(Bytes packed, Output& out) {
    std::size_t most = 0;
    auto sized = each_snappy_block(packed, [&](Bytes block) -> Outcome {
        auto size = snappy_size(block);
        most += size.value_or(0);
        return size ? Outcome() : damaged;
    });
    if (!sized) return sized;
    out.prepare(most);
    return each_snappy_block(packed, [&](Bytes block) { return open_snappy_block(block, out); });
}

// Room that is taken at once for what may well be inside. More is taken as it is needed.
constexpr std::size_t likely_ratio = 64;

// The frame in front; empty when it is none, or damaged.
Bytes zstd_frame(Bytes packed) {
    auto magic = little_at_front(packed);
    bool known = magic == ZSTD_MAGICNUMBER ||
                 (magic && (*magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START);
    if (!known) return {};  // The library may know the formats of before 0.8, too.
    auto length = ZSTD_findFrameCompressedSize(packed.data(), packed.size());
    return ZSTD_isError(length) ? Bytes() : packed.first(length);
}

// What all frames may open to, as far as they are good. They may say that they are huge.
std::size_t zstd_most(Bytes packed) {
    std::size_t most = 0;
    for (auto frame = zstd_frame(packed); !frame.empty(); frame = zstd_frame(packed)) {
        auto bound = ZSTD_decompressBound(frame.data(), frame.size());
        most += std::min<std::size_t>(bound, SIZE_MAX - most);
        packed = packed.subspan(frame.size());
    }
    return most;
}

// A frame may claim a window of gigabytes. Opened in one go it needs none, since what came out already
// is its window; so where the room proves small, we begin the frame again with more of it.
Outcome open_zstd(Bytes packed, Output& out) {
    std::unique_ptr<ZSTD_DCtx, Free<ZSTD_freeDCtx>> context(ZSTD_createDCtx());
    CHECK(context != nullptr);
    out.prepare(zstd_most(packed), likely_to_begin(packed));
    do {
        auto frame = zstd_frame(packed);
        if (frame.empty()) return damaged;
        auto said = ZSTD_getFrameContentSize(frame.data(), frame.size());
        bool likely = said < ZSTD_CONTENTSIZE_ERROR && said / likely_ratio <= frame.size();
        if (likely && out.fits(said)) out.take(said);
        for (;;) {
            auto room = out.room();
            auto came =
                ZSTD_decompressDCtx(context.get(), room.data(), room.size(), frame.data(), frame.size());
            if (!ZSTD_isError(came)) {
                out.came(came);
                break;
            }
            if (ZSTD_getErrorCode(came) != ZSTD_error_dstSize_tooSmall) return damaged;
            if (!out.grow()) return out.full();
        }
        packed = packed.subspan(frame.size());
    } while (!packed.empty());
    return {};
}

std::vector<std::byte> make_gzip(Bytes plain, int level) {
    z_stream stream{};
    constexpr int memory = 8;  // zlib's default.
    level = level == default_level ? Z_DEFAULT_COMPRESSION : std::clamp(level, 0, 9);
    CHECK(deflateInit2(&stream, level, Z_DEFLATED, gzip_window, memory, Z_DEFAULT_STRATEGY) == Z_OK);
    std::unique_ptr<z_stream, Free<deflateEnd>> owned(&stream);
    std::vector<std::byte> packed(deflateBound(&stream, plain.size()));
    stream.next_in = zlib_bytes(plain.data());
    stream.avail_in = uInt(plain.size());
    stream.next_out = zlib_bytes(packed.data());
    stream.avail_out = uInt(packed.size());
    CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    packed.resize(stream.total_out);
    return packed;
}

std::vector<std::byte> make_snappy(Bytes plain) {
    std::vector<std::byte> packed(xerial_header_bytes);
    std::ranges::copy(bytes_of(xerial_magic), packed.begin());
    store_big<std::int32_t>(&packed[8], 1);
    store_big<std::int32_t>(&packed[12], 1);
    do {
        auto part = plain.first(std::min(plain.size(), xerial_block_bytes));
        plain = plain.subspan(part.size());
        auto at = packed.size();
        auto length = snappy_max_compressed_length(part.size());
        packed.resize(at + 4 + length);
        auto* to = chars(&packed[at + 4]);
        CHECK(snappy_compress(chars(part.data()), part.size(), to, &length) == SNAPPY_OK);
        store_big(&packed[at], std::uint32_t(length));
        packed.resize(at + 4 + length);
    } while (!plain.empty());
    return packed;
}

std::vector<std::byte> make_lz4(Bytes plain, int level) {
    LZ4F_preferences_t how{};  // Independent blocks of 64 KiB and no checksum of the content, as Java's.
    how.frameInfo.blockSizeID = LZ4F_max64KB;
    how.frameInfo.blockMode = LZ4F_blockIndependent;
    how.compressionLevel = level == default_level ? 9 : level;
    std::vector<std::byte> packed(LZ4F_compressFrameBound(plain.size(), &how));
    auto size = LZ4F_compressFrame(packed.data(), packed.size(), plain.data(), plain.size(), &how);
    CHECK(!LZ4F_isError(size));
    packed.resize(size);
    return packed;
}

std::vector<std::byte> make_zstd(Bytes plain, int level) {
    level = level == default_level ? 3 : std::clamp(level, ZSTD_minCLevel(), ZSTD_maxCLevel());
    std::vector<std::byte> packed(ZSTD_compressBound(plain.size()));
    auto size = ZSTD_compress(packed.data(), packed.size(), plain.data(), plain.size(), level);
    CHECK(!ZSTD_isError(size));
    packed.resize(size);
    return packed;
}

}  // namespace

std::expected<std::vector<std::byte>, CompressError> decompress(Codec codec, Bytes packed,
                                                                std::size_t limit) {
    if (codec == Codec::none) {
        if (packed.size() > limit) return too_large;
        return std::vector(packed.begin(), packed.end());
    }
    Output out(limit);
    auto open = [&] {
        switch (codec) {
            case Codec::none: break;
            case Codec::gzip: return open_gzip(packed, out);
            case Codec::snappy: return open_snappy(packed, out);
            case Codec::lz4: return open_lz4(packed, out);
            case Codec::zstd: return open_zstd(packed, out);
        }
        return Outcome(damaged);  // 5 to 7: what attributes may say, and no codec is.
    };
    auto outcome = open();
    return std::move(out).finish(outcome);
}

std::vector<std::byte> compress(Codec codec, Bytes plain, int level) {
    CHECK(plain.size() <= INT32_MAX);  // No batch is larger.
    switch (codec) {
        case Codec::none: break;
        case Codec::gzip: return make_gzip(plain, level);
        case Codec::snappy: return make_snappy(plain);
        case Codec::lz4: return make_lz4(plain, level);
        case Codec::zstd: return make_zstd(plain, level);
    }
    return {plain.begin(), plain.end()};
}

}  // namespace fulmar::wire
