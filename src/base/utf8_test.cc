#include "base/utf8.h"

#include <gtest/gtest.h>

namespace fulmar {
namespace {

TEST(Utf8, what_is_right_stays) {
    for (std::string text :
         {"", "orders", "Möwe", "\u0800\uffff", "\U00010000\U0010ffff", "\xed\x9f\xbf\xee\x80\x80"})
        EXPECT_EQ(as_utf8(text, 100), text);
}
// What Java 17 makes of these: new String(bytes, UTF_8).
TEST(Utf8, what_is_none_is_replaced_as_java_does) {
    const std::string r = "\ufffd";
    EXPECT_EQ(as_utf8("bad\xff\xfe", 100), "bad" + r + r);
    EXPECT_EQ(as_utf8("\x80x", 100), r + "x");
    EXPECT_EQ(as_utf8("\xc3(", 100), r + "(");  // Cut short.
    EXPECT_EQ(as_utf8("\xe2\x82", 100), r);     // Cut short at the end.
    EXPECT_EQ(as_utf8("\xf0\x9f\x90x", 100), r + "x");
    EXPECT_EQ(as_utf8("\xc0\xaf", 100), r + r);  // Longer than need be.
    EXPECT_EQ(as_utf8("\xe0\x80\xaf", 100), r + r + r);
    EXPECT_EQ(as_utf8("\xed\xa0\x80", 100), r + r + r);          // Half of a pair.
    EXPECT_EQ(as_utf8("\xf4\x90\x80\x80", 100), r + r + r + r);  // Beyond the last.
}
TEST(Utf8, what_would_get_too_long_does_not) {
    EXPECT_EQ(as_utf8(std::string(40, '\xff'), 120).size(), 120U);
    EXPECT_EQ(as_utf8(std::string(40, '\xff'), 119), std::string(40, '?'));
}
TEST(Utf8, characters_have_their_codes) {
    EXPECT_EQ(first_character("a").code, 0x61U);
    EXPECT_EQ(first_character("\u00e9").code, 0xe9U);
    EXPECT_EQ(first_character("\u20ac!").code, 0x20acU);
    auto bird = first_character("\U0001f426");
    EXPECT_EQ(bird.code, 0x1f426U);
    EXPECT_EQ(bird.bytes, 4U);
    EXPECT_FALSE(first_character("\xff").valid);
}

}  // namespace
}  // namespace fulmar
