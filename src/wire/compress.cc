#include "wire/compress.h"

#include <lz4.h>
#include <lz4frame.h>
#include <snappy-c.h>
#include <xxhash.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <memory>
#include <optional>

#include "base/check.h"

namespace fulmar::wire {

namespace {

using Outcome = std::expected<void, CompressError>;
constexpr std::unexpected damaged{CompressError::damaged};
constexpr std::unexpected too_large{CompressError::too_large};

// What comes out. Room for the most that may come is reserved at once: so nothing ever moves or is there
// twice, and what no byte comes to stays untouched. One byte beyond the limit may come: that is how we see
// that there is more inside than may be.
class Output {
public:
    Output(std::size_t first, std::size_t limit) : most_(std::min(limit, SIZE_MAX - 1) + 1) {
        bytes_.reserve(most_);
        bytes_.resize(std::min(first, most_));
    }
    std::span<std::byte> room() { return std::span(bytes_).subspan(used_); }
    void came(std::size_t n) { used_ += n; }
    Bytes all() const { return Bytes(bytes_).first(used_); }
    // What may still come, the byte beyond the limit included.
    std::size_t left() const { return most_ - used_; }
    bool fits(std::size_t more) const { return more < left(); }
    // More room, by doubling what there is. False when the limit is passed, or would be.
    bool grow() {
        auto size = bytes_.size();
        if (size == most_) return false;
        bytes_.resize(size < most_ / 2 ? size * 2 : most_);
        return true;
    }
    // Room for `more` bytes. REQUIRES: no more than are left.
    std::span<std::byte> take(std::size_t more) {
        if (room().size() < more) bytes_.resize(used_ + more);
        return room().first(more);
    }
    std::expected<std::vector<std::byte>, CompressError> finish(Outcome outcome) && {
        if (!outcome) return std::unexpected(outcome.error());
        if (used_ == most_) return too_large;
        bytes_.resize(used_);
        return std::move(bytes_);
    }

private:
    std::size_t most_;
    std::vector<std::byte> bytes_;
    std::size_t used_ = 0;
};

template <auto free_it>
struct Free {
    void operator()(auto* p) const { free_it(p); }
};

const char* chars(const std::byte* p) { return reinterpret_cast<const char*>(p); }
char* chars(std::byte* p) { return reinterpret_cast<char*>(p); }

// zlib counts what it is given in 32 bits.
uInt at_most_32_bits(std::size_t n) { return uInt(std::min<std::size_t>(n, 1U << 30)); }
Bytef* zlib_bytes(const std::byte* p) { return reinterpret_cast<Bytef*>(const_cast<std::byte*>(p)); }

constexpr int gzip_window = 15 + 16;  // The largest window; 16 asks for gzip's header and trailer.

// RFC 1952: a file is one or more members.
Outcome open_gzip(Bytes packed, Output& out) {
    z_stream stream{};
    CHECK(inflateInit2(&stream, gzip_window) == Z_OK);
    std::unique_ptr<z_stream, Free<inflateEnd>> owned(&stream);
    for (;;) {
        if (out.room().empty() && !out.grow()) return too_large;
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

Outcome open_snappy_block(Bytes packed, Output& out) {
    std::size_t size = 0;
    if (snappy_uncompressed_length(chars(packed.data()), packed.size(), &size) != SNAPPY_OK) return damaged;
    if (!snappy_can_make(size, packed.size())) return damaged;
    // What it says of itself must hold before it counts as large. To look takes no memory.
    if (!out.fits(size))
        return snappy_validate_compressed_buffer(chars(packed.data()), packed.size()) == SNAPPY_OK ? too_large
                                                                                                   : damaged;
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

Outcome open_snappy(Bytes packed, Output& out) {
    if (!text_of(packed).starts_with(xerial_magic)) return open_snappy_block(packed, out);
    if (packed.size() <= xerial_header_bytes || load_big<std::int32_t>(&packed[8]) < 1) return damaged;
    packed = packed.subspan(xerial_header_bytes);
    while (!packed.empty()) {
        if (packed.size() < 4) return damaged;
        auto length = load_big<std::uint32_t>(packed.data());
        packed = packed.subspan(4);
        if (length > packed.size()) return damaged;
        if (auto opened = open_snappy_block(packed.first(length), out); !opened) return opened;
        packed = packed.subspan(length);
    }
    return {};
}

// Room that is taken at once for what may well be inside. More is taken as it is needed.
constexpr std::size_t likely_ratio = 64;

constexpr std::uint32_t lz4_magic = 0x184D2204, zstd_magic = ZSTD_MAGICNUMBER;

std::optional<std::uint32_t> magic_of(Bytes packed) {
    std::uint32_t magic = 0;
    if (packed.size() < sizeof magic) return {};
    std::memcpy(&magic, packed.data(), sizeof magic);
    return magic;
}

// The header of a frame, which is taken from `packed`. Nothing when it is damaged or asks for a dictionary.
std::optional<LZ4F_frameInfo_t> take_lz4_header(Bytes& packed) {
    if (magic_of(packed) != lz4_magic) return {};  // The library would step over skippable frames.
    LZ4F_dctx* made = nullptr;
    CHECK(!LZ4F_isError(LZ4F_createDecompressionContext(&made, LZ4F_VERSION)));
    std::unique_ptr<LZ4F_dctx, Free<LZ4F_freeDecompressionContext>> context(made);
    LZ4F_frameInfo_t header{};
    std::size_t used = packed.size();
    if (LZ4F_isError(LZ4F_getFrameInfo(context.get(), &header, packed.data(), &used))) return {};
    constexpr std::byte has_dictionary_id{1};
    if ((packed[sizeof lz4_magic] & has_dictionary_id) != std::byte{}) return {};
    packed = packed.subspan(used);
    return header;
}

std::optional<std::uint32_t> take_little(Bytes& packed) {
    auto number = magic_of(packed);
    if (number) packed = packed.subspan(sizeof *number);
    return number;
}
bool take_lz4_checksum(Bytes& packed, Bytes of) {
    return take_little(packed) == XXH32(of.data(), of.size(), 0);
}

constexpr std::size_t lz4_ratio_max = 255;  // A byte of a length counts for so many.
constexpr std::size_t lz4_history_max = 64 * 1024;

// `linked`: a block may copy from what came before it.
Outcome open_lz4_block(Bytes block, std::size_t block_max, bool linked, Output& out) {
    auto room = out.take(std::min({block_max, block.size() * lz4_ratio_max, out.left()}));
    auto history = linked ? out.all() : Bytes();
    history = history.last(std::min(history.size(), lz4_history_max));
    auto *from = chars(block.data()), *before = chars(history.data());
    auto* to = chars(room.data());
    auto size = int(block.size()), most = int(room.size());
    auto came = LZ4_decompress_safe_usingDict(from, to, size, most, before, int(history.size()));
    if (came < 0 && room.size() == out.left()) {  // Perhaps it is good as far as there is room.
        came = LZ4_decompress_safe_partial_usingDict(from, to, size, most, most, before, int(history.size()));
        if (came < most) return damaged;
    }
    if (came < 0) return damaged;
    out.came(std::size_t(came));
    return {};
}

// The library's own loop over a frame takes two blocks of the size that the header names, up to 4 MiB,
// before it has seen any. Here each is opened where it belongs, behind its forerunner.
// https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
Outcome open_lz4(Bytes packed, Output& out) {
    auto header = take_lz4_header(packed);
    if (!header) return damaged;
    const auto block_max = std::size_t(64 * 1024) << (2 * (header->blockSizeID - LZ4F_max64KB));
    for (;;) {
        constexpr std::uint32_t is_plain = 1U << 31;
        auto length = take_little(packed);
        if (!length) return damaged;
        if (*length == 0) break;
        auto size = *length & ~is_plain;
        if (size > block_max || size > packed.size()) return damaged;
        auto block = packed.first(size);
        packed = packed.subspan(size);
        if (header->blockChecksumFlag && !take_lz4_checksum(packed, block)) return damaged;
        if (*length & is_plain) {
            if (!out.fits(size)) return too_large;
            std::ranges::copy(block, out.take(size).begin());
            out.came(size);
        } else if (auto opened = open_lz4_block(block, block_max, header->blockMode == LZ4F_blockLinked, out);
                   !opened) {
            return opened;
        }
        if (out.left() == 0) return too_large;
    }
    if (header->contentSize != 0 && header->contentSize != out.all().size()) return damaged;
    if (header->contentChecksumFlag && !take_lz4_checksum(packed, out.all())) return damaged;
    return packed.empty() ? Outcome{} : damaged;
}

// A frame may claim a window of gigabytes. Opened in one go it needs none, since what came out already
// is its window; so where the room proves small, we begin the frame again with more of it.
Outcome open_zstd(Bytes packed, Output& out) {
    std::unique_ptr<ZSTD_DCtx, Free<ZSTD_freeDCtx>> context(ZSTD_createDCtx());
    CHECK(context != nullptr);
    do {
        auto magic = magic_of(packed);
        bool known = magic == zstd_magic ||
                     (magic && (*magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START);
        if (!known) return damaged;  // The library may know the formats of before 0.8, too.
        auto length = ZSTD_findFrameCompressedSize(packed.data(), packed.size());
        if (ZSTD_isError(length)) return damaged;
        auto said = ZSTD_getFrameContentSize(packed.data(), length);
        bool likely = said < ZSTD_CONTENTSIZE_ERROR && said / likely_ratio <= length;
        if (likely && out.fits(said)) out.take(said);
        for (;;) {
            auto room = out.room();
            auto came = ZSTD_decompressDCtx(context.get(), room.data(), room.size(), packed.data(), length);
            if (!ZSTD_isError(came)) {
                out.came(came);
                break;
            }
            if (ZSTD_getErrorCode(came) != ZSTD_error_dstSize_tooSmall) return damaged;
            if (!out.grow()) return too_large;
        }
        packed = packed.subspan(length);
    } while (!packed.empty());
    return {};
}

// More than this no codec makes of so many bytes.
std::size_t most_inside(Codec codec, std::size_t packed) {
    switch (codec) {
        case Codec::none: break;
        case Codec::gzip: return packed * 1032;  // 258 bytes of two bits.
        case Codec::snappy: return packed * 22;  // See snappy_can_make.
        case Codec::lz4: return packed * lz4_ratio_max;
        case Codec::zstd: return packed * (32 * 1024);  // A block of 128 KiB of four bytes.
    }
    return packed;
}
// What to have ready. The blocks of snappy and lz4 tell how much they need.
std::size_t likely_inside(Codec codec, std::size_t packed) {
    return codec == Codec::gzip || codec == Codec::zstd ? std::max<std::size_t>(packed * 4, 4096) : 0;
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
    Output out(likely_inside(codec, packed.size()), std::min(limit, most_inside(codec, packed.size())));
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
