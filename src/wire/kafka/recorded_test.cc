// Reads what a real broker was asked and answered (tests/reference/recorded), and writes it again.
#include "tests/wire/apis.h"
#include "tests/wire/shape.h"

using namespace fulmar;
using test::Json;

namespace {

struct Line {
    std::string name;
    std::string request, response;  // Bytes; without a response, what was seen instead.
    bool answered = false;
    Json decoded;
};

std::vector<Line> load() {
    std::ifstream file(test::reference("recorded/recorded.jsonl"));
    std::vector<Line> lines;
    for (std::string text; std::getline(file, text);) {
        auto json = Json::parse(text);
        std::string response = json["response"];
        bool answered = response != "closed" && response != "no answer" && !response.empty();
        lines.push_back({json["name"], test::unhex(json["request"]),
                         answered ? test::unhex(response) : response, answered, json["decoded"]});
    }
    return lines;
}
const std::vector<Line>& recorded() {
    static const auto lines = load();
    return lines;
}

// As sent, without the size in front, which is checked.
std::string sent(Pieces frame) {
    auto bytes = frame.owned();
    EXPECT_EQ(load_big<std::int32_t>(bytes.data()), std::int32_t(bytes.size() - 4));
    return std::string(text_of(bytes.subspan(4)));
}

// The request's body, header and tags taken off.
template <class T>
Bytes body_of(const kafka::Request& request) {
    if (!wire::flexible<T>(request.header.request_api_version)) return request.body;
    return kafka::skip_tags(request.body).value();
}

template <class T>
void request_survives(const Line& line) {
    auto request = kafka::open_request(bytes_of(line.request)).value();
    int version = request.header.request_api_version;
    Arena arena(Arena::budget_for(line.request.size()));
    auto body = wire::decode<T>(body_of<T>(request), version, arena);
    ASSERT_TRUE(body);
    auto again =
        kafka::request_frame(*body, version, request.header.correlation_id, request.header.client_id);
    EXPECT_EQ(test::hex(bytes_of(sent(std::move(again)))), test::hex(bytes_of(line.request)));
}

template <class T>
void response_survives(const Line& line, int version, const Json& shape) {
    auto response =
        kafka::open_response(bytes_of(line.response), kafka::flexible_response_header<T>(version)).value();
    Arena arena(Arena::budget_for(line.response.size()));
    auto body = wire::decode<T>(response.body, version, arena);
    ASSERT_TRUE(body);
    EXPECT_EQ(sent(kafka::response_frame(*body, version, response.correlation_id)), line.response);
    EXPECT_EQ(test::Named(shape["fields"], version)(*body), line.decoded);
}

TEST(Recorded, all_that_was_said_is_read_and_written_again) {
    int requests = 0, responses = 0;
    test::for_each_api([&]<class Request, class Response>(const std::string& name) {
        auto shape = test::load_shape(name + "Response");
        int seen = 0;
        for (auto& line : recorded()) {
            if (line.name.starts_with("frames-x") || line.name.ends_with(": null name")) continue;
            auto header = kafka::open_request(bytes_of(line.request)).value().header;
            int version = header.request_api_version;
            if (header.request_api_key != Request::key || version < Request::oldest ||
                version > Request::newest)
                continue;
            SCOPED_TRACE(line.name + ", " + name + " v" + std::to_string(version));
            request_survives<Request>(line);
            ++requests, ++seen;
            if (line.answered) response_survives<Response>(line, version, shape), ++responses;
        }
        EXPECT_GT(seen, 0) << name;
    });
    EXPECT_EQ(requests, 3762);
    EXPECT_EQ(responses, 3469);
}

const Line& frame(const std::string& step) {
    auto found = std::ranges::find(recorded(), "frames-x: " + step, &Line::name);
    if (found == recorded().end()) throw std::runtime_error("not recorded: " + step);
    return *found;
}
// The refusal of a Metadata request.
std::optional<wire::DecodeError> refusal(const Line& line) {
    auto request = kafka::open_request(bytes_of(line.request));
    if (!request) return request.error();
    Arena arena(Arena::budget_for(line.request.size()));
    Bytes rest;
    auto body = wire::decode<kafka::MetadataRequest>(body_of<kafka::MetadataRequest>(*request),
                                                     request->header.request_api_version, arena, &rest);
    return body ? std::nullopt : std::optional(body.error());
}

TEST(Recorded, what_the_broker_closed_the_connection_for_is_refused) {
    EXPECT_EQ(refusal(frame("header one byte")), wire::DecodeError::truncated);
    EXPECT_EQ(refusal(frame("header only")), wire::DecodeError::truncated);
    EXPECT_EQ(refusal(frame("truncated")), wire::DecodeError::truncated);
    EXPECT_EQ(refusal(frame("huge array")), wire::DecodeError::truncated);
    int nulls = 0;
    for (auto& line : recorded()) {
        if (!line.name.ends_with(": null name")) continue;
        auto version = kafka::open_request(bytes_of(line.request))->header.request_api_version;
        EXPECT_EQ(refusal(line), version < 10 ? std::optional(wire::DecodeError::null) : std::nullopt)
            << line.name;
        EXPECT_EQ(line.answered, version >= 10) << line.name;
        ++nulls;
    }
    EXPECT_GT(nulls, 4);
}

TEST(Recorded, bytes_behind_a_body_and_unknown_tags_do_no_harm) {
    EXPECT_EQ(refusal(frame("left over bytes")), std::nullopt);
    EXPECT_EQ(refusal(frame("unknown tags")), std::nullopt);
    auto& line = frame("left over bytes");
    auto request = kafka::open_request(bytes_of(line.request)).value();
    Arena arena(Arena::budget_for(line.request.size()));
    EXPECT_EQ(wire::decode<kafka::MetadataRequest>(request.body, 4, arena).error(),
              wire::DecodeError::trailing);
    Bytes rest;
    EXPECT_TRUE(wire::decode<kafka::MetadataRequest>(request.body, 4, arena, &rest));
    EXPECT_EQ(rest.size(), 3);
}

}  // namespace
