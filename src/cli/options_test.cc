#include "cli/options.h"

#include <gtest/gtest.h>
#include <stdlib.h>

namespace fulmar::cli {
namespace {

std::expected<Command, Ending> parse(std::vector<const char*> words) {
    words.insert(words.begin(), "fulmar");
    return parse_command(int(words.size()), words.data());
}
template <class T> T parsed(std::vector<const char*> words) {
    auto command = parse(std::move(words));
    if (!command) ADD_FAILURE() << command.error().text;
    if (command && std::holds_alternative<T>(*command)) return std::get<T>(*command);
    ADD_FAILURE() << "not what was asked for";
    return {};
}
std::string refusal(std::vector<const char*> words) {
    auto command = parse(std::move(words));
    if (command) return "(taken)";
    EXPECT_EQ(command.error().code, exit_usage);
    auto& text = command.error().text;
    return text.substr(0, text.find('\n'));
}
std::string help(std::vector<const char*> words) {
    auto command = parse(std::move(words));
    EXPECT_FALSE(command);
    if (command) return "";
    EXPECT_EQ(command.error().code, exit_done);
    return command.error().text;
}

const Address local{"127.0.0.1", 9092};

TEST(Options, without_a_command_fulmar_serves) {
    auto serve = parsed<ServeOptions>({});
    EXPECT_TRUE(serve.data.empty());
    EXPECT_FALSE(serve.listen || serve.config || serve.show_settings);
    EXPECT_TRUE(serve.sets.empty());
}

TEST(Options, serve_takes_settings) {
    auto serve = parsed<ServeOptions>({"serve", "--listen", "127.0.0.1:1", "--data=/d", "--config", "f.toml",
                                       "--set", "cores=2", "--set", "log.level=info=x"});
    EXPECT_EQ(serve.listen, "127.0.0.1:1");
    EXPECT_EQ(serve.data, std::vector<std::string>{"/d"});
    EXPECT_EQ(serve.config, "f.toml");
    EXPECT_EQ(serve.sets, (Pairs{{"cores", "2"}, {"log.level", "info=x"}}));
    EXPECT_TRUE(parsed<ServeOptions>({"serve", "--settings"}).show_settings);
    EXPECT_EQ(refusal({"serve", "--set", "cores"}), "--set: \"cores\" is not KEY=VALUE");
}

TEST(Options, topics_are_grown_and_deleted) {
    auto grow = parsed<TopicGrowOptions>({"topic", "grow", "[a]", "--partitions", "12", "--json"});
    EXPECT_EQ(grow.name, "[a]");
    EXPECT_EQ(grow.partitions, 12);
    EXPECT_TRUE(grow.json);
    EXPECT_EQ(grow.server, local);
    auto remove = parsed<TopicDeleteOptions>({"topic", "delete", "a", "[b,c]", "--if-exists"});
    EXPECT_EQ(remove.names, (std::vector<std::string>{"a", "[b,c]"}));
    EXPECT_TRUE(remove.if_exists);
    EXPECT_EQ(remove.server, local);
    for (auto words : std::vector<std::vector<const char*>>{{"topic", "grow"},
                                                            {"topic", "grow", "a"},
                                                            {"topic", "grow", "a", "--partitions", "0"},
                                                            {"topic", "grow", "a", "b", "--partitions", "1"},
                                                            {"topic", "delete"}})
        EXPECT_NE(refusal(words), "(taken)");
}

TEST(Options, topics_are_made_listed_and_described) {
    auto create =
        parsed<TopicCreateOptions>({"topic", "create", "a", "b", "--partitions", "12", "--replication-factor",
                                    "3", "--config", "retention.ms=-1", "--config", "x=", "--if-not-exists"});
    EXPECT_EQ(create.names, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(create.partitions, 12);
    EXPECT_EQ(create.replication_factor, 3);
    EXPECT_EQ(create.configs, (Pairs{{"retention.ms", "-1"}, {"x", ""}}));
    EXPECT_TRUE(create.if_not_exists);
    EXPECT_EQ(create.server, local);
    EXPECT_EQ(parsed<TopicCreateOptions>({"topic", "create", "a"}).partitions, -1);
    EXPECT_TRUE(parsed<TopicListOptions>({"topic", "list", "--json"}).json);
    EXPECT_EQ(parsed<TopicDescribeOptions>({"topic", "describe", "a"}).name, "a");
    auto config = parsed<TopicConfigOptions>(
        {"topic", "config", "a", "--set", "x=1", "--delete", "y", "--set", "z=", "--delete", "w"});
    EXPECT_EQ(config.name, "a");
    EXPECT_EQ(config.sets, (Pairs{{"x", "1"}, {"z", ""}}));
    EXPECT_EQ(config.deletes, (std::vector<std::string>{"y", "w"}));
    for (auto words :
         std::vector<std::vector<const char*>>{{"topic"},
                                               {"topic", "create"},
                                               {"topic", "describe"},
                                               {"topic", "create", "a", "--partitions", "0"},
                                               {"topic", "create", "a", "--replication-factor", "40000"}})
        EXPECT_NE(refusal(words), "(taken)");
}

TEST(Options, a_topic_is_trimmed_up_to_one_thing) {
    auto trim = parsed<TopicTrimOptions>({"topic", "trim", "orders:3", "--before-offset", "17", "--json"});
    EXPECT_EQ(trim.name, "orders");
    EXPECT_EQ(trim.partition, 3);
    EXPECT_EQ(trim.before_offset, 17);
    EXPECT_FALSE(trim.before_time_ms || trim.all);
    EXPECT_TRUE(trim.json);
    EXPECT_EQ(trim.server, local);
    trim = parsed<TopicTrimOptions>({"topic", "trim", "orders", "--before-time", "2026-11-24T00:00:01Z"});
    EXPECT_EQ(trim.partition, std::nullopt);
    EXPECT_EQ(trim.before_time_ms, 1'795'478'401'000);
    EXPECT_TRUE(parsed<TopicTrimOptions>({"topic", "trim", "orders", "--all"}).all);
    EXPECT_EQ(refusal({"topic", "trim", "orders"}),
              "What is to go? --before-offset N, --before-time TIME or --all");
    EXPECT_EQ(refusal({"topic", "trim", "orders:x", "--all"}),
              "TOPIC[:PARTITION]: \"orders:x\" is neither TOPIC nor TOPIC:PARTITION");
    for (auto words : std::vector<std::vector<const char*>>{
             {"topic", "trim", "--all"},
             {"topic", "trim", "a", "--all", "--before-offset", "1"},
             {"topic", "trim", "a", "--before-time", "2026", "--before-offset", "1"},
             {"topic", "trim", "a", "--before-time", "soon"},
             {"topic", "trim", "a", "--before-offset", "-1"},
             {"topic", "trim", ":1", "--all"}})
        EXPECT_NE(refusal(words), "(taken)");
}

TEST(Options, groups_are_listed_described_and_deleted) {
    EXPECT_TRUE(parsed<GroupListOptions>({"group", "list", "--json"}).json);
    auto describe = parsed<GroupDescribeOptions>({"group", "describe", "[g,h]", "--json"});
    EXPECT_EQ(describe.name, "[g,h]");
    EXPECT_TRUE(describe.json);
    EXPECT_EQ(describe.server, local);
    EXPECT_EQ(parsed<GroupDescribeOptions>({"group", "describe", ""}).name, "");
    auto remove = parsed<GroupDeleteOptions>({"group", "delete", "a", "[b,c]", "", "--if-exists"});
    EXPECT_EQ(remove.names, (std::vector<std::string>{"a", "[b,c]", ""}));
    EXPECT_TRUE(remove.if_exists);
    EXPECT_TRUE(remove.topics.empty());
    remove = parsed<GroupDeleteOptions>(
        {"group", "delete", "--topic", "orders:3,0,3", "a", "--topic", "bills", "b"});
    EXPECT_EQ(remove.names, (std::vector<std::string>{"a", "b"}));
    ASSERT_EQ(remove.topics.size(), 2U);
    EXPECT_EQ(remove.topics[0].text(), "orders:0,3");
    EXPECT_EQ(remove.topics[1].text(), "bills");
    EXPECT_EQ(refusal({"group", "delete", "a", "--topic", "orders:"}),
              "--topic: \"orders:\" is neither TOPIC nor TOPIC:PARTITION,PARTITION");
    EXPECT_EQ(refusal({"group", "lst"}), "fulmar group has no command \"lst\"; did you mean list?");
    for (auto words : std::vector<std::vector<const char*>>{{"group"},
                                                            {"group", "describe"},
                                                            {"group", "describe", "a", "b"},
                                                            {"group", "delete"},
                                                            {"group", "delete", "a", "--topic", ":1"}})
        EXPECT_NE(refusal(words), "(taken)");
}

TEST(Options, a_group_is_reset_to_one_thing) {
    auto reset = parsed<GroupResetOptions>(
        {"group", "reset", "g", "--topic", "a", "--topic", "b:2,1", "--to", "earliest", "--yes", "--json"});
    EXPECT_EQ(reset.name, "g");
    ASSERT_EQ(reset.topics.size(), 2U);
    EXPECT_EQ(reset.topics[0].text(), "a");
    EXPECT_EQ(reset.topics[1].text(), "b:1,2");
    EXPECT_TRUE(std::holds_alternative<GroupResetOptions::Earliest>(reset.to));
    EXPECT_TRUE(reset.yes && reset.json);
    EXPECT_FALSE(reset.dry_run || reset.shift || reset.make);
    EXPECT_EQ(reset.server, local);
    auto to = [](const char* where) {
        return parsed<GroupResetOptions>({"group", "reset", "g", "--topic", "a", "--to", where}).to;
    };
    EXPECT_TRUE(std::holds_alternative<GroupResetOptions::Latest>(to("latest")));
    EXPECT_EQ(std::get<std::int64_t>(to("2026")), 2026);
    EXPECT_EQ(std::get<GroupResetOptions::Time>(to("2026-11-24")).ms, 1'795'478'400'000);
    reset = parsed<GroupResetOptions>(
        {"group", "reset", "g", "--topic", "a", "--shift", "-10", "--dry-run", "--new"});
    EXPECT_EQ(reset.shift, -10);
    EXPECT_TRUE(reset.dry_run && reset.make);
    EXPECT_EQ(refusal({"group", "reset", "g", "--topic", "a"}),
              "Where to? --to earliest, latest, an offset or a time, or --shift N");
    EXPECT_EQ(refusal({"group", "reset", "g", "--topic", "a", "--to", "[soon]"}),
              "--to: \"[soon]\" is neither earliest, latest, an offset, nor a time such as "
              "2026-11-24T09:00:00Z or 2026-11-24");
    for (auto words : std::vector<std::vector<const char*>>{
             {"group", "reset", "g", "--to", "earliest"},
             {"group", "reset", "--topic", "a", "--to", "earliest"},
             {"group", "reset", "g", "--topic", "a", "--to", "-1"},
             {"group", "reset", "g", "--topic", "a", "--to", "1", "--shift", "1"},
             {"group", "reset", "g", "--topic", "a", "--shift", "x"},
             {"group", "reset", "g", "--topic", "a:x", "--to", "1"},
             {"group", "reset", "g", "--topic", "a", "--to", "1", "--yes", "--dry-run"}})
        EXPECT_NE(refusal(words), "(taken)");
}

TEST(Options, a_group_consumes_from_where_it_has_come_to) {
    auto consume = parsed<ConsumeOptions>({"consume", "o", "--group", "[g]", "--count", "3", "--until-end"});
    EXPECT_EQ(consume.group, "[g]");
    EXPECT_TRUE(std::holds_alternative<ConsumeOptions::Beginning>(consume.from));
    consume = parsed<ConsumeOptions>({"consume", "o", "--group", "g", "--from", "end"});
    EXPECT_TRUE(std::holds_alternative<ConsumeOptions::End>(consume.from));
    EXPECT_FALSE(parsed<ConsumeOptions>({"consume", "o"}).group);
    EXPECT_EQ(refusal({"consume", "o", "--group", "g", "--from", "7"}),
              "--from: with --group it is beginning or end; `fulmar group reset g --topic o --to 7 --new` "
              "sets where the group goes on");
    EXPECT_EQ(refusal({"consume", "o", "--group", ""}), "--group: members need a group with a name");
    EXPECT_NE(refusal({"consume", "o", "--group", "g", "--partition", "0"}), "(taken)");
    EXPECT_NE(refusal({"consume", "o", "--group", "g", "--at", "0"}), "(taken)");
}

TEST(Options, the_log_is_dumped_verified_repaired_and_accepted) {
    auto dump = parsed<LogDumpOptions>({"log", "dump", "a/b", "--records", "--from", "7", "--json"});
    EXPECT_EQ(dump.path, "a/b");
    EXPECT_EQ(dump.from, 7);
    EXPECT_TRUE(dump.records && dump.json);
    auto verify = parsed<LogVerifyOptions>({"log", "verify", "orders", "bills-3", "--data", "/d"});
    EXPECT_EQ(verify.partitions, (std::vector<std::string>{"orders", "bills-3"}));
    EXPECT_EQ(verify.data, "/d");
    EXPECT_EQ(parsed<LogVerifyOptions>({"log", "verify"}).data, default_data);
    auto repair = parsed<LogRepairOptions>({"log", "repair", "--yes"});
    EXPECT_TRUE(repair.yes && repair.partitions.empty());
    EXPECT_FALSE(repair.dry_run);
    auto accept = parsed<LogAcceptOptions>({"log", "accept", "--data", "/d", "--yes"});
    EXPECT_EQ(accept.data, "/d");
    EXPECT_TRUE(accept.yes);
    EXPECT_FALSE(parsed<LogAcceptOptions>({"log", "accept"}).yes);
    ::setenv("FULMAR_LOG_DIRS", "/other", 1);
    EXPECT_EQ(parsed<LogAcceptOptions>({"log", "accept"}).data, "/other");
    EXPECT_EQ(parsed<LogRepairOptions>({"log", "repair", "--dry-run"}).data, "/other");
    EXPECT_EQ(parsed<LogVerifyOptions>({"log", "verify", "--data", "/d"}).data, "/d");
    ::unsetenv("FULMAR_LOG_DIRS");
    for (auto words : std::vector<std::vector<const char*>>{{"log"},
                                                            {"log", "dump"},
                                                            {"log", "dump", "a", "--from", "-1"},
                                                            {"log", "repair", "--yes", "--dry-run"}})
        EXPECT_NE(refusal(words), "(taken)");
    EXPECT_EQ(refusal({"log", "verfy"}), "fulmar log has no command \"verfy\"; did you mean verify?");
}

TEST(Options, produce_takes_values_or_reads_lines) {
    EXPECT_TRUE(parsed<ProduceOptions>({"produce", "orders"}).values.empty());
    auto produce =
        parsed<ProduceOptions>({"produce", "orders", "one", "two", "--key", "k", "--header", "a=1",
                                "--header", "b=2=3", "--partition", "4", "--codec", "zstd", "--json"});
    EXPECT_EQ(produce.topic, "orders");
    EXPECT_EQ(produce.values, (std::vector<std::string>{"one", "two"}));
    EXPECT_EQ(produce.key, "k");
    EXPECT_EQ(produce.headers, (Pairs{{"a", "1"}, {"b", "2=3"}}));
    EXPECT_EQ(produce.partition, 4);
    EXPECT_EQ(produce.codec, "zstd");
    EXPECT_EQ(produce.timeout_s, 30);
    EXPECT_EQ(parsed<ProduceOptions>({"produce", "orders", "--timeout", "2"}).timeout_s, 2);
    EXPECT_EQ(refusal({"produce", "orders", "--timeout", "0"}),
              "--timeout: \"0\" is not a number from 1 to 1000000");
    EXPECT_TRUE(produce.json);
    EXPECT_EQ(parsed<ProduceOptions>({"produce", "orders", "--header", "a=1", "value"}).values.size(), 1U);
    EXPECT_EQ(parsed<ProduceOptions>({"produce", "orders", "--", "--dash"}).values[0], "--dash");
    EXPECT_EQ(parsed<ProduceOptions>({"produce", "orders", "--key", ""}).key, "");
    for (auto* word : {"[1,2]", "[]", "[a]", "{}", "-5", "[[1],[2,3]]"})
        EXPECT_EQ(parsed<ProduceOptions>({"produce", "orders", word}).values,
                  (std::vector<std::string>{word}));
    EXPECT_EQ(parsed<ProduceOptions>({"produce", "[o]", "x", "--key", "[k]"}).key, "[k]");
    EXPECT_EQ(parsed<ProduceOptions>({"produce", "[o]", "x"}).topic, "[o]");
    EXPECT_EQ(refusal({"produce", "orders", "--header", "[a]"}), "--header: \"[a]\" is not KEY=VALUE");
    EXPECT_NE(refusal({"produce"}), "(taken)");
    EXPECT_NE(refusal({"produce", "orders", "--codec", "rar"}), "(taken)");
    EXPECT_NE(refusal({"produce", "orders", "--partition", "-1"}), "(taken)");
}

TEST(Options, consume_begins_where_it_is_told) {
    auto consume = parsed<ConsumeOptions>({"consume", "orders"});
    EXPECT_TRUE(std::holds_alternative<ConsumeOptions::Beginning>(consume.from));
    EXPECT_FALSE(consume.until_end || consume.count || consume.at || consume.partition || consume.json);
    EXPECT_TRUE(std::holds_alternative<ConsumeOptions::End>(
        parsed<ConsumeOptions>({"consume", "o", "--from", "end"}).from));
    consume = parsed<ConsumeOptions>(
        {"consume", "o", "--from", "17", "--partition", "3", "--count", "2", "--until-end"});
    EXPECT_EQ(std::get<std::int64_t>(consume.from), 17);
    EXPECT_EQ(consume.partition, 3);
    EXPECT_EQ(consume.count, 2);
    EXPECT_TRUE(consume.until_end);
    EXPECT_EQ(parsed<ConsumeOptions>({"consume", "o", "--at", "0"}).at, 0);
    EXPECT_EQ(refusal({"consume", "o", "--from", "start"}),
              "--from: \"start\" is neither beginning, end nor an offset");
    for (auto words : std::vector<std::vector<const char*>>{{"consume"},
                                                            {"consume", "o", "p"},
                                                            {"consume", "o", "--from", "-1"},
                                                            {"consume", "o", "--from", "1x"},
                                                            {"consume", "o", "--at", "-1"},
                                                            {"consume", "o", "--at", "1", "--from", "1"},
                                                            {"consume", "o", "--at", "1", "--count", "1"},
                                                            {"consume", "o", "--count", "-1"}})
        EXPECT_NE(refusal(words), "(taken)");
}

TEST(Options, the_server_is_an_option_or_a_variable) {
    EXPECT_EQ(parsed<TopicListOptions>({"topic", "list"}).server, local);
    ::setenv("FULMAR_SERVER", "broker.example:19092", 1);
    EXPECT_EQ(parsed<TopicListOptions>({"topic", "list"}).server, (Address{"broker.example", 19092}));
    EXPECT_EQ(parsed<TopicListOptions>({"topic", "list", "--server", "[::1]:1"}).server, (Address{"::1", 1}));
    ::setenv("FULMAR_SERVER", "nowhere", 1);
    EXPECT_EQ(refusal({"topic", "list"}), "environment variable FULMAR_SERVER: \"nowhere\" is not HOST:PORT");
    EXPECT_EQ(parsed<TopicListOptions>({"topic", "list", "--server", "a:1"}).server, (Address{"a", 1}));
    parsed<ServeOptions>({});
    ::unsetenv("FULMAR_SERVER");
    EXPECT_EQ(refusal({"topic", "list", "--server", "x"}), "--server: \"x\" is not HOST:PORT");
    EXPECT_NE(refusal({"topic", "list", "--server", "x:0"}), "(taken)");
}

TEST(Options, a_mistyped_word_gets_the_nearest_command) {
    EXPECT_EQ(refusal({"prodcue", "orders"}), "fulmar has no command \"prodcue\"; did you mean produce?");
    EXPECT_EQ(refusal({"topic", "lst"}), "fulmar topic has no command \"lst\"; did you mean list?");
    EXPECT_EQ(refusal({"xyzzy"}), "fulmar has no command \"xyzzy\"");
    EXPECT_EQ(refusal({"consume", "orders", "--form", "end"}),
              "fulmar consume does not take \"--form\"; did you mean --from?");
    EXPECT_EQ(refusal({"--listen", "h:1"}), "\"--listen\" comes after the command: fulmar serve --listen");
    EXPECT_EQ(refusal({"--json", "topic", "list"}),
              "\"--json\" comes after the command: fulmar topic list --json");
    EXPECT_EQ(refusal({"topic", "create", "a", "--partitions", "x"}),
              "--partitions: \"x\" is not a number from 1 to 2147483647");
    EXPECT_EQ(refusal({"produce", "orders", "x", "--headr=a=b"}),
              "fulmar produce does not take \"--headr\"; did you mean --header?");
}

TEST(Options, every_command_explains_itself_with_examples) {
    EXPECT_NE(help({"--help"}).find("produce"), std::string::npos);
    for (auto words : std::vector<std::vector<const char*>>{{"serve"},
                                                            {"topic"},
                                                            {"topic", "create"},
                                                            {"topic", "list"},
                                                            {"topic", "describe"},
                                                            {"topic", "grow"},
                                                            {"topic", "delete"},
                                                            {"topic", "trim"},
                                                            {"group"},
                                                            {"group", "list"},
                                                            {"group", "describe"},
                                                            {"group", "reset"},
                                                            {"group", "delete"},
                                                            {"log"},
                                                            {"log", "dump"},
                                                            {"log", "verify"},
                                                            {"log", "repair"},
                                                            {"log", "accept"},
                                                            {"version"},
                                                            {"produce"},
                                                            {"consume"}}) {
        std::string name = "fulmar";
        for (auto* word : words) name += std::string(" ") + word;
        words.push_back("--help");
        auto text = help(words);
        auto examples = text.find("Examples:");
        ASSERT_NE(examples, text.npos) << name;
        EXPECT_NE(text.find(name, examples), text.npos) << name;
        EXPECT_EQ(text.find("TEXT"), text.npos) << text;  // CLI11's word for what it knows nothing about.
    }
    for (auto* file : {".log", ".index", ".producers", "epochs", "compacted", "checkpoint"})
        EXPECT_NE(help({"log", "dump", "--help"}).find(file), std::string::npos) << file;
    EXPECT_EQ(help({"help"}), help({"--help"}));
    EXPECT_EQ(help({"help", "group", "reset"}), help({"group", "reset", "--help"}));
    EXPECT_EQ(refusal({"help", "grup"}), "fulmar has no command \"grup\"; did you mean group?");
    EXPECT_TRUE(help({"--version"}).starts_with("fulmar 0."));
    EXPECT_TRUE(parsed<VersionOptions>({"version", "--json"}).json);
}

}  // namespace
}  // namespace fulmar::cli
