#include "wire/compress.h"

#include <gtest/gtest.h>
#include <lz4frame.h>
#include <snappy-c.h>
#include <xxhash.h>
#include <zstd.h>

#include <random>
#include <string>

#include "tests/allocations.h"

namespace fulmar::wire {
namespace {

constexpr std::size_t mib = 1 << 20;
constexpr std::array all_codecs{Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd};

std::vector<std::byte> owned(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

// Part text, part noise, so that no codec finds it trivial and none gives up on it.
std::vector<std::byte> sample(std::size_t size) {
    std::mt19937_64 random(size);
    std::vector<std::byte> bytes;
    while (bytes.size() < size) {
        auto line =
            "order " + std::to_string(random() % 1000) + (random() % 8 ? " shipped\n" : std::string(40, '.'));
        for (char c : line) bytes.push_back(std::byte(c));
        for (int i = 0; i < 5; ++i) bytes.push_back(std::byte(random()));
    }
    bytes.resize(size);
    return bytes;
}

std::vector<std::byte> raw_snappy(Bytes plain) {
    auto size = snappy_max_compressed_length(plain.size());
    std::vector<std::byte> packed(size);
    EXPECT_EQ(snappy_compress(reinterpret_cast<const char*>(plain.data()), plain.size(),
                              reinterpret_cast<char*>(packed.data()), &size),
              SNAPPY_OK);
    packed.resize(size);
    return packed;
}

// The number at the front of a raw block.
std::vector<std::byte> snappy_claiming(std::uint32_t size, std::string_view rest) {
    std::vector<std::byte> packed;
    for (; size >= 0x80; size >>= 7) packed.push_back(std::byte(size | 0x80));
    packed.push_back(std::byte(size));
    for (char c : rest) packed.push_back(std::byte(c));
    return packed;
}

std::vector<std::byte> xerial(
    std::initializer_list<std::pair<std::uint32_t, std::vector<std::byte>>> blocks) {
    auto packed = owned(bytes_of(std::string_view("\x82SNAPPY\0\0\0\0\1\0\0\0\1", 16)));
    for (auto& [length, block] : blocks) {
        packed.resize(packed.size() + 4);
        store_big(&packed[packed.size() - 4], length);
        packed.insert(packed.end(), block.begin(), block.end());
    }
    return packed;
}

std::vector<std::byte> joined(std::vector<std::byte> a, const std::vector<std::byte>& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

void expect_refused(Codec codec, Bytes packed, CompressError error, std::size_t limit = mib) {
    auto plain = decompress(codec, packed, limit);
    ASSERT_FALSE(plain) << "codec " << int(codec) << " took " << packed.size() << " bytes";
    EXPECT_EQ(plain.error(), error) << "codec " << int(codec);
}

// What opening asks the C library for in all, given back or not.
std::size_t cost_of_opening(Codec codec, Bytes packed, std::size_t limit) {
    auto before = test::allocations().bytes;
    (void)decompress(codec, packed, limit);
    return test::allocations().bytes - before;
}

TEST(Compress, what_was_packed_comes_out_again) {
    for (auto codec : all_codecs) {
        for (std::size_t size : {0UL, 1UL, 100UL, 70UL * 1024, 2 * mib}) {
            auto plain = sample(size), packed = compress(codec, plain);
            if (size >= 70 * 1024) {
                EXPECT_LT(packed.size(), size);
            }
            EXPECT_EQ(decompress(codec, packed, 4 * mib), plain) << int(codec) << " " << size;
        }
    }
}

TEST(Compress, every_level_is_readable_and_odd_ones_count_as_the_nearest) {
    auto plain = sample(20'000);
    for (auto codec : all_codecs)
        for (int level : {-100, -2, 0, 1, 5, 12, 19, 1000})
            EXPECT_EQ(decompress(codec, compress(codec, plain, level), mib), plain)
                << int(codec) << " " << level;
}

TEST(Compress, without_a_codec_bytes_stay_as_they_are) {
    auto plain = sample(1000);
    EXPECT_EQ(compress(Codec::none, plain), plain);
    EXPECT_EQ(decompress(Codec::none, plain, 1000), plain);
    expect_refused(Codec::none, plain, CompressError::too_large, 999);
}

TEST(Compress, numbers_that_are_no_codec_are_refused) {
    for (int number : {5, 6, 7}) expect_refused(Codec(number), sample(10), CompressError::damaged);
}

TEST(Compress, exactly_the_limit_is_allowed_and_one_byte_more_is_not) {
    for (auto codec : all_codecs) {
        for (std::size_t size : {1UL, 4095UL, 4096UL, 4097UL, 300'000UL}) {
            auto plain = sample(size), packed = compress(codec, plain);
            EXPECT_EQ(decompress(codec, packed, size), plain) << int(codec) << " " << size;
            expect_refused(codec, packed, CompressError::too_large, size - 1);
        }
    }
    EXPECT_EQ(decompress(Codec::zstd, compress(Codec::zstd, {}), 0), std::vector<std::byte>());
}

TEST(Compress, a_limit_beyond_memory_is_no_reason_to_take_memory) {
    for (auto codec : all_codecs)
        EXPECT_EQ(decompress(codec, compress(codec, sample(5000)), SIZE_MAX), sample(5000)) << int(codec);
}

TEST(Compress, one_raw_snappy_block_is_read_too) {
    for (std::size_t size : {0UL, 1UL, 100UL, 70UL * 1024, 2 * mib}) {
        auto plain = sample(size);
        EXPECT_EQ(decompress(Codec::snappy, raw_snappy(plain), size), plain);
    }
}

TEST(Compress, xerial_blocks_may_be_of_any_size) {
    auto plain = sample(100'000);
    Bytes view = plain;
    auto a = raw_snappy(view.first(1)), b = raw_snappy(view.subspan(1, 90'000)),
         c = raw_snappy(view.subspan(90'001));
    auto size = [](auto& block) { return std::uint32_t(block.size()); };
    EXPECT_EQ(decompress(Codec::snappy, xerial({{size(a), a}, {size(b), b}, {size(c), c}}), mib), plain);
}

TEST(Compress, xerial_block_lengths_that_lie_are_refused) {
    auto block = raw_snappy(sample(100));
    auto size = std::uint32_t(block.size());
    for (std::uint32_t length : {0U, size - 1, size + 1, 0x7fffffffU, 0x80000000U, 0xffffffffU})
        expect_refused(Codec::snappy, xerial({{length, block}}), CompressError::damaged);
    expect_refused(Codec::snappy, xerial({}), CompressError::damaged);
    expect_refused(Codec::snappy, joined(xerial({{size, block}}), xerial({{size, block}})),
                   CompressError::damaged);
}

TEST(Compress, blocks_are_bounded_together) {
    auto block = raw_snappy(sample(600));
    auto size = std::uint32_t(block.size());
    EXPECT_TRUE(decompress(Codec::snappy, xerial({{size, block}, {size, block}}), 1200));
    expect_refused(Codec::snappy, xerial({{size, block}, {size, block}}), CompressError::too_large, 1199);
}

TEST(Compress, a_size_that_its_block_cannot_make_takes_no_memory) {
    auto before = test::allocations().bytes;
    for (std::uint32_t claim : {1000U, 1U << 20, 1U << 30, 0xffffffffU}) {
        expect_refused(Codec::snappy, snappy_claiming(claim, "abc"), CompressError::damaged, SIZE_MAX);
        auto block = snappy_claiming(claim, "abc");
        expect_refused(Codec::snappy, xerial({{std::uint32_t(block.size()), block}}), CompressError::damaged,
                       SIZE_MAX);
    }
    EXPECT_LT(test::allocations().bytes - before, mib);
}

TEST(Compress, every_truncation_is_damaged) {
    auto plain = sample(300);
    for (auto codec : all_codecs) {
        auto packed = compress(codec, plain);
        for (std::size_t n = 0; n < packed.size(); ++n) {
            SCOPED_TRACE(n);
            expect_refused(codec, Bytes(packed).first(n), CompressError::damaged);
        }
    }
    auto raw = raw_snappy(plain);
    for (std::size_t n = 0; n < raw.size(); ++n)
        expect_refused(Codec::snappy, Bytes(raw).first(n), CompressError::damaged);
}

TEST(Compress, bytes_left_over_are_damaged) {
    for (auto codec : all_codecs)
        for (std::size_t size : {0UL, 300UL})
            for (auto tail : {std::byte(0), std::byte(0x1f), std::byte(0xff)})
                expect_refused(codec, joined(compress(codec, sample(size)), {tail}), CompressError::damaged);
    expect_refused(Codec::snappy, joined(raw_snappy(sample(300)), {std::byte(0)}), CompressError::damaged);
}

TEST(Compress, gzip_members_and_zstd_frames_may_follow_one_another) {
    for (auto codec : {Codec::gzip, Codec::zstd}) {
        auto a = sample(5000), b = sample(70'000);
        auto packed = joined(joined(compress(codec, a), compress(codec, {})), compress(codec, b));
        EXPECT_EQ(decompress(codec, packed, mib), joined(a, b)) << int(codec);
        expect_refused(codec, packed, CompressError::too_large, 74'999);
    }
    expect_refused(Codec::lz4, joined(compress(Codec::lz4, sample(10)), compress(Codec::lz4, sample(10))),
                   CompressError::damaged);
}

TEST(Compress, a_zstd_frame_need_not_say_its_size) {
    auto plain = sample(300'000);
    auto* context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
    std::vector<std::byte> packed(ZSTD_compressBound(plain.size()));
    packed.resize(ZSTD_compress2(context, packed.data(), packed.size(), plain.data(), plain.size()));
    ZSTD_freeCCtx(context);
    ASSERT_EQ(ZSTD_getFrameContentSize(packed.data(), packed.size()), ZSTD_CONTENTSIZE_UNKNOWN);
    EXPECT_EQ(decompress(Codec::zstd, packed, plain.size()), plain);
    expect_refused(Codec::zstd, packed, CompressError::too_large, plain.size() - 1);
}

TEST(Compress, lz4_in_large_linked_blocks_with_checksums_is_read) {
    auto plain = sample(5 * mib);
    LZ4F_preferences_t how{};
    how.frameInfo.blockSizeID = LZ4F_max4MB;
    how.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
    how.frameInfo.contentSize = plain.size();
    std::vector<std::byte> packed(LZ4F_compressFrameBound(plain.size(), &how));
    packed.resize(LZ4F_compressFrame(packed.data(), packed.size(), plain.data(), plain.size(), &how));
    EXPECT_EQ(decompress(Codec::lz4, packed, plain.size()), plain);
    packed.back() ^= std::byte(1);
    expect_refused(Codec::lz4, packed, CompressError::damaged, plain.size());
}

TEST(Compress, opening_takes_the_limit_and_little_more) {
    auto plain = sample(300'000);
    for (auto codec : all_codecs) {
        auto packed = compress(codec, plain);
        for (std::size_t limit : {0UL, 1UL, 100'000UL, 299'999UL, 300'000UL, mib}) {
            EXPECT_LE(cost_of_opening(codec, packed, limit), limit + 1 + codec_state_bytes_max)
                << int(codec) << " " << limit;
        }
    }
}

// --- lz4 frames of every kind, which the library's own loop reads too ---------------------------

// Written piece by piece; a piece is a block of its own where `how` says to flush it.
std::vector<std::byte> lz4_frame(Bytes plain, std::span<const std::size_t> pieces, LZ4F_preferences_t how) {
    LZ4F_cctx* context = nullptr;
    EXPECT_FALSE(LZ4F_isError(LZ4F_createCompressionContext(&context, LZ4F_VERSION)));
    std::vector<std::byte> packed(LZ4F_HEADER_SIZE_MAX + LZ4F_compressBound(0, &how));
    auto size = LZ4F_compressBegin(context, packed.data(), packed.size(), &how);
    for (auto piece : pieces) {
        auto part = plain.first(std::min(piece, plain.size()));
        plain = plain.subspan(part.size());
        packed.resize(size + LZ4F_compressBound(part.size(), &how));
        auto came = LZ4F_compressUpdate(context, &packed[size], packed.size() - size, part.data(),
                                        part.size(), nullptr);
        EXPECT_FALSE(LZ4F_isError(came));
        size += came;
    }
    packed.resize(size + LZ4F_compressBound(0, &how));
    auto came = LZ4F_compressEnd(context, &packed[size], packed.size() - size, nullptr);
    EXPECT_FALSE(LZ4F_isError(came));
    packed.resize(size + came);
    LZ4F_freeCompressionContext(context);
    return packed;
}
// Makes a header's checksum right again.
void seal_lz4_header(std::vector<std::byte>& frame) {
    auto flags = std::uint8_t(frame[4]);
    std::size_t size = 2 + (flags & 8 ? 8 : 0) + (flags & 1 ? 4 : 0);
    if (frame.size() > 4 + size) frame[4 + size] = std::byte(XXH32(&frame[4], size, 0) >> 8);
}
std::optional<std::vector<std::byte>> opened_by_library(Bytes packed, std::size_t limit) {
    LZ4F_dctx* context =
        nullptr;  // A new one each time: after an error a reset keeps what was left of the content size.
    EXPECT_FALSE(LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)));
    std::vector<std::byte> plain(limit + 1);
    std::size_t used = packed.size(), came = plain.size();
    auto code = LZ4F_decompress(context, plain.data(), &came, packed.data(), &used, nullptr);
    LZ4F_freeDecompressionContext(context);
    if (code != 0 || used != packed.size() || came > limit) return {};
    plain.resize(came);
    return plain;
}

TEST(Compress, lz4_tables_that_a_header_asks_for_are_not_taken) {
    LZ4F_preferences_t how{};
    how.frameInfo.blockSizeID = LZ4F_max4MB;
    auto plain = sample(100);
    auto packed = lz4_frame(plain, std::array{100UL}, how);
    ASSERT_EQ(packed[5], std::byte(LZ4F_max4MB << 4));
    ASSERT_LT(packed.size(), 120);
    ASSERT_EQ(decompress(Codec::lz4, packed, 1000), plain);
    EXPECT_LE(cost_of_opening(Codec::lz4, packed, 1000), 2000);
}

TEST(Compress, lz4_frames_are_read_as_their_own_library_reads_them) {
    std::mt19937_64 random(11);
    constexpr std::size_t limit = 400'000;
    int same = 0, refused = 0;
    for (unsigned kind = 0; kind < 64; ++kind) {
        LZ4F_preferences_t how{};
        how.frameInfo.blockSizeID = LZ4F_blockSizeID_t(LZ4F_max64KB + kind % 4);
        how.frameInfo.blockMode = kind & 4 ? LZ4F_blockIndependent : LZ4F_blockLinked;
        how.frameInfo.blockChecksumFlag = kind & 8 ? LZ4F_blockChecksumEnabled : LZ4F_noBlockChecksum;
        how.frameInfo.contentChecksumFlag = kind & 16 ? LZ4F_contentChecksumEnabled : LZ4F_noContentChecksum;
        how.autoFlush = 1;
        for (std::size_t size : {0UL, 1UL, 300UL, 5000UL, 200'000UL}) {
            auto plain = sample(size);
            if (random() % 4 == 0)  // What does not get smaller is stored as it is.
                std::ranges::generate(plain, [&] { return std::byte(random()); });
            how.frameInfo.contentSize = kind & 32 ? size : 0;
            std::vector<std::size_t> pieces;
            for (std::size_t sum = 0; sum < size; sum += pieces.back())
                pieces.push_back(random() % (size < 10'000 ? 700 : 90'000) + 1);
            auto good = lz4_frame(plain, pieces, how);
            ASSERT_EQ(decompress(Codec::lz4, good, size), plain) << kind << " " << size;
            if (size > 0) {
                expect_refused(Codec::lz4, good, CompressError::too_large, size - 1);
                expect_refused(Codec::lz4, good, CompressError::too_large, size / 2);
            }
            for (int round = size < 10'000 ? 60 : 4; round > 0; --round) {
                auto bad = good;
                for (auto changes = random() % 3 + 1; changes > 0; --changes)
                    bad[4 + random() % (random() % 2 ? 15 : bad.size()) % (bad.size() - 4)] ^=
                        std::byte(1 << random() % 8);
                seal_lz4_header(bad);
                auto mine = decompress(Codec::lz4, bad, limit);
                bool dictionary = (bad[4] & std::byte{1}) != std::byte{};
                auto theirs = dictionary ? std::nullopt : opened_by_library(bad, limit);
                ASSERT_EQ(mine.has_value(), theirs.has_value()) << kind << " " << size;
                if (mine) ASSERT_EQ(*mine, *theirs) << kind << " " << size;
                ++(mine ? same : refused);
            }
        }
    }
    EXPECT_GT(same, 1000);
    EXPECT_GT(refused, 1000);
}

TEST(Compress, an_lz4_frame_that_asks_for_a_dictionary_is_refused) {
    LZ4F_preferences_t how{};
    how.frameInfo.dictID = 7;
    auto plain = sample(100);
    auto packed = lz4_frame(plain, std::array{100UL}, how);
    ASSERT_EQ(opened_by_library(packed, 100), plain);
    expect_refused(Codec::lz4, packed, CompressError::damaged);
}

TEST(Compress, a_bomb_is_refused) {
    std::vector<std::byte> zeros(64 * mib);
    for (auto codec : all_codecs) {
        auto packed = compress(codec, zeros);
        // The most that each can do: snappy 1:21, lz4 1:255, gzip 1:1030, zstd more.
        EXPECT_LT(packed.size(), codec == Codec::snappy ? zeros.size() / 20 : zeros.size() / 200);
        for (std::size_t limit : {0UL, 1UL, 1000UL, mib, 64 * mib - 1}) {
            expect_refused(codec, packed, CompressError::too_large, limit);
            EXPECT_LE(cost_of_opening(codec, packed, limit), limit + 1 + codec_state_bytes_max) << int(codec);
        }
    }
    expect_refused(Codec::snappy, raw_snappy(zeros), CompressError::too_large);
}

TEST(Compress, changed_bytes_neither_crash_nor_pass_the_limit) {
    constexpr std::size_t limit = 20'000;
    std::mt19937_64 random(7);
    for (auto codec : all_codecs) {
        auto plain = sample(3000);
        for (auto& good :
             {compress(codec, plain), codec == Codec::snappy ? raw_snappy(plain) : compress(codec, {})}) {
            int refused = 0;
            for (int round = 0; round < 4000; ++round) {
                auto bad = good;
                for (auto changes = random() % 4 + 1; changes > 0; --changes)
                    bad[random() % std::min<std::size_t>(bad.size(), random() % 2 ? 32 : 1 << 20)] =
                        std::byte(random());
                if (random() % 4 == 0) bad.resize(random() % (bad.size() + 1));
                auto opened = decompress(codec, bad, limit);
                if (opened) EXPECT_LE(opened->size(), limit);
                else ++refused;
            }
            EXPECT_GT(refused, 1000) << int(codec);
        }
    }
}

}  // namespace
}  // namespace fulmar::wire
