// As much of HTTP as a reader of metrics needs (RFC 9110, RFC 9112): request heads, without bodies, and
// answers with their length. Boost.Beast parses; no other file knows of it. It reads no socket and keeps no
// time: whoever does bounds both.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/pieces.h"
#include "base/time.h"

namespace fulmar::console {

struct HttpRequest {
    enum class Method : std::uint8_t { get, head, other } method{};
    std::string path, query;  // "/metrics", "topic=orders"; neither is decoded.
    bool keep_alive = false;
};

class HttpReader {
public:
    static constexpr std::size_t head_bytes_max = 8 << 10;

    struct Step {
        std::size_t used = 0;  // Bytes in front that are done with.
        std::optional<HttpRequest> request{};
        int refused = 0;  // A status: nothing after it can be read.
    };
    // `bytes`: all that came and is not used yet. Neither a request nor a refusal: it takes more. Whoever
    // sends a body is not kept alive, since nobody reads it.
    Step read(Bytes bytes);

private:
    std::size_t searched_ = 0;  // In front of it no head ends.
};

struct HttpAnswer {
    int status = 200;
    std::string body{};  // Ends its last line.
    std::string_view content_type = "text/plain; charset=utf-8";
    std::string_view allow{};  // Of a 405: the methods that would do.
};
// What goes over the wire. To HEAD all but the body is sent.
Pieces http_bytes(const HttpAnswer& answer, bool head_only, bool keep_alive, Timestamp wall);

// The value of a query's parameter, "" when it is not there.
std::string_view query_value(std::string_view query, std::string_view name);

}  // namespace fulmar::console
