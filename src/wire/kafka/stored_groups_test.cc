#include "wire/kafka/stored_groups.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/wire/shape.h"
#include "tests/wire/stored.h"

using namespace fulmar;
using namespace fulmar::kafka;
using wire::DecodeError;

namespace {

std::string text(Pieces pieces) { return std::string(text_of(pieces.owned())); }
std::string operator""_b(const char* s, std::size_t n) { return {s, n}; }

TEST(StoredGroups, a_key_is_told_by_its_type) {
    OffsetCommitKey offset{"g", "t", 7};
    auto bytes = text(encode_stored_key(offset));
    EXPECT_EQ(bytes, "\0\1\0\1g\0\1t\0\0\0\7"_b);
    EXPECT_EQ(std::get<OffsetCommitKey>(decode_stored_key(bytes_of(bytes)).value()), offset);
    auto legacy = "\0\0\0\1g\0\1t\0\0\0\7"_b;
    EXPECT_EQ(std::get<OffsetCommitKey>(decode_stored_key(bytes_of(legacy)).value()), offset);
    auto regex = text(encode_stored_key(ConsumerGroupRegularExpressionKey{"g", "o.*"}));
    EXPECT_EQ(regex, "\0\20\0\1g\0\3o.*"_b);
    EXPECT_EQ(std::get<ConsumerGroupRegularExpressionKey>(decode_stored_key(bytes_of(regex)).value()),
              (ConsumerGroupRegularExpressionKey{"g", "o.*"}));
}

TEST(StoredGroups, each_type_of_key_is_one_of_its_own) {
    std::set<std::int16_t> types;
    test::for_each_stored_key(
        [&]<class T>(const std::string&) { EXPECT_TRUE(types.insert(T::type).second); });
    EXPECT_EQ(types.size() + 1, std::variant_size_v<StoredKey>);
    for (int type = -1; type < 30; ++type) {
        auto bytes = std::string{char(type >> 8), char(type)} + "\0\1g\0\1m\0\0\0\0"_b;
        auto key = decode_stored_key(bytes_of(bytes));
        bool known = types.contains(std::int16_t(type)) || type == 0;
        bool other = key && std::holds_alternative<OtherKey>(*key);
        EXPECT_EQ(other, !known) << type;
        if (other) EXPECT_EQ(std::get<OtherKey>(*key).type, type);
    }
}

TEST(StoredGroups, a_key_that_is_cut_or_too_long_is_refused) {
    test::for_each_stored_key([]<class T>(const std::string& name) {
        auto bytes = text(encode_stored_key(T{}));
        for (std::size_t n = 0; n < bytes.size(); ++n)
            EXPECT_EQ(decode_stored_key(bytes_of(bytes).first(n)).error(), DecodeError::truncated) << name;
        bytes += 'x';
        EXPECT_EQ(decode_stored_key(bytes_of(bytes)).error(), DecodeError::trailing) << name;
    });
}

TEST(StoredGroups, a_value_of_a_version_that_is_not_known_is_refused) {
    test::for_each_stored_value([]<class T>(const std::string& name) {
        for (int version : {-1, T::newest + 1, 0x1000}) {
            auto bytes = std::string{char(version >> 8), char(version)} + std::string(64, '\0');
            Arena arena(4096);
            EXPECT_EQ(decode_stored_value<T>(bytes_of(bytes), arena).error(), DecodeError::version) << name;
        }
    });
}

TEST(StoredGroups, a_value_that_is_cut_or_too_long_is_refused) {
    test::for_each_stored_value([]<class T>(const std::string& name) {
        for (int version = T::oldest; version <= T::newest; ++version) {
            auto bytes = text(encode_stored_value(T{}, version));
            Arena arena(4096);
            EXPECT_TRUE(decode_stored_value<T>(bytes_of(bytes), arena)) << name;
            for (std::size_t n = 0; n < bytes.size(); ++n)
                EXPECT_EQ(decode_stored_value<T>(bytes_of(bytes).first(n), arena).error(),
                          DecodeError::truncated)
                    << name << " v" << version << " " << n;
            bytes += 'x';
            EXPECT_EQ(decode_stored_value<T>(bytes_of(bytes), arena).error(), DecodeError::trailing) << name;
        }
    });
}

TEST(StoredGroups, offsets_and_classic_groups_are_written_as_readers_elsewhere_know_them) {
    OffsetCommitValue offset;
    offset.offset = Offset{42};
    offset.metadata = "m";
    offset.topic_id[0] = std::byte{1};
    EXPECT_EQ(text(encode_stored_value(offset)),
              "\0\3\0\0\0\0\0\0\0\52\xff\xff\xff\xff\0\1m\0\0\0\0\0\0\0\0"_b);
    EXPECT_EQ(text(encode_stored_value(GroupMetadataValue{})).substr(0, 2), "\0\3"_b);
    EXPECT_EQ(text(encode_stored_value(ConsumerGroupMetadataValue{3})), "\0\0\0\0\0\3\0"_b);
}

TEST(StoredGroups, only_a_version_that_says_when_a_commit_expires_keeps_it) {
    OffsetCommitValue offset;
    offset.expire_timestamp = Timestamp{9};
    for (int version = OffsetCommitValue::oldest; version <= OffsetCommitValue::newest; ++version) {
        auto bytes = text(encode_stored_value(offset, version));
        Arena arena(0);
        auto again = decode_stored_value<OffsetCommitValue>(bytes_of(bytes), arena);
        ASSERT_TRUE(again) << version;
        EXPECT_EQ(again->expire_timestamp, Timestamp{version == 1 ? 9 : -1}) << version;
    }
}

}  // namespace
