// Reads messages as Kafka's own classes encode them (tools/record-kafka-bytes.java), compares what they say,
// and writes them again. Its requests are read by client_bytes_test.
#include "tests/wire/apis.h"
#include "tests/wire/shape.h"
#include "tests/wire/stored.h"

using namespace fulmar;
using test::Json;

namespace {

const Json& recorded() {
    static const Json json = [] {
        std::ifstream file(test::reference("kafka-bytes.json"));
        return Json::parse(file);
    }();
    return json;
}

// Calls check(version, bytes, values) for all that is there of `name`; how many.
std::size_t for_each_recorded(const std::string& name, auto&& check) {
    std::size_t seen = 0;
    for (auto& entry : recorded()["messages"]) {
        if (entry["message"] != name) continue;
        int version = entry["version"];
        SCOPED_TRACE(name + " v" + std::to_string(version));
        check(version, test::unhex(entry["bytes"]), entry["values"]);
        ++seen;
    }
    EXPECT_GT(seen, 0) << name;
    return seen;
}

template <class T>
void says(const T& message, const std::string& name, int version, const Json& values) {
    EXPECT_EQ(test::Named(test::load_shape(name)["fields"], version)(message), values);
}
std::string hex(Pieces pieces) { return test::hex(pieces.owned()); }
std::string hex(const std::string& bytes) { return test::hex(bytes_of(bytes)); }

TEST(KafkaBytes, all_that_Kafka_encodes_is_read_and_written_again) {
    std::size_t seen = 0;
    auto response = [&]<class T>(const std::string& name) {
        seen += for_each_recorded(name, [&](int version, const std::string& bytes, const Json& values) {
            Arena arena(Arena::budget_for(bytes.size()));
            auto message = wire::decode<T>(bytes_of(bytes), version, arena);
            ASSERT_TRUE(message) << int(message.error());
            says(*message, name, version, values);
            EXPECT_EQ(hex(wire::encode(*message, version)), hex(bytes));
        });
    };
    response.operator()<kafka::ConsumerGroupHeartbeatResponse>("ConsumerGroupHeartbeatResponse");
    response.operator()<kafka::ConsumerGroupDescribeResponse>("ConsumerGroupDescribeResponse");
    test::for_each_consumer_protocol([&]<class T>(const std::string& name) {
        seen += for_each_recorded(name, [&](int version, const std::string& bytes, const Json& values) {
            Arena arena(Arena::budget_for(bytes.size()));
            auto message = kafka::decode_consumer_protocol<T>(bytes_of(bytes), arena);
            ASSERT_TRUE(message) << int(message.error());
            says(*message, name, version, values);
            EXPECT_EQ(hex(kafka::encode_consumer_protocol(*message, version)), hex(bytes));
        });
    });
    test::for_each_stored_key([&]<class T>(const std::string& name) {
        seen += for_each_recorded(name, [&](int version, const std::string& bytes, const Json& values) {
            auto key = kafka::decode_stored_key(bytes_of(bytes));
            ASSERT_TRUE(key && std::holds_alternative<T>(*key));
            says(std::get<T>(*key), name, version, values);
            EXPECT_EQ(hex(kafka::encode_stored_key(std::get<T>(*key))), hex(bytes));
        });
    });
    test::for_each_stored_value([&]<class T>(const std::string& name) {
        seen += for_each_recorded(name, [&](int version, const std::string& bytes, const Json& values) {
            Arena arena(Arena::budget_for(bytes.size()));
            auto value = kafka::decode_stored_value<T>(bytes_of(bytes), arena);
            ASSERT_TRUE(value) << int(value.error());
            says(*value, name, version, values);
            EXPECT_EQ(hex(kafka::encode_stored_value(*value, version)), hex(bytes));
        });
    });
    seen +=
        for_each_recorded("LegacyOffsetCommitKey", [&](int, const std::string& bytes, const Json& values) {
            auto key = kafka::decode_stored_key(bytes_of(bytes));
            ASSERT_TRUE(key && std::holds_alternative<kafka::OffsetCommitKey>(*key));
            says(std::get<kafka::OffsetCommitKey>(*key), "LegacyOffsetCommitKey", 0, values);
        });
    seen +=
        for_each_recorded("LegacyOffsetCommitValue", [&](int, const std::string& bytes, const Json& values) {
            Arena arena(0);
            auto value = kafka::decode_stored_value<kafka::OffsetCommitValue>(bytes_of(bytes), arena);
            ASSERT_TRUE(value);
            says(*value, "LegacyOffsetCommitValue", 0, values);
        });
    EXPECT_EQ(seen, recorded()["messages"].size());
}

}  // namespace
