// Input: what somebody sends to the port of metrics, behind a byte that says in what pieces it comes. In
// whatever pieces, the same requests are heard, and no more is kept than a head may have.
#include <string>

#include "base/check.h"
#include "door/console/http.h"

using namespace fulmar;
using console::HttpReader;

static std::string heard(std::string_view stream, std::size_t piece) {
    HttpReader reader;
    std::string told, buffer;
    for (;;) {
        auto step = reader.read(bytes_of(buffer));
        CHECK(step.used <= buffer.size());
        CHECK(!step.request || (step.refused == 0 && step.used > 0));
        if (step.refused != 0) {
            CHECK(step.refused >= 400);
            return told + std::to_string(step.refused);
        }
        if (step.request) {
            auto& request = *step.request;
            CHECK(request.path.size() + request.query.size() < HttpReader::head_bytes_max);
            told += request.path + '?' + request.query + (request.keep_alive ? "\n" : " end\n");
            (void)console::query_value(request.query, "topic");
            if (!request.keep_alive) return told;
            buffer.erase(0, step.used);
            continue;
        }
        CHECK(buffer.size() < HttpReader::head_bytes_max);
        if (stream.empty()) return told;
        auto came = stream.substr(0, std::min(piece, HttpReader::head_bytes_max - buffer.size()));
        buffer += came;
        stream.remove_prefix(came.size());
    }
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    std::string_view stream(reinterpret_cast<const char*>(data + 1), size - 1);
    CHECK(heard(stream, 1 + data[0]) == heard(stream, SIZE_MAX));
    return 0;
}
