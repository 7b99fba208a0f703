#include "wire/lz4_frame.h"

#include <lz4.h>
#include <lz4frame.h>
#include <xxhash.h>

#include "base/check.h"

namespace fulmar::wire {

namespace {

constexpr std::uint32_t lz4_magic = 0x184D2204;

// The header of a frame, which is taken from `packed`. Nothing when it is damaged or asks for a dictionary.
std::optional<LZ4F_frameInfo_t> take_lz4_header(Bytes& packed) {
    if (little_at_front(packed) != lz4_magic) return {};  // The library would step over skippable frames.
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
    auto number = little_at_front(packed);
    if (number) packed = packed.subspan(sizeof *number);
    return number;
}
std::uint32_t checksum(Bytes bytes) { return XXH32(bytes.data(), bytes.size(), 0); }

constexpr std::size_t lz4_ratio_max = 255;  // A byte of a length counts for so many.
constexpr std::size_t lz4_history_max = 64 * 1024;

struct Lz4Block {
    Bytes bytes;
    std::size_t most;  // What it can open to.
    bool plain;
    std::optional<std::uint32_t> checksum;
};
enum class Lz4Next : std::uint8_t { block, end, damaged };

// Takes the next block, or the mark behind the last, from `packed`.
Lz4Next take_lz4_block(Bytes& packed, const LZ4F_frameInfo_t& header, Lz4Block& block) {
    constexpr std::uint32_t is_plain = 1U << 31;
    const auto block_max = std::size_t(64 * 1024) << (2 * (header.blockSizeID - LZ4F_max64KB));
    auto length = take_little(packed);
    if (!length) return Lz4Next::damaged;
    if (*length == 0) return Lz4Next::end;
    std::size_t size = *length & ~is_plain;
    if (size > block_max || size > packed.size()) return Lz4Next::damaged;
    block.bytes = packed.first(size);
    block.plain = (*length & is_plain) != 0;
    block.most = block.plain ? size : std::min(block_max, size * lz4_ratio_max);
    packed = packed.subspan(size);
    if (header.blockChecksumFlag && !(block.checksum = take_little(packed))) return Lz4Next::damaged;
    return Lz4Next::block;
}

// `linked`: a block may copy from what came before it.
Outcome open_lz4_block(const Lz4Block& block, bool linked, Output& out) {
    if (block.plain) {
        if (!out.fits(block.most)) return too_large;
        std::ranges::copy(block.bytes, out.take(block.most).begin());
        out.came(block.most);
        return {};
    }
    auto room = out.take(std::min(block.most, out.left()));
    auto history = linked ? out.all() : Bytes();
    history = history.last(std::min(history.size(), lz4_history_max));
    auto *from = chars(block.bytes.data()), *before = chars(history.data());
    auto* to = chars(room.data());
    auto size = int(block.bytes.size()), most = int(room.size());
    auto came = LZ4_decompress_safe_usingDict(from, to, size, most, before, int(history.size()));
    if (came < 0 && room.size() == out.left()) {  // Perhaps it is good as far as there is room.
        came = LZ4_decompress_safe_partial_usingDict(from, to, size, most, most, before, int(history.size()));
        if (came < most) return damaged;
    }
    if (came < 0) return damaged;
    out.came(std::size_t(came));
    return out.left() == 0 ? too_large : Outcome();
}

}  // namespace

Outcome open_lz4(Bytes packed, Output& out) {
    auto header = take_lz4_header(packed);
    if (!header) return damaged;
    Lz4Block block{};
    std::size_t most = 0;
    for (auto rest = packed; take_lz4_block(rest, *header, block) == Lz4Next::block;) most += block.most;
    out.prepare(most);
    for (;;) {
        auto next = take_lz4_block(packed, *header, block);
        if (next == Lz4Next::damaged) return damaged;
        if (next == Lz4Next::end) break;
        if (block.checksum && *block.checksum != checksum(block.bytes)) return damaged;
        bool linked = header->blockMode == LZ4F_blockLinked;
        if (auto opened = open_lz4_block(block, linked, out); !opened) return opened;
    }
    if (header->contentSize != 0 && header->contentSize != out.all().size()) return damaged;
    if (header->contentChecksumFlag && take_little(packed) != checksum(out.all())) return damaged;
    return packed.empty() ? Outcome{} : damaged;
}

}  // namespace fulmar::wire
