// How the command line is read: CLI11's commands and options, and what they fill. Private to options*.cc.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/options.h"

namespace fulmar::cli {

// Texts that are taken apart after parsing, where CLI11 can only check them.
struct Raw {
    std::string server = default_server, from = "beginning";
    std::string trimmed, before_time, reset_to;
    std::vector<std::string> reset_topics, forgotten_topics;
    std::vector<std::string> pairs, partitions;
};

// As CLI::Range, which says that "abc" is not in the range, and shows it in every help.
CLI::Validator number_from(std::int64_t least, std::int64_t most);

// CLI11 takes the word "[a,b]" for two. A zero byte at its end, which no process is given, keeps such a word
// whole until it is parsed.
inline constexpr char keeps_whole = '\0';
std::string as_typed(std::string text);

class CommandLine {
public:
    CommandLine();
    std::expected<Command, Ending> parse(int argc, const char* const* argv);

private:
    CLI::App* add(CLI::App& to, const char* name, const char* what, const char* examples);
    void add_server(CLI::App* command);
    CLI::Option* add_pairs(CLI::App* command, const char* name, const char* what);

    void serve();
    void topic();  // options_topic.cc
    void topic_trim(CLI::App& topic);
    void group();  // options_group.cc
    void group_reset(CLI::App& group);
    std::expected<Command, Ending> finish_group(const std::string& name, const Address& server);
    void produce();
    void consume();
    void log();  // options_log.cc
    std::optional<Ending> unknown_command(int argc, const char* const* argv) const;
    Ending ending(const CLI::ParseError& error);
    const CLI::App& chosen() const;
    std::expected<Command, Ending> finish();

    CLI::App app_{"Fulmar, a message broker for Kafka's clients", "fulmar"};
    Raw raw_;
    ServeOptions serve_;
    TopicCreateOptions create_;
    TopicGrowOptions grow_;
    TopicDeleteOptions delete_;
    TopicListOptions list_;
    TopicDescribeOptions describe_;
    TopicConfigOptions config_;
    TopicTrimOptions trim_;
    GroupListOptions group_list_;
    GroupDescribeOptions group_describe_;
    GroupResetOptions reset_;
    GroupDeleteOptions group_delete_;
    ProduceOptions produce_;
    ConsumeOptions consume_;
    LogDumpOptions dump_;
    LogVerifyOptions verify_;
    LogRepairOptions repair_;
    LogAcceptOptions accept_;
    VersionOptions version_;
};

}  // namespace fulmar::cli
