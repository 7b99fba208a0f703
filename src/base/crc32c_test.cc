#include "base/crc32c.h"

#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

namespace fulmar {
namespace {

TEST(Crc32c, gives_the_vectors_of_rfc_3720) {
    std::string rising(32, '\0'), falling(32, '\0');
    std::iota(rising.begin(), rising.end(), char(0));
    std::iota(falling.rbegin(), falling.rend(), char(0));
    EXPECT_EQ(crc32c(bytes_of(std::string(32, '\0'))), 0x8a9136aaU);
    EXPECT_EQ(crc32c(bytes_of(std::string(32, '\xff'))), 0x62a8ab43U);
    EXPECT_EQ(crc32c(bytes_of(rising)), 0x46dd794eU);
    EXPECT_EQ(crc32c(bytes_of(falling)), 0x113fdb5cU);
    EXPECT_EQ(crc32c(bytes_of("123456789")), 0xe3069283U);
    EXPECT_EQ(crc32c({}), 0U);
}

TEST(Crc32c, in_parts_it_is_the_same_wherever_they_are_cut) {
    std::vector<std::byte> bytes(3000);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = std::byte(i * i >> 3);
    auto whole = crc32c(bytes);
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
        auto first = crc32c(Bytes(bytes).first(cut));
        ASSERT_EQ(crc32c_extend(first, Bytes(bytes).subspan(cut)), whole) << cut;
    }
}

TEST(Crc32c, every_flipped_bit_shows) {
    std::vector<std::byte> bytes(200, std::byte{7});
    auto right = crc32c(bytes);
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        bytes[bit / 8] ^= std::byte(1U << bit % 8);
        ASSERT_NE(crc32c(bytes), right) << bit;
        bytes[bit / 8] ^= std::byte(1U << bit % 8);
    }
}

}  // namespace
}  // namespace fulmar
