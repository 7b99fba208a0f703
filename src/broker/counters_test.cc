#include "broker/counters.h"

#include <gtest/gtest.h>

namespace fulmar {
namespace {

using std::chrono::microseconds;

std::size_t bucket_of(std::int64_t us) {
    Latencies latencies;
    latencies.add(microseconds(us));
    for (std::size_t i = 0; i <= Latencies::bounded; ++i)
        if (latencies.count(i) > 0) return i;
    return SIZE_MAX;
}

TEST(Latencies, a_bound_belongs_to_its_bucket) {
    EXPECT_EQ(bucket_of(-5), 0U);
    EXPECT_EQ(bucket_of(0), 0U);
    for (std::size_t i = 0; i < Latencies::bounded; ++i) {
        auto bound = std::int64_t(Latencies::bound_us(i));
        EXPECT_EQ(bucket_of(bound - 1), i) << bound;
        EXPECT_EQ(bucket_of(bound), i) << bound;
        EXPECT_EQ(bucket_of(bound + 1), i + 1) << bound;
    }
    EXPECT_EQ(bucket_of(INT64_MAX), Latencies::bounded);
}

TEST(Counters, every_field_is_added_up) {
    // As if all of it were words: whatever is forgotten stays as it was.
    Counters one, sum;
    one.requests.resize(2);
    one.requests[0].api = "Produce";
    one.requests[1].api = "Fetch";
    for (auto code : {kafka::ErrorCode::unknown_server_error, kafka::ErrorCode::none,
                      kafka::ErrorCode::controller_id_not_registered, kafka::ErrorCode{137},
                      kafka::ErrorCode{-2}, kafka::ErrorCode{INT16_MIN}})
        one.requests[1].answered(code);
    one.requests[1].unanswerable = 3;
    one.requests[1].latency.add(microseconds(100));
    one.syncs.add(microseconds(100));
    auto* first = &one.received_bytes;
    constexpr std::size_t before_syncs = 15, after_syncs = 12;
    ASSERT_EQ(first + before_syncs - 1, &one.fetched_bytes);
    ASSERT_EQ(&one.deleted_segments + after_syncs - 1, &one.group_rebalances);
    for (std::size_t i = 0; i < before_syncs; ++i) first[i] = 1 + i;
    for (std::size_t i = 0; i < after_syncs; ++i) (&one.deleted_segments)[i] = 100 + i;
    sum.add(one);
    sum.add(one);
    for (std::size_t i = 0; i < before_syncs; ++i) EXPECT_EQ((&sum.received_bytes)[i], 2 * (1 + i)) << i;
    for (std::size_t i = 0; i < after_syncs; ++i) EXPECT_EQ((&sum.deleted_segments)[i], 2 * (100 + i)) << i;
    ASSERT_EQ(sum.requests.size(), 2U);
    EXPECT_EQ(sum.requests[1].api, "Fetch");
    EXPECT_EQ(sum.requests[1].answers.front(), 2U);
    EXPECT_EQ(sum.requests[1].answers[1], 2U);
    EXPECT_EQ(sum.requests[1].answers[137], 2U);
    EXPECT_EQ(sum.requests[1].answers.back(), 6U);  // Codes that nobody knows.
    EXPECT_EQ(sum.requests[1].unanswerable, 6U);
    EXPECT_EQ(sum.requests[1].latency.count(1), 2U);
    EXPECT_EQ(sum.requests[0].latency.sum_us(), 0U);
    EXPECT_EQ(sum.syncs.sum_us(), 200U);
    EXPECT_EQ(one.received_bytes, 1U);
}

}  // namespace
}  // namespace fulmar
