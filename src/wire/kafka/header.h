// What stands in front of a message's body, and the frame around both: an int32 size, a header, a body.
// Values and functions; any thread; no I/O.
#pragma once

#include "wire/kafka/errors.h"
#include "wire/wire.h"

namespace fulmar::kafka {

// Version 1. Version 2, of flexible requests, adds a tagged section; version 0, which has no client id,
// went with its one request (ControlledShutdown 0). The client's id is never compact.
struct RequestHeader {
    static constexpr int flexible_since = INT_MAX;

    std::int16_t request_api_key = 0;
    std::int16_t request_api_version = 0;
    std::int32_t correlation_id = 0;
    std::optional<std::string_view> client_id;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.request_api_key);
        wire(m.request_api_version);
        wire(m.correlation_id);
        wire(m.client_id, wire::since(0), wire::nullable(0));
    }
};

struct Request {
    RequestHeader header;
    Bytes body;
};
// Reads the header of a request without its size in front. Whether the body is flexible, only who knows
// the API can say: then `body` still has the header's tags in front, and skip_tags takes them off.
std::expected<Request, wire::DecodeError> open_request(Bytes frame);
// Steps over the tagged section that `bytes` begin with; what is behind it. No memory is taken.
std::expected<Bytes, wire::DecodeError> skip_tags(Bytes bytes);

// A response's header is the id of the request that it answers. Version 1, of flexible responses, adds a
// tagged section; that of ApiVersions has version 0 always, since its client cannot know yet which is spoken.
template <class T>
constexpr bool flexible_response_header(int version) {
    constexpr int api_versions = 18;
    return T::key != api_versions && wire::flexible<T>(version);
}
struct Response {
    std::int32_t correlation_id = 0;
    Bytes body;
};
std::expected<Response, wire::DecodeError> open_response(Bytes frame, bool flexible_header);

namespace detail {
std::size_t request_room(const RequestHeader& header, bool flexible);
std::size_t response_room(bool flexible_header);
void put_request_header(Pieces& frame, const RequestHeader& header);
void put_response_header(Pieces& frame, std::int32_t correlation_id);
}  // namespace detail

// Whole frames, with their size in front, ready to be sent. REQUIRES: less than 2 GiB, and a client id of
// less than 32 KiB.
template <wire::Message T>
Pieces request_frame(const T& body, int version, std::int32_t correlation_id,
                     std::optional<std::string_view> client_id) {
    RequestHeader header{std::int16_t(T::key), std::int16_t(version), correlation_id, client_id};
    bool flexible = wire::flexible<T>(version);
    auto frame = wire::encode(body, version, detail::request_room(header, flexible));
    detail::put_request_header(frame, header);
    return frame;
}
// Whether it can be sent: its size stands in four bytes, with a sign.
bool is_frame(const Pieces& frame);
template <wire::Message T>
Pieces response_frame(const T& body, int version, std::int32_t correlation_id) {
    bool flexible = flexible_response_header<T>(version);
    auto frame = wire::encode(body, version, detail::response_room(flexible));
    detail::put_response_header(frame, correlation_id);
    return frame;
}

}  // namespace fulmar::kafka

FULMAR_WIRE(extern, fulmar::kafka::RequestHeader);
