#include "base/address.h"

#include <gtest/gtest.h>

namespace fulmar {
namespace {

TEST(Address, is_written_as_kafka_writes_them_or_shorter) {
    EXPECT_EQ(parse_address("127.0.0.1:9092"), (Address{"127.0.0.1", 9092}));
    EXPECT_EQ(parse_address("PLAINTEXT://localhost:0"), (Address{"localhost", 0}));
    EXPECT_EQ(parse_address(":9092"), (Address{"0.0.0.0", 9092}));
    EXPECT_EQ(parse_address("[::1]:65535"), (Address{"::1", 65535}));
    for (auto text : {"", "localhost", "localhost:", "localhost:x", "localhost:65536", "localhost:-1",
                      "::1:9092", "[]:1", "a:1,b:2", "SSL://a:1", "http://a:1", "a b:1", "[a:1"})
        EXPECT_EQ(parse_address(text), std::nullopt) << text;
    EXPECT_EQ(to_text(Address{"::1", 9092}), "[::1]:9092");
    EXPECT_EQ(to_text(Address{"a.example", 1}), "a.example:1");
}

}  // namespace
}  // namespace fulmar
