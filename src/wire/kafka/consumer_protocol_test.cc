#include "wire/kafka/consumer_protocol.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

using namespace fulmar;
using namespace fulmar::kafka;
using wire::DecodeError;

namespace {

std::string text(Pieces pieces) { return std::string(text_of(pieces.owned())); }
std::string operator""_b(const char* s, std::size_t n) { return {s, n}; }

template <class T>
std::expected<T, DecodeError> read(const std::string& bytes) {
    static std::vector<std::unique_ptr<Arena>> arenas;  // Messages view them, so they stay.
    arenas.push_back(std::make_unique<Arena>(Arena::budget_for(bytes.size())));
    return decode_consumer_protocol<T>(bytes_of(bytes), *arenas.back());
}

TEST(ConsumerProtocol, a_later_version_is_read_as_the_newest_and_what_it_adds_ignored) {
    for (auto version : {"\0\3"_b, "\0\4"_b, "\x7f\xff"_b}) {
        for (auto added : {""_b, "more"_b}) {
            auto bytes = version + "\0\0\0\1\0\1t\xff\xff\xff\xff\0\0\0\0\0\0\0\7\0\1r"_b + added;
            auto subscription = read<ConsumerProtocolSubscription>(bytes);
            ASSERT_TRUE(subscription);
            EXPECT_TRUE(subscription->topics.size() == 1 && subscription->topics[0] == "t");
            EXPECT_TRUE(!subscription->user_data && subscription->generation_id == 7);
            EXPECT_EQ(subscription->rack_id, "r");
        }
    }
}

TEST(ConsumerProtocol, what_is_no_version_and_what_is_cut_is_refused) {
    for (auto bytes : {""_b, "\0"_b, "\0\0"_b, "\0\0\0\0\0\0"_b, "\0\0\0\0\0\0\0\0\0\1"_b})
        EXPECT_EQ(read<ConsumerProtocolSubscription>(bytes).error(), DecodeError::truncated);
    EXPECT_EQ(read<ConsumerProtocolSubscription>("\xff\xff\0\0\0\0\xff\xff\xff\xff"_b).error(),
              DecodeError::version);
    EXPECT_EQ(read<ConsumerProtocolSubscription>("\0\0\x7f\xff\xff\xff\xff\xff\xff\xff"_b).error(),
              DecodeError::truncated);
    EXPECT_EQ(read<ConsumerProtocolAssignment>("\0\0\xff\xff\xff\xff\xff\xff\xff\xff"_b).error(),
              DecodeError::null);
}

TEST(ConsumerProtocol, a_version_keeps_what_it_knows) {
    std::vector<std::string_view> topics = {"t"};
    std::vector<std::int32_t> partitions = {1, 2};
    std::vector<ConsumerProtocolTopic> owned = {{"t", partitions}};
    ConsumerProtocolSubscription subscription{topics, bytes_of("u"), owned, 5, "r"};
    for (int version = 0; version <= ConsumerProtocolSubscription::newest; ++version) {
        auto again =
            read<ConsumerProtocolSubscription>(text(encode_consumer_protocol(subscription, version)));
        ASSERT_TRUE(again) << version;
        EXPECT_EQ(again->owned_partitions.size(), version >= 1) << version;
        EXPECT_EQ(again->generation_id, version >= 2 ? 5 : -1) << version;
        EXPECT_EQ(again->rack_id.has_value(), version >= 3) << version;
    }
}

}  // namespace
