// The command line of `fulmar group`.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>

#include "base/text.h"
#include "cli/command_line.h"
#include "cli/output.h"

namespace fulmar::cli {

namespace {

// "orders", "orders:3" or "orders:0,2".
std::optional<TopicPartitions> parse_topic_partitions(const std::string& text) {
    auto colon = text.find(':');
    TopicPartitions of{text.substr(0, colon), {}};
    if (of.topic.empty()) return std::nullopt;
    if (colon == text.npos) return of;
    for (auto rest = text.substr(colon + 1);;) {
        auto comma = rest.find(',');
        auto number = parse_number<std::int32_t>(rest.substr(0, comma));
        if (!number || *number < 0) return std::nullopt;
        of.partitions.push_back(*number);
        if (comma == rest.npos) break;
        rest.erase(0, comma + 1);
    }
    std::ranges::sort(of.partitions);
    auto [first, last] = std::ranges::unique(of.partitions);
    of.partitions.erase(first, last);
    return of;
}
std::string check_topic_partitions(const std::string& text) {
    auto typed = as_typed(text);
    return parse_topic_partitions(typed)
               ? ""
               : fmt::format("\"{}\" is neither TOPIC nor TOPIC:PARTITION,PARTITION", typed);
}

// A number is an offset; a time has a date.
std::optional<decltype(GroupResetOptions::to)> parse_to(const std::string& text) {
    if (text == "earliest") return GroupResetOptions::Earliest{};
    if (text == "latest") return GroupResetOptions::Latest{};
    if (auto offset = parse_number<std::int64_t>(text); offset && *offset >= 0) return *offset;
    auto dated = text.find('-') != text.npos;
    auto time = dated ? parse_utc(text) : std::nullopt;
    if (!time) return std::nullopt;
    return GroupResetOptions::Time{*time};
}
std::string check_to(const std::string& text) {
    auto typed = as_typed(text);
    return parse_to(typed) ? ""
                           : fmt::format(
                                 "\"{}\" is neither earliest, latest, an offset, nor a time such as "
                                 "2026-11-24T09:00:00Z or 2026-11-24",
                                 typed);
}

}  // namespace

std::string TopicPartitions::text() const {
    return partitions.empty() ? topic : fmt::format("{}:{}", topic, fmt::join(partitions, ","));
}

void CommandLine::group() {
    auto* command = add(app_, "group", "Look at consumer groups, reset and delete them",
                        "  fulmar group list\n"
                        "  fulmar group describe billing\n"
                        "  fulmar group reset billing --topic orders --to earliest");
    command->require_subcommand(1);
    auto* list = add(*command, "list", "Name all groups, with their state and how many members they have",
                     "  fulmar group list\n"
                     "  fulmar group list --json");
    list->add_flag("--json", group_list_.json, "Print a line of JSON each");
    add_server(list);

    auto* describe = add(
        *command, "describe", "Show a group's members, how far it has come, and its lag",
        "  fulmar group describe billing\n"
        "  fulmar group describe billing --json\n"
        "COMMITTED is the next message that the group reads, END the next that is written, LAG what "
        "lies between,\nwith messages that are gone already, and negative where END has come to lie before "
        "COMMITTED.");
    describe->add_option("NAME", group_describe_.name, "Its name")->type_name("")->required();
    describe->add_flag("--json", group_describe_.json, "Print it as JSON");
    add_server(describe);

    group_reset(*command);

    auto* remove = add(*command, "delete", "Delete groups that have no members, with all they have committed",
                       "  fulmar group delete billing\n"
                       "  fulmar group delete billing audit --if-exists\n"
                       "  fulmar group delete billing --topic orders\n"
                       "  fulmar group delete billing --topic orders:0,2");
    remove->add_option("NAME", group_delete_.names, "Their names")->type_name("")->required();
    remove
        ->add_option(
            "--topic", raw_.forgotten_topics,
            "Only what they have committed of this topic, or of these partitions of it; may be repeated")
        ->check(CLI::Validator(check_topic_partitions, ""))
        ->type_name("TOPIC[:P,P]")
        ->allow_extra_args(false);
    remove->add_flag("--if-exists", group_delete_.if_exists, "What is not there is no failure");
    remove->add_flag("--json", group_delete_.json, "Print what was deleted, a line of JSON each");
    add_server(remove);
}

void CommandLine::group_reset(CLI::App& group) {
    auto* reset = add(group, "reset", "Set where a group without members goes on",
                      "  fulmar group reset billing --topic orders --to earliest\n"
                      "  fulmar group reset billing --topic orders:0,2 --to 1000\n"
                      "  fulmar group reset billing --topic orders --topic bills --to 2026-11-24T09:00\n"
                      "  fulmar group reset billing --topic orders --shift -10 --dry-run\n"
                      "It says what it will do, and asks. A time is in UTC, and means the first message "
                      "stamped so or later.\nWhat lies outside of what is there becomes its beginning or "
                      "its end.");
    reset->add_option("NAME", reset_.name, "Its name")->type_name("")->required();
    reset
        ->add_option("--topic", raw_.reset_topics,
                     "Of this topic, or these partitions of it; may be repeated")
        ->check(CLI::Validator(check_topic_partitions, ""))
        ->type_name("TOPIC[:P,P]")
        ->allow_extra_args(false)
        ->required();
    auto* to = reset->add_option("--to", raw_.reset_to, "earliest, latest, an offset, or a time")
                   ->check(CLI::Validator(check_to, ""))
                   ->type_name("WHERE");
    reset->add_option("--shift", reset_.shift, "So many messages on, or back with a minus")
        ->check(
            number_from(std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()))
        ->type_name("N")
        ->excludes(to);
    reset->add_flag("--new", reset_.make, "Make the group, if there is none of that name");
    auto* dry = reset->add_flag("--dry-run", reset_.dry_run, "Say what would be done, and do nothing");
    reset->add_flag("--yes", reset_.yes, "Do not ask")->excludes(dry);
    reset->add_flag("--json", reset_.json, "Print what is done, a line of JSON each");
    add_server(reset);
}

std::expected<Command, Ending> CommandLine::finish_group(const std::string& name, const Address& server) {
    if (name == "list") {
        group_list_.server = server;
        return group_list_;
    }
    if (name == "describe") {
        group_describe_.server = server;
        return group_describe_;
    }
    if (name == "delete") {
        group_delete_.server = server;
        for (auto& text : raw_.forgotten_topics)
            group_delete_.topics.push_back(*parse_topic_partitions(text));
        return group_delete_;
    }
    reset_.server = server;
    for (auto& text : raw_.reset_topics) reset_.topics.push_back(*parse_topic_partitions(text));
    if (raw_.reset_to.empty() && !reset_.shift)
        return std::unexpected(Ending{exit_usage,
                                      "Where to? --to earliest, latest, an offset or a time, or --shift N\n"
                                      "`fulmar group reset --help` shows how it is used.\n"});
    if (!raw_.reset_to.empty()) reset_.to = *parse_to(raw_.reset_to);
    return reset_;
}

}  // namespace fulmar::cli
