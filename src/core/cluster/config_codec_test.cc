#include "core/cluster/config_codec.h"

#include <gtest/gtest.h>

namespace fulmar::cluster {
namespace {

using Kind = ConfigOwner::Kind;

TEST(ConfigCodec, what_is_written_is_read) {
    for (auto& configs :
         {ConfigsAre{{Kind::broker, ""}, {{"message.max.bytes", "1"}, {"log.cleanup.policy", ""}}},
          ConfigsAre{{Kind::group, "a/b\n%\xff"}, {{"share.isolation.level", "read_committed"}}},
          ConfigsAre{{Kind::client_metrics, "m"}, {}}}) {
        auto read = decode_configs(encode_configs(configs));
        ASSERT_TRUE(read) << read.error();
        EXPECT_EQ(read->owner, configs.owner);
        EXPECT_EQ(read->set, configs.set);
    }
}

TEST(ConfigCodec, no_changed_bit_and_no_part_is_taken_for_the_whole) {
    auto data = encode_configs({{Kind::group, "g"}, {{"a", "b"}, {"c", "d"}}});
    for (std::size_t bit = 0; bit < data.size() * 8; ++bit) {
        auto other = data;
        other[bit / 8] = char(other[bit / 8] ^ (1 << bit % 8));
        EXPECT_FALSE(decode_configs(other)) << bit;
    }
    for (std::size_t size = 0; size < data.size(); ++size) EXPECT_FALSE(decode_configs(data.substr(0, size)));
    EXPECT_FALSE(decode_configs(data + "x"));
}

}  // namespace
}  // namespace fulmar::cluster
