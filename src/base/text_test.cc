#include "base/text.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace fulmar {
namespace {

TEST(Text, a_number_is_the_whole_of_its_text) {
    EXPECT_EQ(parse_number<int>("42"), 42);
    EXPECT_EQ(parse_number<int>("-42"), -42);
    EXPECT_EQ(parse_number<int>("00ff", 16), 255);
    EXPECT_EQ(parse_number<double>("0.5"), 0.5);
    for (auto text : {"", "-", "+1", " 1", "1 ", "1x", "0x1", "1.5"})
        EXPECT_EQ(parse_number<int>(text), std::nullopt) << text;
}

TEST(Text, a_number_out_of_its_types_range_is_none) {
    EXPECT_EQ(parse_number<std::uint16_t>("65535"), 65535);
    EXPECT_EQ(parse_number<std::uint16_t>("65536"), std::nullopt);
    EXPECT_EQ(parse_number<std::uint16_t>("-1"), std::nullopt);
    EXPECT_EQ(parse_number<std::int64_t>("9223372036854775808"), std::nullopt);
}

TEST(Text, blanks_go_at_both_ends_only) {
    EXPECT_EQ(trimmed("  a b  "), "a b");
    EXPECT_EQ(trimmed("   "), "");
}

TEST(Text, letters_are_those_of_ascii) {
    EXPECT_EQ(lower('Q'), 'q');
    EXPECT_EQ(upper('q'), 'Q');
    for (char c : {'[', '`', '@', '{', '-', char(0xe4)}) {
        EXPECT_FALSE(is_letter_or_digit(c)) << c;
        EXPECT_EQ(lower(c), c);
        EXPECT_EQ(upper(c), c);
    }
}

}  // namespace
}  // namespace fulmar
