#include "core/cluster/shard_codec.h"

#include <gtest/gtest.h>

#include <random>

#include "base/crc32c.h"
#include "base/varint.h"

namespace fulmar::cluster {
namespace {

Topic topic(std::string name, std::uint64_t id, std::int32_t partitions) {
    Topic made{uuid_from(id * 0x9e3779b97f4a7c15, id), std::move(name), {}, {}};
    for (std::int32_t p = 0; p < partitions; ++p) {
        std::vector<BrokerId> replicas{BrokerId{p % 5}, BrokerId{5 + p % 7}, BrokerId{100'000 + p}};
        made.partitions.push_back(
            {replicas, {replicas[0], replicas[2]}, replicas[std::size_t(p % 3)], p * 1000, p});
    }
    return made;
}
using Shards = std::map<int, std::string>;
Shards encoded(const std::vector<const Topic*>& topics) {
    Shards all;
    for (auto* one : topics)
        for (int shard : shards_of(*one)) all[shard];
    for (auto& [shard, data] : all) data = encode_shard(shard, topics);
    return all;
}
std::expected<std::vector<TopicPointer>, ShardFault> decoded(const Shards& all) {
    std::vector<Part> parts;
    for (auto& [shard, data] : all) {
        auto some = decode_shard(shard, data);
        if (!some) return std::unexpected(some.error());
        for (auto& part : *some) parts.push_back(std::move(part));
    }
    return assemble(std::move(parts));
}
std::string fault(int shard, std::string_view data) {
    auto read = decode_shard(shard, data);
    return read ? "read" : read.error();
}
void expect_fault(int shard, std::string_view data, std::string_view text) {
    auto said = fault(shard, data);
    EXPECT_NE(said.find(text), said.npos) << said;
}

TEST(ShardCodec, topics_of_any_size_come_back) {
    std::vector<Topic> topics;
    for (std::int32_t partitions : {1, 2, 511, 512, 513, 1024, 1025, 10'000})
        topics.push_back(topic("topic-" + std::to_string(partitions), std::uint64_t(partitions), partitions));
    topics[0].configs = {{"cleanup.policy", "compact"}, {"retention.ms", "-1"}, {"empty", ""}};
    topics[5].configs = {{"cleanup.policy", "delete"}};
    topics[1].partitions[0] = {{BrokerId{3}}, {}, no_leader, INT32_MAX, INT32_MIN};
    topics[1].partitions[1].replicas.clear(), topics[1].partitions[1].isr.clear(),
        topics[1].partitions[1].leader = no_leader;
    topics[2].partitions[0].replicas.resize(8, BrokerId{9});

    for (auto& one : topics) {
        auto read = decoded(encoded({&one}));
        ASSERT_TRUE(read) << read.error();
        ASSERT_EQ(read->size(), 1U);
        if (one.name == "topic-511") continue;  // Its eight equal replicas are in sync or not as one.
        EXPECT_TRUE(*read->front() == one) << one.name;
    }
    std::vector<const Topic*> all;
    for (auto& one : topics) all.push_back(&one);
    auto read = decoded(encoded(all));
    ASSERT_TRUE(read) << read.error();
    EXPECT_EQ(read->size(), topics.size());
}

TEST(ShardCodec, a_part_of_512_partitions_lies_in_one_shard) {
    auto one = topic("orders", 7, 1025);
    for (std::int32_t p = 0; p < 1025; ++p) {
        auto shard = shard_of(one.id, p);
        EXPECT_TRUE(shard >= 0 && shard < shards);
        EXPECT_EQ(shard, shard_of(one.id, p / 512 * 512)) << p;
    }
    std::set<int> apart{shard_of(one.id, 0), shard_of(one.id, 512), shard_of(one.id, 1024)};
    EXPECT_EQ(shards_of(one), std::vector(apart.begin(), apart.end()));
    EXPECT_EQ(shards_of(topic("small", 8, 512)).size(), 1U);
}

TEST(ShardCodec, topics_spread_over_the_shards) {
    std::map<int, int> held;
    for (std::uint64_t id = 1; id <= 25'600; ++id)
        ++held[shard_of(uuid_from(id * 0x9e3779b97f4a7c15, id), 0)];
    EXPECT_EQ(held.size(), std::size_t(shards));
    for (auto& [shard, topics] : held) EXPECT_LT(topics, 160) << shard;  // 100 on average.
}

TEST(ShardCodec, an_empty_shard_is_a_shard) {
    auto read = decode_shard(3, encode_shard(3, {}));
    ASSERT_TRUE(read);
    EXPECT_TRUE(read->empty());
}

TEST(ShardCodec, every_cut_and_every_flipped_bit_is_refused) {
    auto one = topic("orders", 7, 3);
    auto shard = shards_of(one).front();
    auto data = encode_shard(shard, {&one});
    ASSERT_EQ(fault(shard, data), "read");
    for (std::size_t have = 0; have < data.size(); ++have)
        EXPECT_NE(fault(shard, data.substr(0, have)), "read") << have;
    for (std::size_t bit = 0; bit < 8 * data.size(); ++bit) {
        auto bad = data;
        bad[bit / 8] = char(bad[bit / 8] ^ 1 << bit % 8);
        bool layout_epoch = bit / 8 >= 7 && bit / 8 < 11;  // Nobody reads that yet.
        EXPECT_EQ(fault(shard, bad) == "read", layout_epoch) << bit;
    }
    expect_fault(shard, data + '\0', "checksum");
    expect_fault(shard ^ 1, data, "another shard");
    expect_fault(shard, "", "no shard");
    auto newer = data;
    newer[4] = 2;
    expect_fault(shard, newer, "newer version");
}

// What a right checksum covers may make no sense all the same, if we wrote nonsense.
class Sealed {
public:
    Sealed& byte(int b) { return body_ += char(b), *this; }
    Sealed& number(std::int64_t n) {
        std::vector<std::byte> bytes;
        add_varlong(bytes, n);
        body_ += text_of(bytes);
        return *this;
    }
    Sealed& text(std::string_view t) { return number(std::int64_t(t.size())), body_ += t, *this; }
    Sealed& topic(std::string_view name = "orders", int partitions = 8, int first = 0) {
        return body_ += std::string(16, 'i'), text(name).number(0).number(partitions).number(first);
    }
    std::string told() const {
        auto data = encode_shard(0, {});
        store_big(reinterpret_cast<std::byte*>(data.data()) + 11, crc32c(bytes_of(body_)));
        return fault(0, data + body_);
    }

private:
    std::string body_;
};

TEST(ShardCodec, nonsense_under_a_right_checksum_is_refused) {
    auto partition = [](Sealed s, int flags, int replicas, int leader) {
        s.byte(flags).number(replicas);
        for (int n = 0; n < replicas; ++n) s.number(n);
        return s.byte(leader).byte(1).number(0).number(0).told();
    };
    auto one = Sealed().topic().number(1);
    EXPECT_EQ(partition(one, 0, 1, 0), "read");
    EXPECT_EQ(partition(one, 0, 8, 7), "read");
    EXPECT_EQ(partition(one, 0, 1, 255), "read");
    EXPECT_NE(partition(one, 1, 1, 0), "read");  // A flag of a later version,
    EXPECT_NE(partition(one, 0, 9, 0), "read");  // more replicas than a mask has bits,
    EXPECT_NE(partition(one, 0, 1, 1), "read");  // a leader that is no replica.
    EXPECT_NE(partition(Sealed().topic().number(2), 0, 1, 0), "read");
    EXPECT_NE(partition(Sealed().topic("a/b").number(1), 0, 1, 0), "read");
    EXPECT_EQ(partition(Sealed().topic("orders", 8, 7).number(1), 0, 1, 0), "read");
    EXPECT_NE(partition(Sealed().topic("orders", 8, 8).number(1), 0, 1, 0), "read");  // Behind the last,
    EXPECT_NE(partition(Sealed().topic("orders", 8, INT32_MAX).number(1), 0, 1, 0), "read");
    EXPECT_NE(partition(Sealed().topic("orders", 8, -1).number(1), 0, 1, 0), "read");  // before the first,
    EXPECT_NE(Sealed().topic().number(0).told(), "read");                              // or none at all.
    EXPECT_NE(Sealed().topic().number(INT64_MAX).told(), "read");  // Counts and lengths beyond memory.
    EXPECT_NE(Sealed().topic().number(-1).told(), "read");
    EXPECT_NE(Sealed().text(std::string(14, 'i')).number(INT64_MAX).told(), "read");
    EXPECT_NE(Sealed().text(std::string(14, 'i')).number(-1).told(), "read");
    EXPECT_NE(Sealed().byte(0).told(), "read");
    EXPECT_EQ(Sealed().told(), "read");
}

TEST(ShardCodec, random_bodies_end_in_a_value) {
    std::mt19937_64 random(1);
    for (int n = 0; n < 20'000; ++n) {
        Sealed body;
        for (auto left = random() % 100; left > 0; --left) body.byte(int(random() % (n % 2 ? 256 : 4)));
        EXPECT_FALSE(body.told().empty());
    }
}

TEST(ShardCodec, a_topic_that_lacks_a_part_is_refused) {
    auto one = topic("orders", 7, 2000), other = topic("bills", 9, 1);
    for (int missing : {0, 1, 2, 3}) {
        std::vector<Part> parts;
        for (auto& [shard, data] : encoded({&one, &other}))
            for (auto& part : decode_shard(shard, data).value())
                if (part.topic.name == "bills" || part.first_partition != 512 * missing)
                    parts.push_back(std::move(part));
        auto read = assemble(std::move(parts));
        EXPECT_FALSE(read) << missing;
        if (!read) EXPECT_NE(read.error().find("orders"), std::string::npos) << read.error();
    }
    std::vector<Part> twice;
    for (int n = 0; n < 2; ++n)
        for (auto& part :
             decode_shard(shards_of(other).front(), encode_shard(shards_of(other).front(), {&other})).value())
            twice.push_back(std::move(part));
    EXPECT_FALSE(assemble(std::move(twice)));
}

TEST(ShardCodec, parts_that_contradict_each_other_are_refused) {
    auto one = topic("orders", 7, 2000);
    std::vector<Part> good;
    for (auto& [shard, data] : encoded({&one}))
        for (auto& part : decode_shard(shard, data).value()) good.push_back(std::move(part));
    ASSERT_EQ(good.size(), 4U);
    ASSERT_TRUE(assemble(good));
    for (std::size_t at = 0; at < good.size(); ++at) {
        auto expect_refused = [&](auto damage) {
            auto bad = good;
            damage(bad[at]);
            auto read = assemble(std::move(bad));
            ASSERT_FALSE(read) << at;
            EXPECT_TRUE(read.error().starts_with("topic ")) << read.error();
        };
        expect_refused([](Part& part) { part.topic.name = "bills"; });
        expect_refused([](Part& part) { part.topic.configs["retention.ms"] = "1"; });
        expect_refused([](Part& part) { ++part.topic_partitions; });
        expect_refused([](Part& part) { --part.topic_partitions; });
        expect_refused([](Part& part) { part.topic.partitions.pop_back(); });
        expect_refused([](Part& part) { part.topic.id = uuid_from(1, 1); });
    }
    auto two_ids = topic("orders", 8, 1);
    auto read = decoded(encoded({&one, &two_ids}));
    ASSERT_FALSE(read);
    EXPECT_NE(read.error().find("orders is there twice"), std::string::npos) << read.error();
}

TEST(ShardCodec, a_tombstone_comes_back_and_nonsense_is_refused) {
    TopicGone gone{uuid_from(1, 2), "orders", 10'000};
    auto id = to_text(gone.id);
    EXPECT_EQ(decode_tombstone(id, encode_tombstone(gone)), gone);
    for (auto* bad :
         {"", " ", "1", "1 ", "0 orders", "-1 orders", "x orders", "2147483648 orders", "1 a b", "orders"})
        EXPECT_FALSE(decode_tombstone(id, bad)) << bad;
    for (auto* bad : {"", "orders", "AAAAAAAAAAAAAAAAAAAAA"})
        EXPECT_FALSE(decode_tombstone(bad, "1 orders")) << bad;
}

}  // namespace
}  // namespace fulmar::cluster
