// Reads requests as other projects encode them: a client (tools/record-client-bytes.py), and Kafka itself
// (tools/record-kafka-bytes.java). Compares what they say, and writes them again.
#include "tests/wire/apis.h"
#include "tests/wire/shape.h"

using namespace fulmar;
using test::Json;

namespace {

template <class T> void survives(const Json& entry, const std::string& client_id, const Json& shape) {
    auto frame = test::unhex(entry["frame"]);
    int version = entry["version"], correlation_id = entry["correlation_id"];
    auto request = kafka::open_request(bytes_of(frame).subspan(4)).value();
    EXPECT_EQ(request.header.request_api_key, T::key);
    EXPECT_EQ(request.header.request_api_version, version);
    EXPECT_EQ(request.header.correlation_id, correlation_id);
    EXPECT_EQ(request.header.client_id, client_id);
    auto rest = wire::flexible<T>(version) ? kafka::skip_tags(request.body).value() : request.body;
    Arena arena(Arena::budget_for(frame.size()));
    auto body = wire::decode<T>(rest, version, arena);
    ASSERT_TRUE(body) << int(body.error());
    EXPECT_EQ(test::Named(shape["fields"], version)(*body), entry["values"]);
    auto again = kafka::request_frame(*body, version, correlation_id, client_id);
    EXPECT_EQ(test::hex(again.owned()), entry["frame"].get<std::string>());
}

TEST(ClientBytes, what_another_client_sends_is_read_and_written_again) {
    std::array<Json, 2> files;
    for (std::size_t n = 0; auto path : {"client-bytes.json", "kafka-bytes.json"}) {
        std::ifstream file(test::reference(path));
        files[n++] = Json::parse(file);
    }
    std::size_t seen = 0;
    test::for_each_api([&]<class Request, class Response>(const std::string& name) {
        auto shape = test::load_shape(name + "Request");
        int here = 0;
        for (auto& json : files) {
            for (auto& entry : json["requests"]) {
                if (entry["api"] != name) continue;
                SCOPED_TRACE(name + " v" + std::to_string(entry["version"].get<int>()));
                survives<Request>(entry, json["client_id"], shape);
                ++here;
            }
        }
        EXPECT_GT(here, 0) << name;
        seen += here;
    });
    EXPECT_EQ(seen, files[0]["requests"].size() + files[1]["requests"].size());
}

}  // namespace
