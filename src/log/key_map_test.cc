#include "log/key_map.h"

#include <gtest/gtest.h>

#include <string>

namespace fulmar {
namespace {

TEST(KeyMap, knows_where_each_key_stands_last) {
    KeyMap map(1 << 20, 7);
    EXPECT_EQ(map.find(bytes_of("a")), std::nullopt);
    EXPECT_TRUE(map.put(bytes_of("a"), Offset{0}) && map.put(bytes_of(""), Offset{1}) &&
                map.put(bytes_of("a"), Offset{2}) && map.put(bytes_of("a"), Offset{1}));
    EXPECT_EQ(map.find(bytes_of("a")), Offset{2});
    EXPECT_EQ(map.find(bytes_of("")), Offset{1});
    EXPECT_EQ(map.find(bytes_of("b")), std::nullopt);
    EXPECT_EQ(map.size(), 2U);
}
TEST(KeyMap, is_full_at_its_bound_and_then_still_knows) {
    constexpr std::size_t bytes_max = 1 << 20;
    KeyMap map(bytes_max, 7);
    int n = 0;
    while (map.put(bytes_of(std::to_string(n)), Offset{n})) ++n;
    EXPECT_GT(n, 13'000);  // 24 bytes a key, while it grows half as much again, full to four fifths.
    EXPECT_LE(map.bytes(), bytes_max);
    for (int i = 0; i < n; ++i) {
        EXPECT_EQ(map.find(bytes_of(std::to_string(i))), Offset{i});
        EXPECT_TRUE(map.put(bytes_of(std::to_string(i)), Offset{n + i}));
    }
    EXPECT_EQ(map.size(), std::size_t(n));
    EXPECT_FALSE(map.put(bytes_of("one more"), Offset{n}));
}
TEST(KeyMap, has_room_for_some_keys_whatever_its_bound) {
    KeyMap map(0, 7);
    for (int n = 0; n < 50; ++n) EXPECT_TRUE(map.put(bytes_of(std::to_string(n)), Offset{n}));
    for (int n = 0; n < 50; ++n) EXPECT_FALSE(!map.find(bytes_of(std::to_string(n))));
}

}  // namespace
}  // namespace fulmar
