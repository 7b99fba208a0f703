#include "door/console/http.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

namespace fulmar::console {
namespace http = boost::beast::http;

static HttpRequest::Method method_of(http::verb verb) {
    if (verb == http::verb::get) return HttpRequest::Method::get;
    return verb == http::verb::head ? HttpRequest::Method::head : HttpRequest::Method::other;
}

HttpReader::Step HttpReader::read(Bytes bytes) {
    constexpr std::string_view end = "\r\n\r\n";
    auto text = text_of(bytes).substr(0, head_bytes_max);
    auto at = text.find(end, searched_);
    if (at == text.npos) {
        searched_ = text.size() < end.size() ? 0 : text.size() - end.size() + 1;
        return {.refused = text.size() == head_bytes_max ? 431 : 0};
    }
    searched_ = 0;
    auto size = at + end.size();
    http::request_parser<http::empty_body> parser;
    parser.eager(true);
    parser.header_limit(std::uint32_t(head_bytes_max));
    boost::beast::error_code error;
    parser.put(boost::asio::buffer(bytes.data(), size), error);
    if (error == http::error::bad_version) return {.refused = 505};
    if (error && error != http::error::need_more) return {.refused = 400};
    if (!parser.is_header_done()) return {.refused = 400};
    auto& head = parser.get();
    HttpRequest request{method_of(head.method()), std::string(head.target()), {}, parser.keep_alive()};
    bool with_body = parser.chunked() || parser.content_length().value_or(0) > 0;
    if (with_body) request.keep_alive = false;
    // RFC 9112, 3.2: in HTTP/1.1 exactly one Host.
    bool nameless = head.version() >= 11 && head.count(http::field::host) != 1;
    if (nameless || (with_body && request.method != HttpRequest::Method::other)) return {.refused = 400};
    // RFC 9112, 3.2.2: proxies are asked for whole addresses, and a server must understand those.
    auto& path = request.path;
    if (auto scheme = path.find("://"); !path.starts_with('/') && scheme != path.npos)
        path = path.find('/', scheme + 3) == path.npos ? "/" : path.substr(path.find('/', scheme + 3));
    if (auto mark = path.find('?'); mark != path.npos) {
        request.query = path.substr(mark + 1);
        path.resize(mark);
    }
    return {.used = size, .request = std::move(request)};
}

static std::string_view reason(int status) {
    switch (status) {
        case 200: return "OK";
        case 400: return "Bad Request";
        case 404: return "Not Found";
        case 405: return "Method Not Allowed";
        case 431: return "Request Header Fields Too Large";
        case 503: return "Service Unavailable";
        case 505: return "HTTP Version Not Supported";
        default: return "";
    }
}

Pieces http_bytes(const HttpAnswer& answer, bool head_only, bool keep_alive, Timestamp wall) {
    auto seconds = std::time_t(std::to_underlying(wall) / 1000);
    auto text = fmt::format(
        "HTTP/1.1 {} {}\r\nDate: {:%a, %d %b %Y %H:%M:%S} GMT\r\nContent-Type: {}\r\nContent-Length: {}\r\n"
        "Connection: {}\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n{}{}{}\r\n",
        answer.status, reason(answer.status), fmt::gmtime(seconds), answer.content_type, answer.body.size(),
        keep_alive ? "keep-alive" : "close", answer.allow.empty() ? "" : "Allow: ", answer.allow,
        answer.allow.empty() ? "" : "\r\n");
    Pieces out;
    out.add(bytes_of(text));
    if (!head_only) out.add(bytes_of(answer.body));
    return out;
}

std::string_view query_value(std::string_view query, std::string_view name) {
    while (!query.empty()) {
        auto part = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(query.size(), part.size() + 1));
        if (part.starts_with(name) && part.substr(name.size()).starts_with('='))
            return part.substr(name.size() + 1);
    }
    return {};
}

}  // namespace fulmar::console
