#include "cli/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <span>

#include "base/suggest.h"
#include "base/text.h"
#include "base/version.h"
#include "cli/command_line.h"
#include "cli/output.h"

namespace fulmar::cli {

namespace {

std::string kept_whole(std::string word) {
    if (word.starts_with('[') && word.ends_with(']')) word += keeps_whole;
    return word;
}
// For an error.
std::string quoted(const std::string& text) { return fmt::format("\"{}\"", as_typed(text)); }

std::string check_pair(const std::string& text) {
    auto equals = text.find('=');
    return equals == text.npos || equals == 0 ? quoted(text) + " is not KEY=VALUE" : "";
}
std::string check_address(const std::string& text) {
    auto address = parse_address(text);
    return address && address->port != 0 ? "" : quoted(text) + " is not HOST:PORT";
}
std::optional<ConsumeOptions::From> parse_from(const std::string& text) {
    if (text == "beginning") return ConsumeOptions::Beginning{};
    if (text == "end") return ConsumeOptions::End{};
    auto offset = parse_number<std::int64_t>(text);
    if (!offset || *offset < 0) return {};
    return *offset;
}
std::string check_from(const std::string& text) {
    return parse_from(text) ? "" : quoted(text) + " is neither beginning, end nor an offset";
}

Pairs split(const std::vector<std::string>& texts) {
    Pairs pairs;
    for (auto& text : texts) {
        auto equals = text.find('=');
        pairs.emplace_back(text.substr(0, equals), text.substr(equals + 1));
    }
    return pairs;
}

}  // namespace

std::string as_typed(std::string text) {
    std::erase(text, keeps_whole);
    return text;
}

CLI::Validator number_from(std::int64_t least, std::int64_t most) {
    auto check = [=](const std::string& text) {
        auto number = parse_number<std::int64_t>(text);
        if (number && *number >= least && *number <= most) return std::string();
        return fmt::format("{} is not a number from {} to {}", quoted(text), least, most);
    };
    return {check, ""};
}

CommandLine::CommandLine() {
    app_.set_version_flag("--version", fmt::format("fulmar {}", version), "Print the version");
    app_.require_subcommand(0, 1);
    app_.footer(
        "Without a command fulmar serves. `fulmar COMMAND --help` shows a command's options and "
        "examples.");
    serve();
    topic();
    group();
    produce();
    consume();
    log();
    add(app_, "version", "Print the version", "  fulmar version --json")
        ->add_flag("--json", version_.json, "Print it as JSON");
}
std::expected<Command, Ending> CommandLine::parse(int argc, const char* const* argv) {
    // "help group reset" is "group reset --help".
    std::vector<const char*> typed(argv, argv + argc);
    if (argc > 1 && std::string_view(argv[1]) == "help") {
        typed.erase(typed.begin() + 1);
        typed.push_back("--help");
    }
    if (auto wrong = unknown_command(argc, typed.data())) return std::unexpected(*wrong);
    try {
        std::vector<std::string> words;  // From the last to the first, as CLI11 wants them.
        for (int n = argc; n-- > 1;) words.push_back(kept_whole(typed[std::size_t(n)]));
        app_.parse(std::move(words));
    } catch (const CLI::ParseError& error) {
        auto end = ending(error);
        end.text = as_typed(end.text);
        return std::unexpected(end);
    }
    for (auto* texts :
         {&raw_.pairs, &create_.names, &delete_.names, &produce_.values, &serve_.data, &verify_.partitions,
          &repair_.partitions, &group_delete_.names, &raw_.reset_topics, &raw_.forgotten_topics})
        for (auto& text : *texts) text = as_typed(text);
    for (auto* text :
         {&produce_.topic, &consume_.topic, &describe_.name, &grow_.name, &raw_.trimmed, &dump_.path,
          &verify_.data, &repair_.data, &accept_.data, &group_describe_.name, &reset_.name})
        *text = as_typed(*text);
    for (auto* text : {&produce_.key, &serve_.listen, &serve_.config, &consume_.group})
        if (*text) *text = as_typed(**text);
    return finish();
}

CLI::App* CommandLine::add(CLI::App& to, const char* name, const char* what, const char* examples) {
    auto* command = to.add_subcommand(name, what);
    command->footer(std::string("Examples:\n") + examples);
    return command;
}
void CommandLine::add_server(CLI::App* command) {
    command->add_option("--server", raw_.server, "The broker to talk to, else what FULMAR_SERVER says")
        ->check(CLI::Validator(check_address, ""))
        ->type_name("HOST:PORT")
        ->capture_default_str();
}
CLI::Option* CommandLine::add_pairs(CLI::App* command, const char* name, const char* what) {
    return command->add_option(name, raw_.pairs, what)
        ->check(CLI::Validator(check_pair, ""))
        ->type_name("KEY=VALUE")
        ->allow_extra_args(false);
}

void CommandLine::serve() {
    auto* command =
        add(app_, "serve", "Run a broker (the default)",
            "  fulmar serve\n"
            "  fulmar serve --listen 127.0.0.1:19092 --data /var/lib/fulmar\n"
            "  fulmar serve --config fulmar.toml --set unsynced.bytes.max=256MiB\n"
            "  FULMAR_LOG_LEVEL=debug fulmar serve\n"
            "  fulmar serve --settings         explains every setting\n"
            "What is set weakest first: defaults, the file, the environment, --set, the other options.");
    command
        ->add_option("--listen", serve_.listen, "Where clients connect (listeners; default 127.0.0.1:9092)")
        ->type_name("HOST:PORT");
    command
        ->add_option("--data", serve_.data,
                     "A directory of data; several times for several disks (log.dirs; default ./fulmar-data)")
        ->type_name("DIRECTORY")
        ->allow_extra_args(false);
    command->add_option("--config", serve_.config, "A TOML file of settings")->type_name("FILE");
    add_pairs(command, "--set", "One setting; may be repeated");
    command->add_flag("--settings", serve_.show_settings, "Print all settings with their defaults, and end");
}

void CommandLine::produce() {
    auto* command = add(app_, "produce", "Write messages to a topic",
                        "  fulmar produce orders 'hello'\n"
                        "  fulmar produce orders '{\"id\":7}' --key customer-7 --header source=shop\n"
                        "  seq 1000 | fulmar produce numbers --codec zstd\n"
                        "  fulmar produce orders -- '--begins with a dash'");
    command->add_option("TOPIC", produce_.topic, "Where to")->type_name("")->required();
    command
        ->add_option("VALUE", produce_.values,
                     "A message each; without any, a message a line of standard input")
        ->type_name("");
    command->add_option("--key", produce_.key, "The key of all of them; those of one key stay in order")
        ->type_name("KEY");
    add_pairs(command, "--header", "A header of all of them; may be repeated");
    command
        ->add_option("--partition", produce_.partition, "The partition (default: by key, as Java clients do)")
        ->check(number_from(0, std::numeric_limits<std::int32_t>::max()))
        ->type_name("N");
    command->add_option("--codec", produce_.codec, "How to compress: none, gzip, snappy, lz4 or zstd")
        ->check(CLI::IsMember({"none", "gzip", "snappy", "lz4", "zstd"}).description(""))
        ->type_name("CODEC")
        ->capture_default_str();
    command
        ->add_option("--timeout", produce_.timeout_s,
                     "How long each may take to be written; then it is given up")
        ->check(number_from(1, 1'000'000))
        ->type_name("SECONDS")
        ->capture_default_str();
    command->add_flag("--json", produce_.json, "Print where each message went, a line of JSON each");
    add_server(command);
}

void CommandLine::consume() {
    auto* command = add(app_, "consume", "Print a topic's messages, from the beginning, and follow it",
                        "  fulmar consume orders\n"
                        "  fulmar consume orders --until-end --json\n"
                        "  fulmar consume orders --from end\n"
                        "  fulmar consume orders --partition 3 --from 1000 --count 10\n"
                        "  fulmar consume orders --at 1234\n"
                        "  fulmar consume orders --group billing\n"
                        "With --group it shares the partitions with the other members, goes on where the "
                        "group has come to, and\ncommits what it has printed.");
    command->add_option("TOPIC", consume_.topic, "Where from")->type_name("")->required();
    auto* from =
        command
            ->add_option("--from", raw_.from,
                         "Where to begin: beginning, end, or an offset; with --group beginning or end")
            ->check(CLI::Validator(check_from, ""))
            ->type_name("WHERE")
            ->capture_default_str();
    auto* partition = command->add_option("--partition", consume_.partition, "Of one partition only")
                          ->check(number_from(0, std::numeric_limits<std::int32_t>::max()))
                          ->type_name("N");
    auto* count = command->add_option("--count", consume_.count, "End after so many messages")
                      ->check(number_from(1, std::numeric_limits<std::int64_t>::max()))
                      ->type_name("N");
    auto* until_end = command->add_flag("--until-end", consume_.until_end, "End where the topic ends");
    auto* at =
        command->add_option("--at", consume_.at, "Show the one message at this offset, and what surrounds it")
            ->check(number_from(0, std::numeric_limits<std::int64_t>::max()))
            ->type_name("OFFSET")
            ->excludes(from)
            ->excludes(count)
            ->excludes(until_end);
    command
        ->add_option("--group", consume_.group,
                     "As a member of this consumer group; --from, beginning or end, is then for what it has "
                     "not committed yet")
        ->type_name("NAME")
        ->excludes(partition)
        ->excludes(at);
    command->add_flag("--json", consume_.json, "Print a line of JSON each, with key, headers and offset");
    add_server(command);
}

// CLI11 would only say that the word was not expected.
std::optional<Ending> CommandLine::unknown_command(int argc, const char* const* argv) const {
    const auto* within = &app_;
    std::string path = "fulmar";
    for (int n = 1; n < argc && argv[n][0] != '-'; ++n) {
        std::vector<std::string> names;
        for (auto* command : within->get_subcommands({})) names.push_back(command->get_name());
        if (names.empty()) return {};
        auto found = std::ranges::find(names, argv[n]);
        if (found == names.end()) {
            std::vector<std::string_view> known(names.begin(), names.end());
            return Ending{exit_usage, fmt::format("{} has no command \"{}\"{}\n`{} --help` shows them.\n",
                                                  path, argv[n], did_you_mean(argv[n], known), path)};
        }
        within = within->get_subcommands({})[std::size_t(found - names.begin())];
        path += ' ' + *found;
    }
    return {};
}

const CLI::App& CommandLine::chosen() const {
    const auto* app = &app_;
    while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
    return *app;
}

Ending CommandLine::ending(const CLI::ParseError& error) {
    std::ostringstream out, err;
    if (app_.exit(error, out, err) == 0) return {exit_done, out.str()};
    std::string what = error.what(), path = "fulmar";
    const auto* app = &app_;
    while (!app->get_subcommands().empty()) {
        app = app->get_subcommands().front();
        path += ' ' + app->get_name();
    }
    if (dynamic_cast<const CLI::ExtrasError*>(&error)) {
        std::vector<std::string> names;
        for (auto* option : chosen().get_options())
            for (auto& name : option->get_lnames()) names.push_back("--" + name);
        std::vector<std::string_view> known(names.begin(), names.end());
        auto extra = app_.remaining(true);
        auto option = std::ranges::find_if(extra, [](auto& word) { return word.starts_with('-'); });
        if (option == extra.end()) option = extra.begin();
        auto first = option == extra.end() ? std::string() : option->substr(0, option->find('='));
        auto* serving = app_.get_subcommand("serve");
        if (std::ranges::find(known, first) != known.end())
            what = fmt::format("\"{}\" comes after the command: {} {}", first, path, first);
        else if (app == &app_ && serving->get_option_no_throw(first))
            what = fmt::format("\"{0}\" comes after the command: fulmar serve {0}", first);
        else what = fmt::format("{} does not take \"{}\"{}", path, first, did_you_mean(first, known));
    }
    return {exit_usage, fmt::format("{}\n`{} --help` shows how it is used.\n", what, path)};
}

std::expected<Command, Ending> CommandLine::finish() {
    auto name = chosen().get_name();
    auto* asked = chosen().get_option_no_throw("--server");
    if (const char* variable = std::getenv("FULMAR_SERVER"); variable && asked && asked->count() == 0) {
        if (auto wrong = check_address(variable); !wrong.empty())
            return std::unexpected(
                Ending{exit_usage, fmt::format("environment variable FULMAR_SERVER: {}\n", wrong)});
        raw_.server = variable;
    }
    auto server = [&] { return parse_address(raw_.server).value_or(Address{}); };
    if (app_.get_subcommand("group")->parsed()) return finish_group(name, server());
    if (name == "create") {
        create_.server = server();
        create_.configs = split(raw_.pairs);
        return create_;
    }
    if (name == "grow") {
        grow_.server = server();
        return grow_;
    }
    if (name == "delete") {
        delete_.server = server();
        return delete_;
    }
    if (name == "list") {
        list_.server = server();
        return list_;
    }
    if (name == "describe") {
        describe_.server = server();
        return describe_;
    }
    if (name == "config") {
        config_.server = server();
        config_.sets = split(raw_.pairs);
        return config_;
    }
    if (name == "trim") {
        trim_.server = server();
        auto colon = raw_.trimmed.find(':');
        trim_.name = raw_.trimmed.substr(0, colon);
        if (colon != raw_.trimmed.npos)
            trim_.partition = parse_number<std::int32_t>(raw_.trimmed.substr(colon + 1));
        if (!trim_.before_offset && raw_.before_time.empty() && !trim_.all)
            return std::unexpected(Ending{exit_usage,
                                          "What is to go? --before-offset N, --before-time TIME or --all\n"
                                          "`fulmar topic trim --help` shows how it is used.\n"});
        if (!raw_.before_time.empty()) trim_.before_time_ms = parse_utc(raw_.before_time);
        return trim_;
    }
    if (name == "dump") return dump_;
    if (name == "verify" || name == "repair" || name == "accept") {
        auto& data = name == "verify" ? verify_.data : name == "repair" ? repair_.data : accept_.data;
        if (const char* all = std::getenv("FULMAR_LOG_DIRS"); all && data == default_data) data = all;
        if (data.find(',') != data.npos)
            return std::unexpected(Ending{
                exit_usage, fmt::format("One data directory at a time: name one of {} with --data\n", data)});
        if (name == "verify") return verify_;
        if (name == "accept") return accept_;
        return repair_;
    }
    if (name == "produce") {
        produce_.server = server();
        produce_.headers = split(raw_.pairs);
        return produce_;
    }
    if (name == "consume") {
        consume_.server = server();
        consume_.from = *parse_from(raw_.from);
        if (consume_.group && consume_.group->empty())
            return std::unexpected(Ending{exit_usage, "--group: members need a group with a name\n"});
        if (consume_.group && std::holds_alternative<std::int64_t>(consume_.from))
            return std::unexpected(Ending{
                exit_usage,
                fmt::format("--from: with --group it is beginning or end; `fulmar group reset {} --topic {} "
                            "--to {} --new` sets where the group goes on\n",
                            *consume_.group, consume_.topic, raw_.from)});
        return consume_;
    }
    if (name == "version") return version_;
    serve_.sets = split(raw_.pairs);
    return serve_;
}

std::expected<Command, Ending> parse_command(int argc, const char* const* argv) {
    return CommandLine().parse(argc, argv);
}

}  // namespace fulmar::cli
