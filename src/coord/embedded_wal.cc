#include "coord/embedded_wal.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <fstream>
#include <iterator>

#include "base/bytes.h"

namespace fulmar::coord {

namespace {

constexpr std::size_t header_bytes = 32, frame_header_bytes = 24;
constexpr std::uint32_t magic = 0x377f0682;  // Its last bit: checksums are over big-endian words.

std::uint32_t word(Bytes bytes, std::size_t at) { return load_big<std::uint32_t>(bytes.data() + at); }

struct Sum {
    std::uint32_t a = 0, b = 0;
    bool operator==(const Sum&) const = default;
};
Sum sum_of(Bytes bytes, Sum sum, bool big) {
    for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
        auto first = word(bytes, at), second = word(bytes, at + 4);
        sum.a += (big ? first : std::byteswap(first)) + sum.b;
        sum.b += (big ? second : std::byteswap(second)) + sum.a;
    }
    return sum;
}

}  // namespace

std::string damage_in_wal(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::string all{std::istreambuf_iterator<char>(in), {}};
    auto log = fulmar::bytes_of(all);
    if (log.size() <= header_bytes) return {};
    auto header = log.first(header_bytes);
    bool big = word(header, 0) & 1;
    auto page = word(header, 8);
    Sum said{word(header, 24), word(header, 28)};
    bool header_right = (word(header, 0) & ~1U) == magic && page >= 512 && page <= 65536 &&
                        std::has_single_bit(page) && sum_of(header.first(24), {}, big) == said;
    // SQLite syncs it before any frame.
    if (!header_right) {
        bool nothing = std::ranges::all_of(log, [](std::byte byte) { return byte == std::byte{}; });
        return nothing ? "" : "its header is not what was written";
    }
    // Each frame's checksum goes on from that of the frame in front. Behind one that is not right it is known
    // by what that says it is, and by what it should be.
    auto frame_bytes = frame_header_bytes + page;
    Sum before[2] = {said, said};
    bool bad = false, ended = false;  // A frame was bad; and the transaction that it was in has ended.
    std::size_t bad_frame = 0;
    for (std::size_t n = 0; header_bytes + (n + 1) * frame_bytes <= log.size(); ++n) {
        auto frame = log.subspan(header_bytes + n * frame_bytes, frame_bytes);
        bool ours = word(frame, 8) == word(header, 16) && word(frame, 12) == word(header, 20);
        Sum stands{word(frame, 16), word(frame, 20)};
        bool right = false;
        Sum should;
        for (auto& from : before) {
            auto sum = sum_of(frame.subspan(frame_header_bytes), sum_of(frame.first(8), from, big), big);
            if (!right) should = sum;
            right = right || sum == stands;
        }
        right = right && ours && word(frame, 0) != 0;
        // A transaction begins when the one in front is on the disk.
        if (right && ended) return fmt::format("frame {} is not what was written", bad_frame);
        if (!right && !bad) bad = true, bad_frame = n;
        if (bad && ours && word(frame, 4) != 0) ended = true;
        before[0] = stands;
        before[1] = should;
    }
    return {};
}

}  // namespace fulmar::coord
