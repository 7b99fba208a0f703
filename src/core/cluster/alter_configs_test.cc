#include "core/cluster/alter_configs.h"

#include <gtest/gtest.h>

#include "core/cluster/config_tables.h"
#include "core/cluster/topic_config.h"

namespace fulmar::cluster {
namespace {

using Kind = ConfigOwner::Kind;
using Op = ConfigEdit::Op;
using Why = ConfigRefusal::Why;
using Edits = std::vector<ConfigEdit>;

ConfigMap topic(const ConfigMap& set, const Edits& edits, bool replace = false,
                const ConfigMap& defaults = {}) {
    auto now = altered(Kind::topic, set, defaults, edits, replace);
    EXPECT_TRUE(now) << (now ? "" : now.error().text);
    return now.value_or(ConfigMap());
}
Why why_not(Kind kind, const Edits& edits, std::string_view text) {
    auto now = altered(kind, {}, {}, edits, false);
    EXPECT_FALSE(now);
    if (now) return {};
    EXPECT_NE(now.error().text.find(text), std::string::npos) << now.error().text;
    return now.error().why;
}

TEST(AlterConfigs, single_settings_change_and_the_others_stay) {
    ConfigMap set{{"retention.ms", "5"}, {"flush.ms", "6"}};
    EXPECT_EQ(
        topic(set,
              {{Op::set, "retention.ms", "7"}, {Op::remove, "flush.ms", ""}, {Op::set, "segment.ms", "8"}}),
        (ConfigMap{{"retention.ms", "7"}, {"segment.ms", "8"}}));
    EXPECT_EQ(topic(set, {}), set);
    EXPECT_EQ(topic(set, {{Op::remove, "no.such", ""}, {Op::remove, "segment.ms", ""}}), set);
}

TEST(AlterConfigs, a_new_set_takes_the_place_of_the_old_one) {
    ConfigMap set{{"retention.ms", "5"}, {"flush.ms", "6"}};
    EXPECT_EQ(topic(set, {{Op::set, "segment.ms", "8"}}, true), (ConfigMap{{"segment.ms", "8"}}));
    EXPECT_EQ(topic(set, {}, true), ConfigMap());
}

TEST(AlterConfigs, lists_grow_and_shrink_from_what_is_in_force) {
    auto policy = [](const ConfigMap& set, Op op, std::string value, const ConfigMap& defaults = {}) {
        return topic(set, {{op, "cleanup.policy", std::move(value)}}, false, defaults)["cleanup.policy"];
    };
    EXPECT_EQ(policy({}, Op::append, "compact"), "delete,compact");
    EXPECT_EQ(policy({}, Op::append, "compact", {{"log.cleanup.policy", "compact"}}), "");  // Nothing to set.
    EXPECT_EQ(policy({}, Op::append, "delete", {{"log.cleanup.policy", "compact"}}), "compact,delete");
    EXPECT_EQ(policy({{"cleanup.policy", "delete,compact"}}, Op::append, "compact"), "delete,compact");
    EXPECT_EQ(policy({{"cleanup.policy", "delete, compact"}}, Op::subtract, "delete"), "compact");
    EXPECT_EQ(policy({{"cleanup.policy", "compact"}}, Op::subtract, "delete"), "compact");
    EXPECT_EQ(policy({{"cleanup.policy", "compact"}}, Op::subtract, "compact"), "");
    EXPECT_EQ(why_not(Kind::topic, {{Op::append, "segment.bytes", "1"}}, "not LIST"), Why::invalid);
    EXPECT_EQ(why_not(Kind::topic, {{Op::subtract, "no.such", "1"}}, "no.such"), Why::invalid);
    EXPECT_EQ(why_not(Kind::topic, {{Op::append, "cleanup.policy", "keep"}}, "keep"), Why::invalid);
    auto broker = altered(Kind::broker, {}, {}, {{Op::append, "log.cleanup.policy", "compact"}}, false);
    EXPECT_EQ(broker, (ConfigMap{{"log.cleanup.policy", "delete,compact"}}));
}

TEST(AlterConfigs, one_bad_setting_spoils_them_all) {
    EXPECT_EQ(
        why_not(Kind::topic, {{Op::set, "flush.ms", "1"}, {Op::set, "segment.bytes", "x"}}, "segment.bytes"),
        Why::invalid);
    EXPECT_EQ(why_not(Kind::topic, {{Op::set, "no.such", "1"}}, "Unknown topic config name"), Why::invalid);
    EXPECT_EQ(why_not(Kind::group, {{Op::set, "retention.ms", "1"}}, "Unknown group config name"),
              Why::invalid);
    EXPECT_EQ(why_not(Kind::group, {{Op::set, "consumer.session.timeout.ms", "1"}}, "at least 45000"),
              Why::invalid);
    EXPECT_EQ(why_not(Kind::client_metrics, {{Op::set, "interval.ms", "1"}}, "at least 100"), Why::invalid);
    EXPECT_EQ(
        why_not(Kind::topic, {{Op::set, "leader.replication.throttled.replicas", std::string(20'000, ' ')}},
                "at most 16384 bytes"),
        Why::no_room);
}

TEST(AlterConfigs, a_broker_keeps_what_it_does_not_know_and_refuses_what_only_its_start_can_set) {
    auto set = [](std::string name, std::string value) {
        return altered(Kind::broker, {}, {}, {{Op::set, std::move(name), std::move(value)}}, false);
    };
    EXPECT_TRUE(set("no.such.config", "1"));
    EXPECT_TRUE(set("log.retention.ms", "-1"));
    EXPECT_TRUE(set("compression.type", "zstd"));
    EXPECT_TRUE(set("producer.id.expiration.ms", "1000"));
    EXPECT_EQ(why_not(Kind::broker, {{Op::set, "log.dirs", "/x"}}, "[log.dirs]"), Why::read_only);
    EXPECT_EQ(why_not(Kind::broker, {{Op::set, "num.partitions", "3"}}, "[num.partitions]"), Why::read_only);
    for (auto name : {"group.coordinator.rebalance.protocols", "group.share.max.size",
                      "group.streams.max.standby.replicas", "share.coordinator.threads"})
        EXPECT_EQ(why_not(Kind::broker, {{Op::set, name, "1"}}, std::string("[") + name + "]"),
                  Why::read_only);
    EXPECT_EQ(why_not(Kind::broker, {{Op::set, "message.max.bytes", "x"}}, "type INT"), Why::broker_value);
    EXPECT_TRUE(altered(Kind::broker, {}, {}, {{Op::remove, "log.dirs", ""}}, false));
}

TEST(ConfigTables, a_brokers_own_comes_before_all_brokers_before_its_start) {
    Image image;
    auto broker = [](std::string name) { return ConfigOwner{Kind::broker, std::move(name)}; };
    image.apply(ConfigsAre{broker(""), {{"a", "all"}, {"b", "all"}}});
    image.apply(ConfigsAre{broker("7"), {{"a", "seven"}}});
    image.apply(ConfigsAre{broker("8"), {{"c", "eight"}}});
    ConfigMap fixed{{"b", "fixed"}, {"c", "fixed"}};
    EXPECT_EQ(broker_values(image, BrokerId{7}, fixed),
              (ConfigMap{{"a", "seven"}, {"b", "all"}, {"c", "fixed"}}));
    image.apply(ConfigsAre{broker("7"), {}});
    EXPECT_EQ(image.configs().size(), 2U);
    EXPECT_EQ(broker_values(image, BrokerId{7}, fixed),
              (ConfigMap{{"a", "all"}, {"b", "all"}, {"c", "fixed"}}));
}

TEST(ConfigTables, every_default_is_allowed_and_every_row_says_what_it_is) {
    for (auto table : {broker_configs(), group_configs(), client_metrics_configs()}) {
        for (auto& row : table) {
            if (row.change == ConfigChange::never) continue;
            EXPECT_EQ(invalid_value(row, row.usual), std::nullopt) << row.name;
            EXPECT_FALSE(row.what.empty()) << row.name;
        }
    }
    EXPECT_EQ(find_broker_config("log.segment.bytes"), find_topic_config("segment.bytes"));
    EXPECT_EQ(find_broker_config("segment.bytes"), nullptr);
    EXPECT_EQ(find_broker_config(""), nullptr);
}

}  // namespace
}  // namespace fulmar::cluster
