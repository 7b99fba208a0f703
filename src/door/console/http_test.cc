#include "door/console/http.h"

#include <gtest/gtest.h>

#include <vector>

namespace fulmar::console {
namespace {

using Method = HttpRequest::Method;

// All requests in a stream that comes in pieces of that many bytes; behind them the status by which it ends.
std::vector<std::string> heard(std::string_view stream, std::size_t piece) {
    HttpReader reader;
    std::vector<std::string> told;
    std::string buffer;
    while (!stream.empty() || !buffer.empty()) {
        auto step = reader.read(bytes_of(buffer));
        if (step.refused != 0) {
            told.push_back(std::to_string(step.refused));
            break;
        }
        if (step.request) {
            auto& request = *step.request;
            auto method = request.method == Method::get    ? "GET "
                          : request.method == Method::head ? "HEAD "
                                                           : "? ";
            told.push_back(method + request.path + (request.query.empty() ? "" : " with " + request.query) +
                           (request.keep_alive ? "" : " close"));
            buffer.erase(0, step.used);
            continue;
        }
        if (stream.empty()) break;
        auto came = stream.substr(0, piece);
        buffer += came;
        stream.remove_prefix(came.size());
    }
    return told;
}
using Heard = std::vector<std::string>;
void expect_heard(std::string_view stream, const Heard& expected) {
    for (std::size_t piece = 1; piece <= stream.size(); ++piece)
        ASSERT_EQ(heard(stream, piece), expected) << piece << " bytes at a time of " << stream;
}
std::string with_host(std::string_view first_line) { return std::string(first_line) + "\r\nHost: h\r\n\r\n"; }

TEST(Http, a_head_may_come_in_any_pieces) {
    expect_heard("GET /metrics HTTP/1.1\r\nHost: here:9644\r\nAccept: */*\r\n\r\n", {"GET /metrics"});
    expect_heard(with_host("HEAD /healthz?a=b&c HTTP/1.1"), {"HEAD /healthz with a=b&c"});
    expect_heard(with_host("GET /metrics HTTP/1.1").substr(0, 30), {});
}

TEST(Http, requests_may_follow_one_another_unasked) {
    expect_heard(with_host("GET /a HTTP/1.1") + with_host("HEAD /b HTTP/1.1") + with_host("PUT /c HTTP/1.1") +
                     "GET /d HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
                 {"GET /a", "HEAD /b", "? /c", "GET /d close"});
}

TEST(Http, an_old_client_is_kept_only_when_it_asks) {
    expect_heard("GET /a HTTP/1.0\r\n\r\n", {"GET /a close"});
    expect_heard("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", {"GET /a"});
}

TEST(Http, a_whole_address_is_understood) {
    expect_heard(with_host("GET http://here:1/metrics?x=1 HTTP/1.1"), {"GET /metrics with x=1"});
    expect_heard(with_host("GET http://here HTTP/1.1"), {"GET /"});
    expect_heard(with_host("GET http://here?x HTTP/1.1"), {"GET /"});
    expect_heard(with_host("GET /a://b/metrics HTTP/1.1"), {"GET /a://b/metrics"});
    expect_heard(with_host("OPTIONS * HTTP/1.1"), {"? *"});
}

TEST(Http, nonsense_is_refused) {
    for (std::string_view nonsense : {
             "GET\r\n\r\n",
             "GET /a\r\n\r\n",
             " GET /a HTTP/1.1\r\n\r\n",
             "GET /a HTTP/1.1\r\n\r\n",                        // No host,
             "GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",  // or two.
             "GET /a HTTP/1.1\r\nHost : a\r\n\r\n",
             "GET /a HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
             "GET /a HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
             "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
             "GET /a HTTP/1.1\r\nHost: a\r\nX: a\x01z\r\n\r\n",
             "GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
             "GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
             "GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
             "GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
             "GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody",
             "GET /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         })
        expect_heard(nonsense, {"400"});
    expect_heard("\x16\x03\x01\x02\r\n\r\n", {"400"});  // As a client of TLS begins.
    for (auto line : {"GET /a HTTP/2.0", "GET /a HTTP/1.1 ", "GET /a HTTP/1.10", "GET /a http/1.1"})
        expect_heard(with_host(line), {"505"});
    expect_heard("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {"505"});
}

TEST(Http, whoever_sends_a_body_is_not_read_any_further) {
    auto told = heard("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 1000);
    ASSERT_FALSE(told.empty());
    EXPECT_EQ(told[0], "? /a close");
}

TEST(Http, a_head_has_a_bound) {
    constexpr std::string_view begin = "GET /a HTTP/1.1\r\nHost: h\r\nX: ", end = "\r\n\r\n";
    auto of_size = [&](std::size_t size) {
        return std::string(begin) + std::string(size - begin.size() - end.size(), 'x') + std::string(end);
    };
    for (std::size_t piece : {1U, 7U, 4096U, 20'000U}) {
        // The reader's buffer takes no more than the bound.
        auto whole = of_size(HttpReader::head_bytes_max);
        EXPECT_EQ(heard(whole, piece), Heard{"GET /a"}) << piece;
        EXPECT_EQ(heard(of_size(HttpReader::head_bytes_max + 1), piece), Heard{"431"}) << piece;
        EXPECT_EQ(heard(std::string(20'000, 'G'), piece), Heard{"431"}) << piece;
        EXPECT_EQ(heard("GET /" + std::string(20'000, 'a') + " HTTP/1.1" + std::string(end), piece),
                  Heard{"431"})
            << piece;
    }
}

std::string sent(const HttpAnswer& answer, bool head_only, bool keep_alive) {
    return std::string(text_of(http_bytes(answer, head_only, keep_alive, Timestamp{784111777'123}).owned()));
}
TEST(Http, an_answer_says_its_length_and_what_becomes_of_the_connection) {
    EXPECT_EQ(sent({.body = "ok\n"}, false, true),
              "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"  // As in RFC 9110, 5.6.7.
              "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 3\r\nConnection: keep-alive\r\n"
              "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\nok\n");
    auto refusal = sent({.status = 405, .body = "no\n", .allow = "GET, HEAD"}, true, false);
    EXPECT_TRUE(refusal.starts_with("HTTP/1.1 405 Method Not Allowed\r\n")) << refusal;
    EXPECT_TRUE(refusal.ends_with("\r\nAllow: GET, HEAD\r\n\r\n")) << refusal;
    EXPECT_NE(refusal.find("Content-Length: 3\r\nConnection: close\r\n"), refusal.npos) << refusal;
}

TEST(Http, a_parameter_is_found_by_its_whole_name) {
    EXPECT_EQ(query_value("topic=a", "topic"), "a");
    EXPECT_EQ(query_value("x=1&topic=b&topic=c", "topic"), "b");
    for (auto query : {"", "topic", "topics=a", "atopic=a", "&&", "=a", "x=topic"})
        EXPECT_EQ(query_value(query, "topic"), "") << query;
}

}  // namespace
}  // namespace fulmar::console
