// Input: a request as it comes, without the size in front. Nobody has said yet who he is, so no header
// may cost memory.
#include "tests/fuzz/decoding.h"
#include "wire/kafka/header.h"

using namespace fulmar;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Bytes frame(reinterpret_cast<const std::byte*>(data), size);
    test::allocations() = {};
    auto request = kafka::open_request(frame);
    if (request) {
        auto id = request->header.client_id;
        CHECK(request->body.size() + 10 + (id ? id->size() : 0) == size);
        if (auto body = kafka::skip_tags(request->body)) CHECK(body->size() < request->body.size());
    }
    auto response = kafka::open_response(frame, true);
    CHECK(test::allocations().count == 0);
    if (response) CHECK(response->body.size() + 5 <= size);
    if (request) {
        auto written = wire::encode(request->header, 1);
        CHECK(text_of(written.owned()) == text_of(frame.first(written.owned().size())));
    }
    return 0;
}
