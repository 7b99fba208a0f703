#include "wire/kafka/first_error.h"

#include <gtest/gtest.h>

#include "wire/kafka/metadata.h"
#include "wire/kafka/produce.h"

namespace fulmar::kafka {
namespace {

TEST(FirstError, the_first_in_the_order_of_the_wire_is_told) {
    ProduceResponse response;
    EXPECT_EQ(first_error(response), ErrorCode::none);
    std::vector<ProduceResponse::Partition> parts(3);
    std::vector<ProduceResponse::Topic> topics(2);
    topics[1].partition_responses = parts;
    response.responses = topics;
    EXPECT_EQ(first_error(response), ErrorCode::none);
    parts[1].error_code = ErrorCode::not_leader_or_follower;
    parts[2].error_code = ErrorCode::kafka_storage_error;
    EXPECT_EQ(first_error(response), ErrorCode::not_leader_or_follower);
}

TEST(FirstError, one_of_the_whole_comes_where_the_wire_has_it) {
    MetadataResponse response;
    std::vector<MetadataResponse::Topic> topics(1);
    response.topics = topics;
    response.error_code = ErrorCode::unknown_server_error;
    EXPECT_EQ(first_error(response), ErrorCode::unknown_server_error);
    topics[0].error_code = ErrorCode::leader_not_available;
    EXPECT_EQ(first_error(response), ErrorCode::leader_not_available);
}

}  // namespace
}  // namespace fulmar::kafka
