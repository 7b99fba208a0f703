#include "wire/kafka/header.h"

#include <algorithm>

FULMAR_WIRE(, fulmar::kafka::RequestHeader);

namespace fulmar::kafka {
namespace {

constexpr std::size_t size_bytes = sizeof(std::int32_t);

struct CorrelationId {
    static constexpr int flexible_since = INT_MAX;
    std::int32_t value = 0;
    static constexpr void fields(auto& m, auto& wire) { wire(m.value); }
};
// A tagged section and nothing else.
struct Tags {
    static constexpr void fields(auto&, auto&) {}
};

// Nothing in a header takes memory.
template <wire::Message T>
std::expected<T, wire::DecodeError> read_front(Bytes& bytes) {
    Arena none(0);
    Bytes rest;
    auto front = wire::decode<T>(bytes, 0, none, &rest);
    if (front) bytes = rest;
    return front;
}

// What is longer no frame can hold: it is not sent (`is_frame`).
void put_size(Pieces& frame) {
    auto size = std::min<std::size_t>(frame.size() - size_bytes, INT32_MAX);
    store_big(frame.owned().data(), std::int32_t(size));
}

}  // namespace

bool is_frame(const Pieces& frame) { return frame.size() - size_bytes <= INT32_MAX; }

std::expected<Request, wire::DecodeError> open_request(Bytes frame) {
    auto header = read_front<RequestHeader>(frame);
    if (!header) return std::unexpected(header.error());
    return Request{*header, frame};
}
std::expected<Bytes, wire::DecodeError> skip_tags(Bytes bytes) {
    if (auto tags = read_front<Tags>(bytes); !tags) return std::unexpected(tags.error());
    return bytes;
}
std::expected<Response, wire::DecodeError> open_response(Bytes frame, bool flexible_header) {
    auto id = read_front<CorrelationId>(frame);
    if (!id) return std::unexpected(id.error());
    if (!flexible_header) return Response{id->value, frame};
    auto body = skip_tags(frame);
    if (!body) return std::unexpected(body.error());
    return Response{id->value, *body};
}

namespace detail {

std::size_t request_room(const RequestHeader& header, bool flexible) {
    return size_bytes + 10 + (header.client_id ? header.client_id->size() : 0) + flexible;
}
std::size_t response_room(bool flexible_header) {
    return size_bytes + sizeof(std::int32_t) + flexible_header;
}

// The room was made of zeros, so the empty tagged section, one zero, is there already.
void put_request_header(Pieces& frame, const RequestHeader& header) {
    auto bytes = wire::encode(header, 1);
    std::ranges::copy(bytes.owned(), frame.owned().begin() + size_bytes);
    put_size(frame);
}
void put_response_header(Pieces& frame, std::int32_t correlation_id) {
    store_big(frame.owned().data() + size_bytes, correlation_id);
    put_size(frame);
}

}  // namespace detail
}  // namespace fulmar::kafka
