#include "base/varint.h"

#include <gtest/gtest.h>

namespace fulmar {
namespace {

std::vector<std::byte> packed(std::int64_t n) {
    std::vector<std::byte> bytes;
    add_varlong(bytes, n);
    return bytes;
}
std::vector<std::byte> raw(std::initializer_list<int> values) {
    std::vector<std::byte> bytes;
    for (int value : values) bytes.push_back(std::byte(value));
    return bytes;
}

TEST(Varint, small_numbers_of_either_sign_take_one_byte) {
    EXPECT_EQ(packed(0), raw({0}));
    EXPECT_EQ(packed(-1), raw({1}));
    EXPECT_EQ(packed(1), raw({2}));
    EXPECT_EQ(packed(63), raw({126}));
    EXPECT_EQ(packed(-64), raw({127}));
    EXPECT_EQ(packed(64), raw({0x80, 1}));
    EXPECT_EQ(packed(-65), raw({0x81, 1}));
    EXPECT_EQ(packed(INT32_MAX), raw({0xfe, 0xff, 0xff, 0xff, 0x0f}));
    EXPECT_EQ(packed(INT64_MIN), raw({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}));
}

TEST(Varint, every_power_of_two_and_its_neighbours_come_back) {
    for (int bit = 0; bit < 64; ++bit) {
        for (int off : {-1, 0, 1}) {
            for (int sign : {1, -1}) {
                auto n = std::int64_t(((std::uint64_t(1) << bit) + std::uint64_t(off)) * std::uint64_t(sign));
                auto bytes = packed(n);
                bytes.push_back(std::byte{9});
                Bytes left = bytes;
                ASSERT_EQ(take_varlong(left), n);
                ASSERT_EQ(left.size(), 1U);
                if (n < INT32_MIN || n > INT32_MAX) continue;
                left = bytes;
                ASSERT_EQ(take_varint(left), n);
                ASSERT_EQ(left.size(), 1U);
            }
        }
    }
}

TEST(Varint, one_that_is_cut_short_or_too_long_takes_nothing) {
    auto refused = [](const std::vector<std::byte>& bytes, auto take) {
        Bytes left = bytes;
        return !take(left) && left.data() == bytes.data() && left.size() == bytes.size();
    };
    EXPECT_TRUE(refused({}, take_varint) && refused({}, take_varlong));
    for (auto n : {std::int64_t(64), std::int64_t(INT32_MIN), INT64_MAX}) {
        for (auto bytes = packed(n); bytes.pop_back(), !bytes.empty();) {
            EXPECT_TRUE(refused(bytes, take_varlong)) << n << " in " << bytes.size();
            EXPECT_TRUE(refused(bytes, take_varint)) << n << " in " << bytes.size();
        }
    }
    EXPECT_TRUE(refused(raw({0x80, 0x80, 0x80, 0x80, 0x80, 0}), take_varint));
    EXPECT_FALSE(refused(raw({0x80, 0x80, 0x80, 0x80, 0}), take_varint));
    std::vector<std::byte> long_zero(10, std::byte{0x80});
    long_zero.push_back({});
    EXPECT_TRUE(refused(long_zero, take_varlong));
    long_zero.erase(long_zero.begin());
    EXPECT_FALSE(refused(long_zero, take_varlong));
}

}  // namespace
}  // namespace fulmar
