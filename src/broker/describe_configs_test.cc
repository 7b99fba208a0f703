#include "broker/describe_configs.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace fulmar {
namespace {

using Kind = cluster::ConfigOwner::Kind;
using Source = ConfigSource;

class DescribeConfigs : public testing::Test {
protected:
    void set(std::string broker, cluster::ConfigMap values) {
        image_.apply(cluster::ConfigsAre{{Kind::broker, std::move(broker)}, std::move(values)});
    }
    BrokerLevels levels() const { return {image_, BrokerId{7}, fixed_}; }
    Described broker() {
        values_.clear();
        for (auto& setting : settings_table()) values_.emplace_back(setting.fallback);
        return describe_broker(levels(), values_);
    }
    static const DescribedConfig& find(const Described& all, std::string_view name) {
        static const DescribedConfig none{.name = "(not shown)"};
        auto at = std::ranges::find(all, name, &DescribedConfig::name);
        return at == all.end() ? none : *at;
    }
    static std::string chain(const DescribedConfig& config) {
        std::string text;
        for (auto& [name, value, source] : config.synonyms)
            text += fmt::format("{}={} ({}) ", name, value, std::to_underlying(source));
        return text;
    }

    cluster::Image image_;
    cluster::ConfigMap fixed_;
    std::vector<std::string> values_;
};

TEST_F(DescribeConfigs, the_strongest_is_in_force_and_the_others_stand_behind_it) {
    cluster::ConfigMap topic{{"retention.ms", "1"}};
    fixed_ = {{"log.retention.ms", "4"}, {"log.segment.bytes", "2000000"}};
    set("", {{"log.retention.ms", "3"}});
    set("7", {{"log.retention.ms", "2"}});
    set("8", {{"log.retention.ms", "9"}});
    auto all = describe_topic(topic, levels());
    EXPECT_EQ(all.size(), 33U);
    auto& retention = find(all, "retention.ms");
    EXPECT_EQ(retention.value, "1");
    EXPECT_EQ(retention.source, Source::topic);
    EXPECT_EQ(retention.type, ConfigType::large);
    EXPECT_FALSE(retention.read_only || retention.sensitive || retention.what.empty());
    EXPECT_EQ(chain(retention),
              "retention.ms=1 (1) log.retention.ms=2 (2) log.retention.ms=3 (3) log.retention.ms=4 (4) "
              "log.retention.ms=2592000000 (5) ");
    EXPECT_EQ(find(all, "segment.bytes").source, Source::start);
    EXPECT_EQ(find(all, "segment.bytes").type, ConfigType::integer);
    EXPECT_EQ(find(all, "flush.ms").source, Source::usual);
    EXPECT_EQ(find(all, "cleanup.policy").type, ConfigType::list);
    EXPECT_EQ(find(all, "preallocate").type, ConfigType::boolean);
    EXPECT_EQ(find(all, "min.cleanable.dirty.ratio").type, ConfigType::number);
    topic.clear();
    all = describe_topic(topic, levels());
    EXPECT_EQ(find(all, "retention.ms").source, Source::broker);
    set("7", {});
    all = describe_topic(topic, levels());
    EXPECT_EQ(find(all, "retention.ms").source, Source::all_brokers);
}

TEST_F(DescribeConfigs, a_broker_shows_each_setting_once_and_which_may_change) {
    fixed_ = {{"message.max.bytes", "5"}};
    set("", {{"log.cleaner.threads", "3"}});
    set("7", {{"some.plugins.password", "secret"}});
    auto all = broker();
    for (auto& config : all)
        EXPECT_EQ(std::ranges::count(all, config.name, &DescribedConfig::name), 1) << config.name;
    EXPECT_TRUE(find(all, "log.dirs").read_only);
    EXPECT_TRUE(find(all, "num.partitions").read_only);
    EXPECT_FALSE(find(all, "message.max.bytes").read_only);
    EXPECT_EQ(chain(find(all, "message.max.bytes")),
              "message.max.bytes=5 (4) message.max.bytes=1048588 (5) ");
    EXPECT_EQ(chain(find(all, "log.cleaner.threads")),
              "log.cleaner.threads=3 (3) log.cleaner.threads=1 (5) ");
    EXPECT_EQ(find(all, "node.id").value, "1");
    EXPECT_EQ(find(all, "inter.broker.protocol.version").value, "4.2-IV1");
    EXPECT_EQ(find(all, "log.segment.bytes").value, "1073741824");
    EXPECT_EQ(find(all, "socket.send.buffer.bytes").name, "(not shown)");
    auto& unknown = find(all, "some.plugins.password");
    EXPECT_TRUE(unknown.sensitive);
    EXPECT_EQ(unknown.value, std::nullopt);
    EXPECT_EQ(unknown.source, Source::broker);
}

TEST_F(DescribeConfigs, of_all_brokers_only_what_is_set_is_shown) {
    EXPECT_TRUE(describe_all_brokers(levels()).empty());
    set("7", {{"message.max.bytes", "1"}});
    set("", {{"log.retention.ms", "3"}, {"unknown", "4"}});
    auto all = describe_all_brokers(levels());
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(chain(all[0]), "log.retention.ms=3 (3) ");
    EXPECT_EQ(all[0].type, ConfigType::large);
    EXPECT_TRUE(all[1].sensitive);
}

TEST_F(DescribeConfigs, groups_and_subscriptions_show_their_defaults) {
    cluster::ConfigMap set{{"consumer.session.timeout.ms", "50000"}}, metrics{{"interval.ms", "100"}};
    auto group = describe_group(set, levels());
    EXPECT_EQ(chain(find(group, "consumer.session.timeout.ms")),
              "consumer.session.timeout.ms=50000 (8) group.consumer.session.timeout.ms=45000 (5) ");
    EXPECT_EQ(find(group, "share.isolation.level").source, Source::usual);
    auto subscription = describe_client_metrics(metrics);
    EXPECT_EQ(find(subscription, "interval.ms").source, Source::client_metrics);
    EXPECT_EQ(find(subscription, "match").value, "");
}

}  // namespace
}  // namespace fulmar
