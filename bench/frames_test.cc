// The client's hand-made bytes against the broker's codec: two readings of one protocol.
#include "bench/frames.h"

#include <gtest/gtest.h>

#include "bench/histogram.h"
#include "wire/kafka/api_versions.h"
#include "wire/kafka/create_topics.h"
#include "wire/kafka/delete_topics.h"
#include "wire/kafka/header.h"
#include "wire/kafka/metadata.h"
#include "wire/kafka/produce.h"
#include "wire/produced_batch.h"

namespace fulmar::bench {

namespace {

template <class T>
T request_in(std::string_view frame, int version, Arena& arena) {
    auto bytes = bytes_of(frame);
    EXPECT_EQ(load_big<std::uint32_t>(bytes.data()), bytes.size() - 4);
    auto request = kafka::open_request(bytes.subspan(4));
    EXPECT_TRUE(request && request->header.request_api_key == T::key);
    EXPECT_EQ(request->header.request_api_version, version);
    auto body = request->body;
    if (wire::flexible<T>(version)) body = *kafka::skip_tags(body);
    auto message = wire::decode<T>(body, version, arena);
    EXPECT_TRUE(message.has_value());
    return message.value_or(T{});
}

// As it comes from the broker, without its length word.
template <class T>
std::vector<std::byte> answer_frame(const T& message, int version) {
    auto pieces = kafka::response_frame(message, version, 7);
    auto bytes = pieces.owned();
    return {bytes.begin() + 4, bytes.end()};
}

TEST(BenchFrames, a_produce_request_is_one_sound_batch_of_the_asked_size) {
    for (std::size_t size : {256, 1024, 16 * 1024, 256 * 1024, 1 << 20}) {
        auto frame = produce_request("bench", 3, size, 1'700'000'000'000);
        EXPECT_LE(frame.size(), size);
        EXPECT_GE(frame.size(), size - 4);
        Arena arena(1 << 16);
        auto text = frame.head + frame.body;
        auto request = request_in<kafka::ProduceRequest>(text, 9, arena);
        EXPECT_FALSE(request.transactional_id);
        EXPECT_EQ(request.acks, -1);
        ASSERT_EQ(request.topic_data.size(), 1U);
        EXPECT_EQ(request.topic_data[0].name, "bench");
        ASSERT_EQ(request.topic_data[0].partition_data.size(), 1U);
        auto& partition = request.topic_data[0].partition_data[0];
        EXPECT_EQ(partition.index, 3);
        auto checked = wire::check_produced(partition.records->bytes, {}, Timestamp{1'700'000'000'000});
        EXPECT_TRUE(checked.has_value());
    }
}

TEST(BenchFrames, the_correlation_is_where_it_is_said_to_be) {
    auto frame = produce_request("bench", 0, 1024, 0);
    store_big(reinterpret_cast<std::byte*>(frame.head.data()) + ProduceFrame::correlation_at, 4711);
    auto text = frame.head + frame.body;
    EXPECT_EQ(kafka::open_request(bytes_of(text).subspan(4))->header.correlation_id, 4711);
}

TEST(BenchFrames, requests_of_the_start_read_as_they_are_meant) {
    Arena arena(1 << 16);
    request_in<kafka::ApiVersionsRequest>(api_versions_request(1), 0, arena);
    auto text = create_topics_request(2, {"bench", "second"}, 12);
    auto create = request_in<kafka::CreateTopicsRequest>(text, 4, arena);
    ASSERT_EQ(create.topics.size(), 2U);
    EXPECT_EQ(create.topics[0].name, "bench");
    EXPECT_EQ(create.topics[1].name, "second");
    EXPECT_EQ(create.topics[1].num_partitions, 12);
    EXPECT_EQ(create.topics[1].replication_factor, 1);
    text = metadata_request(3, "bench");
    auto metadata = request_in<kafka::MetadataRequest>(text, 4, arena);
    ASSERT_TRUE(metadata.topics && metadata.topics->size() == 1U);
    EXPECT_EQ(metadata.topics->front().name, "bench");
    EXPECT_FALSE(metadata.allow_auto_topic_creation);
    text = metadata_of_all_request(4);
    EXPECT_FALSE(request_in<kafka::MetadataRequest>(text, 4, arena).topics);
    text = delete_topics_request(5, {"bench", "second"});
    auto deletion = request_in<kafka::DeleteTopicsRequest>(text, 1, arena);
    ASSERT_EQ(deletion.topic_names.size(), 2U);
    EXPECT_EQ(deletion.topic_names[1], "second");
}

kafka::ProduceResponse::Partition refused_partition() {
    kafka::ProduceResponse::Partition partition;
    partition.index = 3;
    partition.error_code = kafka::ErrorCode{6};
    partition.base_offset = Offset{42};
    return partition;
}
std::vector<std::byte> produce_answer() {
    auto partition = refused_partition();
    kafka::ProduceResponse::Topic topic;
    topic.name = "bench";
    topic.partition_responses = {&partition, 1};
    kafka::ProduceResponse response;
    response.responses = {&topic, 1};
    return answer_frame(response, 9);
}

TEST(BenchFrames, the_answer_to_a_produce_is_understood) {
    auto answer = produced(produce_answer());
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->correlation, 7);
    EXPECT_EQ(answer->error, 6);
    EXPECT_EQ(answer->base_offset, 42);
}

TEST(BenchFrames, the_answers_of_the_start_are_understood) {
    kafka::CreateTopicsResponse::Topic created;
    created.name = "bench";
    created.error_code = kafka::ErrorCode{36};
    kafka::CreateTopicsResponse creation;
    creation.topics = {&created, 1};
    EXPECT_EQ(create_topics_errors(answer_frame(creation, 4)), std::vector<std::int16_t>{36});

    std::array<kafka::DeleteTopicsResponse::Result, 2> gone;
    gone[0].name = gone[1].name = "bench";
    gone[1].error_code = kafka::ErrorCode{3};
    kafka::DeleteTopicsResponse deletion;
    deletion.responses = gone;
    EXPECT_EQ(delete_topics_errors(answer_frame(deletion, 1)), (std::vector<std::int16_t>{0, 3}));

    kafka::MetadataResponse::Broker broker;
    broker.host = "localhost";
    BrokerId replica{1};
    kafka::MetadataResponse::Partition led;
    led.leader_id = replica;
    led.replica_nodes = led.isr_nodes = {&replica, 1};
    kafka::MetadataResponse::Topic known;
    known.name = "bench";
    known.partitions = {&led, 1};
    kafka::MetadataResponse metadata;
    metadata.brokers = {&broker, 1};
    metadata.cluster_id = "a cluster";
    metadata.topics = {&known, 1};
    auto states = topic_states(answer_frame(metadata, 4));
    ASSERT_TRUE(states && states->size() == 1U);
    auto& state = states->front();
    EXPECT_TRUE(state.ready());
    ASSERT_EQ(state.partitions.size(), 1U);
    EXPECT_EQ(state.partitions[0].leader, 1);
    led.leader_id = BrokerId{-1};
    EXPECT_FALSE(topic_states(answer_frame(metadata, 4))->front().ready());

    kafka::ApiVersionsResponse::ApiVersion produce;
    produce.api_key = 0, produce.min_version = 3, produce.max_version = 13;
    kafka::ApiVersionsResponse versions;
    versions.api_keys = {&produce, 1};
    auto range = produce_versions(answer_frame(versions, 0));
    ASSERT_TRUE(range);
    EXPECT_EQ(range->least, 3);
    EXPECT_EQ(range->most, 13);
}

TEST(BenchFrames, a_cut_answer_is_none) {
    auto frame = produce_answer();
    for (std::size_t size = 0; size < 27; ++size) EXPECT_FALSE(produced(Bytes(frame).first(size))) << size;
    EXPECT_FALSE(produce_versions({}));
    EXPECT_FALSE(topic_states({}));
    EXPECT_FALSE(create_topics_errors({}));
    EXPECT_FALSE(delete_topics_errors({}));
}

TEST(BenchHistogram, a_quantile_is_within_a_64th) {
    Histogram histogram;
    for (std::uint64_t value = 1; value <= 1'000'000; ++value) histogram.add(value);
    for (double share : {0.0001, 0.5, 0.99, 0.999}) {
        auto exact = share * 1e6;
        EXPECT_NEAR(double(histogram.quantile(share)), exact, exact / 64 + 1);
    }
    histogram.add(UINT64_MAX);
    EXPECT_GE(histogram.quantile(1), UINT64_MAX / 64 * 63);
}

}  // namespace

}  // namespace fulmar::bench
