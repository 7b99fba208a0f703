#include "wire/kafka/header.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/allocations.h"
#include "wire/kafka/api_versions.h"
#include "wire/kafka/describe_cluster.h"
#include "wire/kafka/metadata.h"

using namespace fulmar;

namespace {

std::string operator""_b(const char* s, std::size_t n) { return {s, n}; }
std::string text(Pieces pieces) { return std::string(text_of(pieces.owned())); }

TEST(Header, a_request_opens_into_header_and_body) {
    auto frame = "\0\3\0\4\0\0\0\x0d\0\2idbody"_b;
    auto request = kafka::open_request(bytes_of(frame)).value();
    EXPECT_EQ(request.header.request_api_key, 3);
    EXPECT_EQ(request.header.request_api_version, 4);
    EXPECT_EQ(request.header.correlation_id, 13);
    EXPECT_EQ(request.header.client_id, "id");
    EXPECT_EQ(text_of(request.body), "body");
    frame.replace(8, 4, "\xff\xff");
    EXPECT_EQ(kafka::open_request(bytes_of(frame)).value().header.client_id, std::nullopt);
}

TEST(Header, what_is_too_short_is_refused) {
    auto frame = "\0\3\0\4\0\0\0\x0d\0\2id"_b;
    for (std::size_t n = 0; n < frame.size(); ++n)
        EXPECT_EQ(kafka::open_request(bytes_of(frame).first(n)).error(), wire::DecodeError::truncated) << n;
    EXPECT_EQ(kafka::open_response({}, false).error(), wire::DecodeError::truncated);
    EXPECT_EQ(kafka::open_response(bytes_of("\0\0\0\1"_b), true).error(), wire::DecodeError::truncated);
}

TEST(Header, tags_are_stepped_over_without_memory) {
    std::string tags = "\x80\x08"_b;  // 1,024 of them, each empty.
    for (int i = 0; i < 1024; ++i)
        tags += i < 128 ? std::string{char(i), '\0'} : std::string{char(i | 0x80), char(i >> 7), '\0'};
    test::allocations() = {};
    auto rest = kafka::skip_tags(bytes_of(tags));
    EXPECT_EQ(test::allocations().count, 0);
    ASSERT_TRUE(rest);
    EXPECT_TRUE(rest->empty());
    auto body = "\1\0\1xbody"_b;
    EXPECT_EQ(text_of(kafka::skip_tags(bytes_of(body)).value()), "body");
    EXPECT_EQ(kafka::skip_tags(bytes_of("\1\0\2x"_b)).error(), wire::DecodeError::truncated);
}

TEST(Header, a_client_id_is_never_compact) {
    kafka::MetadataRequest all;
    EXPECT_EQ(text(kafka::request_frame(all, 9, 5, "id")),
              "\0\0\0\x12\0\3\0\x09\0\0\0\5\0\2id\0\0\1\0\0\0"_b);
    EXPECT_EQ(text(kafka::request_frame(all, 1, 5, std::nullopt)),
              "\0\0\0\x0e\0\3\0\1\0\0\0\5\xff\xff\xff\xff\xff\xff"_b);
}

TEST(Header, an_answer_to_api_versions_has_the_plain_header) {
    kafka::ApiVersionsResponse versions;
    EXPECT_EQ(text(kafka::response_frame(versions, 3, 7)), "\0\0\0\x0c\0\0\0\7\0\0\1\0\0\0\0\0"_b);
    EXPECT_FALSE(kafka::flexible_response_header<kafka::ApiVersionsResponse>(4));
    EXPECT_FALSE(kafka::flexible_response_header<kafka::MetadataResponse>(8));
    EXPECT_TRUE(kafka::flexible_response_header<kafka::MetadataResponse>(9));
    auto flexible = text(kafka::response_frame(kafka::DescribeClusterResponse{}, 0, 7));
    auto opened = kafka::open_response(bytes_of(flexible).subspan(4), true).value();
    EXPECT_EQ(opened.correlation_id, 7);
    Arena arena(0);
    EXPECT_TRUE(wire::decode<kafka::DescribeClusterResponse>(opened.body, 0, arena));
}

}  // namespace
