// Input: a request as it comes, without the size in front.
#include "tests/fuzz/decoding.h"
#include "tests/wire/apis.h"

using namespace fulmar;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Bytes frame(reinterpret_cast<const std::byte*>(data), size);
    auto request = kafka::open_request(frame);
    if (!request) return 0;
    int version = request->header.request_api_version;
    test::for_each_api([&]<class Request, class Response>(const char*) {
        if (request->header.request_api_key != Request::key) return;
        if (version < Request::oldest || version > Request::newest) return;
        auto body = wire::flexible<Request>(version) ? kafka::skip_tags(request->body) : request->body;
        if (body) fuzz::read_and_write<Request>(*body, version, size);
    });
    return 0;
}
