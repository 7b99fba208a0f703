#include "core/cluster/image.h"

#include <gtest/gtest.h>

namespace fulmar::cluster {
namespace {

TopicPointer topic(std::string name, std::uint64_t id, std::size_t partitions = 1) {
    auto made = std::make_shared<Topic>();
    made->id = uuid_from(id, id);
    made->name = std::move(name);
    made->partitions.resize(partitions);
    return made;
}

TEST(TopicName, is_one_of_kafkas) {
    for (auto* good : {"a", "orders", "Orders-1_2.3", "...", "-", "__consumer_offsets"})
        EXPECT_TRUE(valid_topic_name(good)) << good;
    for (auto* bad : {"", ".", "..", "a b", "a/b", "a:b", "\xc3\xa4", "a\n", "a,b"})
        EXPECT_FALSE(valid_topic_name(bad)) << bad;
    EXPECT_TRUE(valid_topic_name(std::string(249, 'x')));
    EXPECT_FALSE(valid_topic_name(std::string(250, 'x')));
    EXPECT_FALSE(valid_topic_name(std::string("a\0b", 3)));
    std::size_t allowed = 0;
    for (int c = 0; c < 256; ++c) allowed += valid_topic_name(std::string(2, char(c)));
    EXPECT_EQ(allowed, 64U);  // 26 + 26 + 10 + '_' + '-'; ".." is not one.
}

TEST(Image, finds_a_topic_by_its_name_and_by_its_id) {
    Image image;
    auto orders = topic("orders", 1);
    image.apply(TopicIs{orders});
    image.apply(TopicIs{topic("bills", 2)});
    EXPECT_EQ(image.find("orders"), orders.get());
    EXPECT_EQ(image.find(orders->id), orders.get());
    EXPECT_EQ(image.find("order"), nullptr);
    EXPECT_EQ(image.find(uuid_from(3, 3)), nullptr);
    EXPECT_EQ(image.topics().begin()->first, "bills");  // In order of names.
}

TEST(Image, a_fact_told_twice_is_as_told_once_and_a_later_one_counts) {
    Image image;
    for (int n = 0; n < 2; ++n) image.apply(TopicIs{topic("orders", 1)});
    image.apply(TopicIs{topic("orders", 1, 5)});
    EXPECT_EQ(image.topics().size(), 1U);
    EXPECT_EQ(image.find("orders")->partitions.size(), 5U);
    EXPECT_EQ(image.find(uuid_from(1, 1)), image.find("orders"));

    Broker broker{BrokerId{1}, 5, "host", 9092, "rack"};
    image.apply(BrokerIs{broker});
    broker.port = 9093;
    image.apply(BrokerIs{broker});
    EXPECT_EQ(image.brokers().at(BrokerId{1}), broker);
}

TEST(Image, what_is_gone_is_not_found_and_its_name_is_free) {
    Image image;
    auto first = topic("a.b", 1), second = topic("a.b", 2);
    image.apply(TopicIs{first});
    for (int n = 0; n < 2; ++n) image.apply(TopicGone{first->id, "a.b", 1});
    EXPECT_EQ(image.find("a.b"), nullptr);
    EXPECT_EQ(image.find(first->id), nullptr);
    EXPECT_EQ(image.collides("a_b"), nullptr);
    EXPECT_TRUE(image.topics().empty());

    image.apply(TopicIs{second});
    image.apply(TopicGone{first->id, "a.b", 1});  // Told once more, it is not about its successor.
    image.apply(TopicForgotten{first->id});
    EXPECT_EQ(image.share("a.b"), second);
    EXPECT_EQ(image.share("a.c"), nullptr);
    EXPECT_EQ(image.collides("a_b"), second.get());
}

TEST(Image, names_that_metrics_cannot_tell_apart_collide) {
    Image image;
    image.apply(TopicIs{topic("a.b_c", 1)});
    for (auto* name : {"a_b_c", "a.b.c", "a_b.c"})
        EXPECT_EQ(image.collides(name), image.find("a.b_c")) << name;
    for (auto* name : {"a.b_c", "a.bc", "a-b-c", "A.b_c"}) EXPECT_EQ(image.collides(name), nullptr) << name;
}

}  // namespace
}  // namespace fulmar::cluster
