#include "broker/settings.h"

#include <gtest/gtest.h>

#include <set>

namespace fulmar {
namespace {

using Sources = SettingSources;

Sources file(std::string text) { return {.file_name = "fulmar.toml", .file_text = std::move(text)}; }
Sources environment(std::string name, std::string value) { return {.environment = {{name, value}}}; }
Sources argument(std::string key, std::string value) {
    return {.arguments = {{key, value, "--set " + key + "=" + value}}};
}

Settings read(const Sources& sources) {
    auto settings = read_settings(sources);
    if (settings) return *settings;
    for (auto& wrong : settings.error()) ADD_FAILURE() << wrong;
    return {};
}
std::string refusal(const Sources& sources) {
    auto settings = read_settings(sources);
    if (settings) return "(taken)";
    std::string all;
    for (auto& wrong : settings.error()) all += (all.empty() ? "" : "\n") + wrong;
    return all;
}

TEST(Settings, without_any_source_the_defaults_hold) {
    auto s = read({});
    EXPECT_EQ(s.listen, (Address{"127.0.0.1", 9092}));
    EXPECT_EQ(s.advertised, s.listen);
    EXPECT_FALSE(s.allow_unauthenticated_listen);
    EXPECT_EQ(s.data_directories, std::vector<std::string>{"./fulmar-data"});
    EXPECT_EQ(s.broker_id, 1);
    EXPECT_EQ(s.cores, 0);
    EXPECT_EQ(s.disk_threads, 4);
    EXPECT_TRUE(s.auto_create_topics);
    EXPECT_EQ(s.num_partitions, 1);
    EXPECT_EQ(s.message_bytes_max, 1048588);
    EXPECT_EQ(s.fetch_bytes_max, 55 << 20);
    EXPECT_EQ(s.socket_request_bytes_max, 100 << 20);
    EXPECT_EQ(s.connections_idle_max, std::chrono::minutes(10));
    EXPECT_EQ(s.connections_max, 10'000);
    EXPECT_EQ(s.log_retention, std::chrono::days(30));
    EXPECT_EQ(std::chrono::minutes(s.offsets_retention_minutes), s.log_retention);
    EXPECT_EQ(s.durability, Durability::disk);
    EXPECT_EQ(s.unsynced_bytes_max, 64 << 20);
    EXPECT_EQ(s.producer_id_expiration, std::chrono::hours(24));
    EXPECT_EQ(s.log_level, LogLevel::info);
    for (auto& shown : s.shown) EXPECT_EQ(shown.place, "");
}

TEST(Settings, metrics_are_on_this_machine_unless_others_may_read_them) {
    EXPECT_EQ(read({}).metrics_listen, (Address{"127.0.0.1", 9644}));
    EXPECT_EQ(read(argument("metrics.listen", "[::1]:0")).metrics_listen, (Address{"::1", 0}));
    EXPECT_EQ(read(argument("metrics.listen", "")).metrics_listen, Address());
    EXPECT_EQ(value_of(read({}), settings_table()[settings_table().size() - 2]), "127.0.0.1:9644");
    EXPECT_EQ(value_of(read(argument("metrics.listen", "")), settings_table()[settings_table().size() - 2]),
              "");
    EXPECT_NE(refusal(argument("metrics.listen", "9644")), "(taken)");
    EXPECT_EQ(refusal(argument("metrics.listen", ":9644")),
              "--set metrics.listen=:9644: 0.0.0.0:9644 can be reached from other machines, and whoever "
              "reaches it can read the names of topics and how much goes through them: set "
              "allow.unauthenticated.listen=true if that is meant, or let metrics.listen be on 127.0.0.1");
    EXPECT_EQ(read(file("metrics.listen = \":9644\"\nallow.unauthenticated.listen = true")).metrics_listen,
              (Address{"0.0.0.0", 9644}));
    EXPECT_NE(refusal(argument("listeners", "")), "(taken)");
}

TEST(Settings, a_stronger_source_wins) {
    auto sources = file("broker.id = 2\nnum.partitions = 2\ncores = 2\ndisk.threads = 2");
    EXPECT_EQ(read(sources).broker_id, 2);
    sources.environment = {
        {"HOME", "x"}, {"FULMAR_NUM_PARTITIONS", "3"}, {"FULMAR_CORES", "3"}, {"FULMAR_DISK_THREADS", "3"}};
    sources.arguments = {
        {"cores", "4", "--set cores=4"}, {"disk.threads", "4", "--set"}, {"disk.threads", "5", "--set"}};
    auto s = read(sources);
    EXPECT_EQ(s.broker_id, 2);
    EXPECT_EQ(s.num_partitions, 3);
    EXPECT_EQ(s.cores, 4);
    EXPECT_EQ(s.disk_threads, 5);
    EXPECT_EQ(s.shown[6].value, "4");
    EXPECT_EQ(s.shown[6].place, "--set cores=4");
}

TEST(Settings, the_file_may_dot_quote_or_nest_its_keys) {
    for (auto text : {"log.retention.ms = 5000", "\"log.retention.ms\" = 5_000", "[log]\nretention.ms = '5s'",
                      "[log.retention]\nms = \"5000\" # five seconds"})
        EXPECT_EQ(read(file(text)).log_retention, Millis(5000)) << text;
}

TEST(Settings, numbers_may_have_units) {
    EXPECT_EQ(read(argument("log.retention.ms", "7d")).log_retention, std::chrono::days(7));
    EXPECT_EQ(read(argument("log.retention.ms", "-1")).log_retention, Millis(-1));
    EXPECT_EQ(read(argument("connections.max.idle.ms", "10 m")).connections_idle_max,
              std::chrono::minutes(10));
    EXPECT_EQ(read(argument("unsynced.bytes.max", "2GiB")).unsynced_bytes_max, 2LL << 30);
    EXPECT_EQ(refusal(argument("cores", "2KiB")),
              "--set cores=2KiB: cores cannot be \"2KiB\": it takes 0 to 256");
}

TEST(Settings, a_bad_value_is_named_with_its_place_and_what_would_be_right) {
    EXPECT_EQ(refusal(file("\ncores = 300")), "fulmar.toml:2: cores cannot be \"300\": it takes 0 to 256");
    EXPECT_EQ(refusal(environment("FULMAR_CORES", "many")),
              "environment variable FULMAR_CORES: cores cannot be \"many\": it takes 0 to 256");
    EXPECT_EQ(refusal(argument("durability", "tape")),
              "--set durability=tape: durability cannot be \"tape\": it takes disk or page-cache");
    EXPECT_EQ(refusal(file("log.level = 3")),
              "fulmar.toml:1: log.level cannot be \"3\": it takes debug, info, warning or error");
    EXPECT_EQ(refusal(file("auto.create.topics.enable = 1")),
              "fulmar.toml:1: auto.create.topics.enable cannot be \"1\": it takes true or false");
    EXPECT_EQ(refusal(argument("unsynced.bytes.max", "1")),
              "--set unsynced.bytes.max=1: unsynced.bytes.max cannot be \"1\": it takes 1MiB to 64GiB");
    EXPECT_EQ(refusal(argument("log.retention.ms", "-2")),
              "--set log.retention.ms=-2: log.retention.ms cannot be \"-2\": it takes -1 or more ms");
    for (auto value : {"", "1 2", "0x10", "1.5", "99999999999999999999", "9999999999999999999d", "+1", "1s1"})
        EXPECT_NE(refusal(argument("connections.max.idle.ms", value)), "(taken)") << value;
    EXPECT_EQ(refusal(file("cores = 1.5")),
              "fulmar.toml:1: cores is neither a number, a text, true nor false");
    for (auto value : {"", ",", "/a,", "/a,/b,/a"})
        EXPECT_NE(refusal(argument("log.dirs", value)), "(taken)") << value;
    for (auto value : {"/a", "AAAAAAAAAAAAAAAAAAAAAQ,"})
        EXPECT_NE(refusal(argument("log.dirs.gone", value)), "(taken)") << value;
}

TEST(Settings, directories_are_a_list) {
    std::vector<std::string> both{"/a", "/b c"};
    EXPECT_EQ(read(argument("log.dirs", "/a, /b c")).data_directories, both);
    EXPECT_EQ(read(file("log.dirs = ['/a', '/b c']")).data_directories, both);
    EXPECT_EQ(fixed_values(read(argument("log.dirs", "/a, /b c"))).at("log.dirs"), "/a,/b c");
    auto gone = read(argument("log.dirs.gone", "AAAAAAAAAAAAAAAAAAAAAQ")).directories_gone;
    EXPECT_EQ(gone, std::vector<std::string>{"AAAAAAAAAAAAAAAAAAAAAQ"});
    EXPECT_EQ(read(argument("log.dirs.gone", "")).directories_gone, std::vector<std::string>());
}

TEST(Settings, defaults_of_topics_are_taken_and_checked_too) {
    auto sources = file("log.segment.bytes = \"2MiB\"\nlog.roll.ms = \"1h\"");
    sources.environment = {{"FULMAR_LOG_CLEANUP_POLICY", "compact"}};
    sources.arguments = {{"message.max.bytes", "2MiB", "--set"}};
    auto s = read(sources);
    EXPECT_EQ(fixed_values(s), (cluster::ConfigMap{{"log.cleanup.policy", "compact"},
                                                   {"log.roll.ms", "3600000"},
                                                   {"log.segment.bytes", "2097152"},
                                                   {"message.max.bytes", "2097152"}}));
    EXPECT_EQ(
        refusal(file("log.segment.bytes = 1")),
        "fulmar.toml:1: Invalid value 1 for configuration segment.bytes: Value must be at least 1048576");
    EXPECT_NE(refusal(argument("segment.bytes", "2097152")), "(taken)");
    EXPECT_NE(refusal(argument("num.io.threads", "8")), "(taken)");
}

TEST(Settings, an_unknown_key_is_refused_with_the_nearest_known) {
    EXPECT_EQ(refusal(file("cores = 2\nnum.partitons = 3")),
              "fulmar.toml:2: there is no setting \"num.partitons\"; did you mean num.partitions?");
    EXPECT_EQ(refusal(environment("FULMAR_LOG_LEVL", "info")),
              "environment variable FULMAR_LOG_LEVL: no such setting; did you mean FULMAR_LOG_LEVEL?");
    EXPECT_EQ(refusal(argument("log.retention.hours", "1")),
              "--set log.retention.hours=1: log.retention.hours cannot be set here. Here it is "
              "log.retention.ms.");
    EXPECT_EQ(refusal(argument("zookeeper", "x")), "--set zookeeper=x: there is no setting \"zookeeper\"");
}

TEST(Settings, of_kafkas_settings_that_are_not_here_it_is_said_why) {
    EXPECT_EQ(
        refusal(argument("group.coordinator.rebalance.protocols", "classic")),
        "--set group.coordinator.rebalance.protocols=classic: group.coordinator.rebalance.protocols cannot "
        "be set here. Nothing switches a protocol off; group.consumer.migration.policy says whether "
        "a group may change its own.");
    EXPECT_EQ(refusal(file("group.share.max.size = 10")),
              "fulmar.toml:1: group.share.max.size cannot be set here. There are no share groups.");
    EXPECT_EQ(refusal(environment("FULMAR_NUM_IO_THREADS", "8")),
              "environment variable FULMAR_NUM_IO_THREADS: num.io.threads cannot be set here. Threads are "
              "set by cores, at the start.");
    EXPECT_EQ(refusal(argument("log.cleaner.backoff.ms", "1")),
              "--set log.cleaner.backoff.ms=1: log.cleaner.backoff.ms cannot be set here. It is changed "
              "while the broker runs.");
}

TEST(Settings, everything_that_is_wrong_is_said_at_once) {
    auto sources = file("cores = -1\nx = 1");
    sources.arguments = {{"broker.id", "one", "--set broker.id=one"}};
    EXPECT_EQ(refusal(sources),
              "fulmar.toml:1: cores cannot be \"-1\": it takes 0 to 256\n"
              "fulmar.toml:2: there is no setting \"x\"\n"
              "--set broker.id=one: broker.id cannot be \"one\": it takes 0 to 2147483647");
}

TEST(Settings, what_is_not_toml_is_refused_with_its_line) {
    EXPECT_TRUE(refusal(file("cores = 2\n= 3")).starts_with("fulmar.toml:2: not TOML: "));
    EXPECT_TRUE(refusal(file("cores = 2\ncores = 3")).starts_with("fulmar.toml:2: not TOML: "));
    EXPECT_TRUE(refusal(file(std::string("\xff\xfe\0", 3))).starts_with("fulmar.toml:1: not TOML: "));
    EXPECT_EQ(refusal(file("")), "(taken)");
}

TEST(Settings, what_kubernetes_puts_into_the_environment_is_not_ours) {
    for (auto name : {"FULMAR_PORT", "FULMAR_SERVICE_HOST", "FULMAR_SERVICE_PORT",
                      "FULMAR_SERVICE_PORT_KAFKA", "FULMAR_PORT_9092_TCP", "FULMAR_PORT_9092_TCP_ADDR",
                      "FULMAR_INTERNAL_SERVICE_HOST", "FULMAR_SERVER", "OTHER"})
        EXPECT_EQ(refusal(environment(name, "tcp://10.0.0.1:9092")), "(taken)") << name;
    for (auto& setting : settings_table())
        EXPECT_NE(refusal(environment(variable_of(setting.key), ",")), "(taken)") << setting.key;
}

TEST(Settings, kafkas_other_names_are_understood) {
    EXPECT_EQ(read(argument("node.id", "7")).broker_id, 7);
    EXPECT_EQ(read(argument("log.dir", "/data")).data_directories, std::vector<std::string>{"/data"});
}

TEST(Settings, an_address_that_others_reach_must_be_allowed) {
    for (auto host : {"10.0.0.1:9092", "example.org:9092", "[fe80::1]:9092"}) {
        auto sources = argument("listeners", host);
        auto said = refusal(sources);
        EXPECT_TRUE(said.starts_with(std::string("--set listeners=") + host)) << said;
        EXPECT_NE(said.find("allow.unauthenticated.listen=true"), said.npos) << said;
        sources.arguments.push_back({"allow.unauthenticated.listen", "true", "--set"});
        EXPECT_EQ(read(sources).advertised, parse_address(host));
    }
    for (auto host : {"127.0.0.1:0", "localhost:9092", "127.8.8.8:1", "[::1]:9092"})
        EXPECT_EQ(read(argument("listeners", host)).advertised, parse_address(host));
}

TEST(Settings, every_address_at_once_is_not_one_to_connect_to) {
    auto sources = argument("listeners", ":9092");
    sources.arguments.push_back({"allow.unauthenticated.listen", "true", "--set"});
    auto said = refusal(sources);
    EXPECT_NE(said.find("set advertised.listeners"), said.npos) << said;
    sources.arguments.push_back({"advertised.listeners", "queue.example:9092", "--set"});
    auto s = read(sources);
    EXPECT_EQ(s.advertised, (Address{"queue.example", 9092}));
    EXPECT_EQ(s.listen, (Address{"0.0.0.0", 9092}));
    sources.arguments.push_back(
        {"advertised.listeners", "0.0.0.0:9092", "--set advertised.listeners=0.0.0.0:9092"});
    said = refusal(sources);
    EXPECT_TRUE(said.starts_with("--set advertised.listeners=0.0.0.0:9092: clients cannot connect")) << said;
}

TEST(Settings, a_message_must_fit_into_a_request) {
    auto said = refusal(argument("message.max.bytes", "101MiB"));
    EXPECT_NE(said.find("socket.request.max.bytes"), said.npos) << said;
}

TEST(Settings, bounds_that_contradict_each_other_are_refused) {
    auto all = [](std::vector<std::pair<std::string, std::string>> pairs) {
        Sources sources;
        for (auto& [key, value] : pairs)
            sources.arguments.push_back({"group." + key, value, "--set group." + key + "=" + value});
        return sources;
    };
    EXPECT_EQ(
        refusal(all({{"max.session.timeout.ms", "5s"}})),
        "--set group.max.session.timeout.ms=5s: group.min.session.timeout.ms is 6000 ms, and must be at most "
        "group.max.session.timeout.ms, which is 5000 ms");
    EXPECT_EQ(
        refusal(all({{"min.session.timeout.ms", "8"}, {"max.session.timeout.ms", "7"}})),
        "--set group.min.session.timeout.ms=8: group.min.session.timeout.ms is 8 ms, and must be at most "
        "group.max.session.timeout.ms, which is 7 ms");
    EXPECT_EQ(
        refusal(all({{"consumer.session.timeout.ms", "10s"}})),
        "--set group.consumer.session.timeout.ms=10s: group.consumer.min.session.timeout.ms is 45000 ms, and "
        "must be at most group.consumer.session.timeout.ms, which is 10000 ms");
    EXPECT_EQ(refusal(all({{"consumer.session.timeout.ms", "61s"}})),
              "--set group.consumer.session.timeout.ms=61s: group.consumer.session.timeout.ms is 61000 ms, "
              "and must "
              "be at most group.consumer.max.session.timeout.ms, which is 60000 ms");
    EXPECT_NE(refusal(all({{"consumer.heartbeat.interval.ms", "4999"}})), "(taken)");
    EXPECT_NE(refusal(all({{"consumer.heartbeat.interval.ms", "15001"}})), "(taken)");
    EXPECT_EQ(
        refusal(
            all({{"consumer.max.heartbeat.interval.ms", "1m"}, {"consumer.heartbeat.interval.ms", "45s"}})),
        "--set group.consumer.heartbeat.interval.ms=45s: group.consumer.heartbeat.interval.ms is 45000 ms, "
        "and must be less than group.consumer.session.timeout.ms, which is 45000 ms");
    read(all({{"min.session.timeout.ms", "7"}, {"max.session.timeout.ms", "7"}}));
    read(all({{"consumer.min.session.timeout.ms", "10s"}, {"consumer.session.timeout.ms", "10s"}}));
}

TEST(Settings, the_table_holds_what_it_says) {
    std::set<std::string_view> keys;
    auto described = describe_settings();
    for (auto& setting : settings_table()) {
        EXPECT_TRUE(keys.insert(setting.key).second) << setting.key;
        EXPECT_NE(described.find("\n    " + allowed(setting)), described.npos) << setting.key;
        EXPECT_NE(described.find(variable_of(setting.key)), described.npos) << setting.key;
        EXPECT_TRUE(setting.what.ends_with('.')) << setting.key;
        if (!setting.fallback.empty()) {
            EXPECT_EQ(refusal(argument(std::string(setting.key), std::string(setting.fallback))), "(taken)");
        }
    }
    std::size_t longest = 0;
    for (std::size_t at = 0; at < described.size(); at = described.find('\n', at) + 1)
        longest = std::max(longest, described.find('\n', at) - at);
    EXPECT_LE(longest, 100U);
}

}  // namespace
}  // namespace fulmar
