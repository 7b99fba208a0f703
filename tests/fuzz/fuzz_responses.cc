// Input: the key and the version of an API, a byte each, and a response to it without the size in front.
#include "tests/fuzz/decoding.h"
#include "tests/wire/apis.h"

using namespace fulmar;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    int key = data[0], version = data[1];
    Bytes frame(reinterpret_cast<const std::byte*>(data + 2), size - 2);
    test::for_each_api([&]<class Request, class Response>(const char*) {
        if (key != Response::key || version < Response::oldest || version > Response::newest) return;
        auto response = kafka::open_response(frame, kafka::flexible_response_header<Response>(version));
        if (response) fuzz::read_and_write<Response>(response->body, version, frame.size());
    });
    return 0;
}
