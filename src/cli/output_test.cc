#include "cli/output.h"

#include <gtest/gtest.h>

namespace fulmar::cli {
namespace {

TEST(Output, text_becomes_json_text) {
    EXPECT_EQ(json_text("a \"b\"\\\n\t\r\x01 ü"), "\"a \\\"b\\\"\\\\\\n\\t\\r\\u0001 ü\"");
    EXPECT_EQ(json_member("key", "x"), "\"key\":\"x\"");
}

TEST(Output, bytes_that_are_no_text_go_as_base64) {
    EXPECT_EQ(json_member("value", "\xff\x00"), "\"value_base64\":\"/w==\"");
    EXPECT_EQ(base64(bytes_of("")), "");
    EXPECT_EQ(base64(bytes_of("f")), "Zg==");
    EXPECT_EQ(base64(bytes_of("fo")), "Zm8=");
    EXPECT_EQ(base64(bytes_of("foo")), "Zm9v");
    EXPECT_EQ(base64(bytes_of("foobar")), "Zm9vYmFy");
}

TEST(Output, text_is_utf8_of_the_shortest_form) {
    for (auto good :
         {"", "a", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x90\xa6", "\xef\xbf\xbf", "\xf4\x8f\xbf\xbf"})
        EXPECT_TRUE(is_utf8(good)) << good;
    for (auto bad : {"\x80", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                     "\xf5\x80\x80\x80", "\xe2\x82", "\xf0\x9f\x90", "a\xff", "\xc3q"})
        EXPECT_FALSE(is_utf8(bad)) << bad;
}

TEST(Output, times_are_utc) {
    EXPECT_EQ(utc(0), "1970-01-01T00:00:00.000Z");
    EXPECT_EQ(utc(1795510800123), "2026-11-24T09:00:00.123Z");
    EXPECT_EQ(utc(-1), "1969-12-31T23:59:59.999Z");
    EXPECT_FALSE(utc(INT64_MAX).empty());
}

TEST(Output, columns_line_up) {
    EXPECT_EQ(table({{"NAME", "N"}, {"a", "12"}, {"orders", "3"}}), "NAME    N\na       12\norders  3\n");
    EXPECT_EQ(counted(1, "message"), "1 message");
    EXPECT_EQ(counted(0, "message"), "0 messages");
}

TEST(Output, columns_line_up_in_any_language) {
    EXPECT_EQ(columns("orders"), 6U);
    EXPECT_EQ(columns("Grüße"), 5U);
    EXPECT_EQ(columns("注文-한국"), 9U);
    EXPECT_EQ(columns("e\u0301"), 1U);
    EXPECT_EQ(columns("😀"), 2U);
    EXPECT_EQ(columns("заказы"), 6U);
    EXPECT_EQ(columns("\xff\xfe"), 2U);
    EXPECT_EQ(columns(""), 0U);
    EXPECT_EQ(table({{"N", "M"}, {"注文", "1"}, {"Größe", "2"}}), "N      M\n注文   1\nGröße  2\n");
}

TEST(Output, a_name_is_seen_whatever_it_is) {
    for (auto plain : {"orders", "a b", "Größe", "注文", "-", "a'b"}) EXPECT_EQ(shown(plain), plain);
    EXPECT_EQ(shown(""), "\"\"");
    EXPECT_EQ(shown(" a"), "\" a\"");
    EXPECT_EQ(shown("a "), "\"a \"");
    EXPECT_EQ(shown("a\nb\x1b[2J"), "\"a\\nb\\u001b[2J\"");
    EXPECT_EQ(shown("\"a\""), "\"\\\"a\\\"\"");
    EXPECT_EQ(shown("\xff"), "base64 /w==");
}

TEST(Output, a_time_is_read_as_it_is_printed_or_shorter) {
    for (std::int64_t at : {0LL, 1'794'999'600'123LL, 951'782'399'000LL}) EXPECT_EQ(parse_utc(utc(at)), at);
    EXPECT_EQ(parse_utc("2026-11-24"), 1'795'478'400'000);
    EXPECT_EQ(parse_utc("2026-11-24T00:00"), 1'795'478'400'000);
    EXPECT_EQ(parse_utc("2026-11-24T09:08:07"), 1'795'478'400'000 + 32'887'000);
    EXPECT_EQ(parse_utc("1795478400000"), 1'795'478'400'000);
    for (auto* wrong : {"", "yesterday", "2026-11", "2026-13-01", "2026-02-29", "2026-11-24T24:00",
                        "2026-11-24T09:08:07.1", "2026-11-24 09:08", "-1", "20261124T090807Z"})
        EXPECT_FALSE(parse_utc(wrong)) << wrong;
}

}  // namespace
}  // namespace fulmar::cli
