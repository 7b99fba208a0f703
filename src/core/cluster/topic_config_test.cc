#include "core/cluster/topic_config.h"

#include <gtest/gtest.h>

#include <set>

namespace fulmar::cluster {
namespace {

std::string why_not(std::string_view name, std::optional<std::string_view> value) {
    return invalid_topic_config(name, value).value_or("");
}

TEST(TopicConfig, every_default_is_allowed_and_found_by_its_name) {
    std::set<std::string_view> broker_names;
    for (auto& config : topic_configs()) {
        EXPECT_EQ(find_topic_config(config.name), &config);
        EXPECT_EQ(why_not(config.name, config.usual), "") << config.name;
        EXPECT_NE(why_not(config.name, std::nullopt), "") << config.name;
        if (!config.broker_name.empty())
            EXPECT_TRUE(broker_names.insert(config.broker_name).second) << config.broker_name;
        EXPECT_EQ(topic_config_value({}, {}, config.name), config.usual);
        EXPECT_FALSE(config.what.empty()) << config.name;
    }
    EXPECT_EQ(find_topic_config("retention"), nullptr);
    EXPECT_EQ(find_topic_config(""), nullptr);
    EXPECT_EQ(find_topic_config("zzz"), nullptr);
}

TEST(TopicConfig, every_range_is_kept_at_its_ends) {
    for (auto& config : topic_configs()) {
        if (config.kind != ConfigKind::integer) continue;
        auto least = std::to_string(std::int64_t(config.least));
        EXPECT_EQ(why_not(config.name, least), "") << config.name;
        EXPECT_NE(why_not(config.name, std::to_string(std::int64_t(config.least) - 1)), "") << config.name;
        bool bounded = config.most < 9e18;
        auto most = bounded ? std::int64_t(config.most) : INT64_MAX;
        EXPECT_EQ(why_not(config.name, std::to_string(most)), "") << config.name;
        if (bounded) EXPECT_NE(why_not(config.name, std::to_string(most + 1)), "") << config.name;
        for (auto* bad : {"", " ", "x", "1x", "1.5", "9223372036854775808", "--1", "0x10", "+ 1"})
            EXPECT_NE(why_not(config.name, bad), "") << config.name << "=" << bad;
    }
}

TEST(TopicConfig, kinds_are_read_as_kafka_reads_them) {
    for (auto* good : {"true", "FALSE", " True "}) EXPECT_EQ(why_not("preallocate", good), "") << good;
    for (auto* bad : {"", "yes", "1", "truefalse"}) EXPECT_NE(why_not("preallocate", bad), "") << bad;
    for (auto* good : {"0", "1", "0.25", "1e-3"})
        EXPECT_EQ(why_not("min.cleanable.dirty.ratio", good), "") << good;
    for (auto* bad : {"", "-0.1", "1.01", "nan", "inf", "half"})
        EXPECT_NE(why_not("min.cleanable.dirty.ratio", bad), "") << bad;
    for (auto* good : {"producer", "zstd", "uncompressed"})
        EXPECT_EQ(why_not("compression.type", good), "") << good;
    for (auto* bad : {"", "none", "ZSTD", "zstd lz4", "zst"})
        EXPECT_NE(why_not("compression.type", bad), "") << bad;
    for (auto* good : {"delete", "compact", "compact,delete", "compact , delete", ""})
        EXPECT_EQ(why_not("cleanup.policy", good), "") << good;
    for (auto* bad : {"keep", "delete,keep", "delete,", "delete compact"})
        EXPECT_NE(why_not("cleanup.policy", bad), "") << bad;
}

TEST(TopicConfig, a_list_of_replicas_is_of_partitions_and_brokers) {
    for (auto* good : {"", "*", "0:1", "0:1, 12:3"})
        EXPECT_EQ(why_not("leader.replication.throttled.replicas", good), "") << good;
    for (auto* bad : {"1", "a:b", "0:1,", ":", "0:-1"})
        EXPECT_NE(why_not("follower.replication.throttled.replicas", bad), "") << bad;
}

TEST(TopicConfig, a_refusal_names_what_is_wrong) {
    EXPECT_EQ(why_not("retention", "1"), "Unknown topic config name: retention");
    EXPECT_EQ(why_not("retention.ms", std::nullopt),
              "Null value not supported for topic configs: retention.ms");
    EXPECT_EQ(why_not("retention.ms", "-2"),
              "Invalid value -2 for configuration retention.ms: Value must be at least -1");
    EXPECT_EQ(why_not("retention.ms", "soon"),
              "Invalid value soon for configuration retention.ms: Not a number of type LONG");
    EXPECT_EQ(why_not("segment.bytes", "x"),
              "Invalid value x for configuration segment.bytes: Not a number of type INT");
    EXPECT_NE(why_not("remote.storage.enable", "TRUE").find("no tiered storage"), std::string::npos);
    EXPECT_EQ(why_not("remote.storage.enable", "false"), "");
}

TEST(TopicConfig, the_topics_own_comes_before_the_brokers_before_kafkas) {
    ConfigMap set{{"retention.ms", "5"}},
        defaults{{"log.retention.ms", "7"}, {"log.segment.bytes", "2000000"}};
    EXPECT_EQ(topic_config_value(set, defaults, "retention.ms"), "5");
    EXPECT_EQ(topic_config_value({}, defaults, "retention.ms"), "7");
    EXPECT_EQ(topic_config_value(set, defaults, "segment.bytes"), "2000000");
    EXPECT_EQ(topic_config_value(set, {}, "segment.bytes"), "1073741824");
}

TEST(ProduceRules, are_what_the_settings_say) {
    auto usual = produce_rules({}, {});
    wire::ProduceRules kafkas;
    EXPECT_EQ(usual.batch_bytes_max, kafkas.batch_bytes_max);
    EXPECT_EQ(usual.before_max, kafkas.before_max);
    EXPECT_EQ(usual.after_max, kafkas.after_max);
    EXPECT_FALSE(usual.append_time || usual.keys_required || usual.codec);

    auto rules = produce_rules({{"max.message.bytes", " 1000 "},
                                {"message.timestamp.before.max.ms", "10"},
                                {"message.timestamp.after.max.ms", "20"},
                                {"message.timestamp.type", "LogAppendTime"},
                                {"cleanup.policy", "delete, compact"},
                                {"compression.type", "zstd"},
                                {"compression.zstd.level", "7"}},
                               {{"message.max.bytes", "1"}});
    EXPECT_EQ(rules.batch_bytes_max, 1000U);
    EXPECT_EQ(rules.before_max, Millis(10));
    EXPECT_EQ(rules.after_max, Millis(20));
    EXPECT_TRUE(rules.append_time && rules.keys_required);
    EXPECT_EQ(rules.codec, wire::Codec::zstd);
    EXPECT_EQ(rules.codec_level, 7);
    EXPECT_EQ(produce_rules({{"compression.type", "uncompressed"}}, {}).codec, wire::Codec::none);
    EXPECT_EQ(produce_rules({{"compression.type", "snappy"}}, {}).codec, wire::Codec::snappy);
    EXPECT_EQ(produce_rules({{"compression.type", "gzip"}}, {}).codec_level, -1);
    EXPECT_EQ(produce_rules({{"compression.type", "lz4"}}, {{"compression.lz4.level", "3"}}).codec_level, 3);
}

TEST(LogRules, are_kafkas_defaults_with_thirty_days_of_retention) {
    auto rules = log_rules({}, {});
    constexpr Millis day{86'400'000}, never{std::numeric_limits<std::int64_t>::max()};
    EXPECT_TRUE(rules.deletes && !rules.compacts && !rules.preallocate && !rules.unclean_leader_election);
    EXPECT_EQ(rules.retention, 30 * day);
    EXPECT_EQ(rules.retention_bytes, std::nullopt);
    EXPECT_EQ(rules.segment_bytes, 1U << 30);
    EXPECT_EQ(rules.segment_age, 7 * day);
    EXPECT_EQ(rules.segment_jitter, Millis(0));
    EXPECT_EQ(rules.index_bytes_max, 10U << 20);
    EXPECT_EQ(rules.index_interval_bytes, 4096U);
    EXPECT_EQ(rules.min_compaction_lag, Millis(0));
    EXPECT_EQ(rules.max_compaction_lag, never);
    EXPECT_EQ(rules.delete_retention, day);
    EXPECT_EQ(rules.min_cleanable_dirty_ratio, 0.5);
    EXPECT_EQ(rules.file_delete_delay, Millis(60'000));
    EXPECT_EQ(rules.min_in_sync_replicas, 1);
}

TEST(LogRules, are_what_the_settings_say) {
    auto rules = log_rules(
        {{"cleanup.policy", "compact"},
         {"retention.ms", "-1"},
         {"retention.bytes", "0"},
         {"segment.ms", "50"},
         {"segment.jitter.ms", "60"},
         {"segment.index.bytes", "8"},
         {"preallocate", "TRUE"},
         {"min.compaction.lag.ms", "1"},
         {"max.compaction.lag.ms", "2"},
         {"delete.retention.ms", "3"},
         {"min.cleanable.dirty.ratio", " 0.25"},
         {"flush.messages", "4"},
         {"flush.ms", "5"},
         {"file.delete.delay.ms", "6"},
         {"min.insync.replicas", "7"},
         {"unclean.leader.election.enable", " true "}},
        {{"log.retention.ms", "9"}, {"log.segment.bytes", "2147483647"}, {"log.index.interval.bytes", "10"}});
    EXPECT_TRUE(!rules.deletes && rules.compacts && rules.preallocate && rules.unclean_leader_election);
    EXPECT_EQ(rules.retention, std::nullopt);
    EXPECT_EQ(rules.retention_bytes, 0U);
    EXPECT_EQ(rules.segment_bytes, 2147483647U);
    EXPECT_EQ(rules.segment_age, Millis(50));
    EXPECT_EQ(rules.segment_jitter, Millis(50));  // Not more than the age it is taken from.
    EXPECT_EQ(rules.index_bytes_max, 8U);
    EXPECT_EQ(rules.index_interval_bytes, 10U);
    EXPECT_EQ(rules.min_compaction_lag, Millis(1));
    EXPECT_EQ(rules.max_compaction_lag, Millis(2));
    EXPECT_EQ(rules.delete_retention, Millis(3));
    EXPECT_EQ(rules.min_cleanable_dirty_ratio, 0.25);
    EXPECT_EQ(rules.file_delete_delay, Millis(6));
    EXPECT_EQ(rules.min_in_sync_replicas, 7);
    EXPECT_EQ(log_rules({}, {{"log.retention.ms", "9"}}).retention, Millis(9));
    auto nothing = log_rules({{"cleanup.policy", ""}}, {});
    EXPECT_FALSE(nothing.deletes || nothing.compacts);
    auto both = log_rules({{"cleanup.policy", "compact, delete"}}, {});
    EXPECT_TRUE(both.deletes && both.compacts);
}

}  // namespace
}  // namespace fulmar::cluster
