// The command line of `fulmar topic`.
#include <fmt/format.h>

#include <limits>

#include "base/text.h"
#include "cli/command_line.h"
#include "cli/output.h"

namespace fulmar::cli {

namespace {

std::string check_trimmed(const std::string& text) {
    auto colon = text.find(':');
    auto partition = colon == text.npos ? 0 : parse_number<std::int32_t>(text.substr(colon + 1)).value_or(-1);
    return partition >= 0 && colon != 0 && !text.empty()
               ? ""
               : fmt::format("\"{}\" is neither TOPIC nor TOPIC:PARTITION", text);
}
std::string check_time(const std::string& text) {
    return parse_utc(text) ? ""
                           : fmt::format(
                                 "\"{}\" is neither 2026-11-24T09:00:00Z, a part of that from its "
                                 "front, nor milliseconds since 1970",
                                 text);
}

}  // namespace

void CommandLine::topic() {
    auto* command = add(app_, "topic", "Make topics, look at them, change and delete them",
                        "  fulmar topic create orders --partitions 3\n"
                        "  fulmar topic list\n"
                        "  fulmar topic delete orders");
    command->require_subcommand(1);
    auto* create = add(*command, "create", "Make topics",
                       "  fulmar topic create orders\n"
                       "  fulmar topic create orders payments --partitions 12\n"
                       "  fulmar topic create audit --config retention.ms=-1");
    create->add_option("NAME", create_.names, "Their names")->type_name("")->required();
    create
        ->add_option("--partitions", create_.partitions,
                     "How many each has (default: the broker's num.partitions)")
        ->check(number_from(1, std::numeric_limits<std::int32_t>::max()))
        ->type_name("N");
    create
        ->add_option("--replication-factor", create_.replication_factor,
                     "Copies of each (default: the broker's)")
        ->check(number_from(1, std::numeric_limits<std::int16_t>::max()))
        ->type_name("N");
    add_pairs(create, "--config", "A setting of the topic; may be repeated");
    create->add_flag("--if-not-exists", create_.if_not_exists, "A topic that exists is no failure");
    create->add_flag("--json", create_.json, "Print what was made as JSON");
    add_server(create);

    auto* grow =
        add(*command, "grow", "Give a topic more partitions",
            "  fulmar topic grow orders --partitions 12\n"
            "Messages stay where they are, and the keys of later ones may go elsewhere than before.");
    grow->add_option("NAME", grow_.name, "Its name")->type_name("")->required();
    grow->add_option("--partitions", grow_.partitions, "How many it shall have in all")
        ->check(number_from(1, std::numeric_limits<std::int32_t>::max()))
        ->type_name("N")
        ->required();
    grow->add_flag("--json", grow_.json, "Print what it has now as JSON");
    add_server(grow);

    auto* remove = add(*command, "delete", "Delete topics, with all that is in them",
                       "  fulmar topic delete orders\n"
                       "  fulmar topic delete orders payments --if-exists");
    remove->add_option("NAME", delete_.names, "Their names")->type_name("")->required();
    remove->add_flag("--if-exists", delete_.if_exists, "A topic that is not there is no failure");
    remove->add_flag("--json", delete_.json, "Print what was deleted as JSON");
    add_server(remove);

    auto* list = add(*command, "list", "Name all topics",
                     "  fulmar topic list\n"
                     "  fulmar topic list --json --server broker.example:9092");
    list->add_flag("--json", list_.json, "Print them as JSON");
    add_server(list);

    auto* describe = add(*command, "describe", "Show a topic's partitions",
                         "  fulmar topic describe orders\n"
                         "  fulmar topic describe orders --json");
    describe->add_option("NAME", describe_.name, "Its name")->type_name("")->required();
    describe->add_flag("--json", describe_.json, "Print it as JSON");
    add_server(describe);

    auto* config =
        add(*command, "config", "Show and change a topic's settings",
            "  fulmar topic config orders\n"
            "  fulmar topic config orders --set retention.ms=604800000 --set max.message.bytes=5000000\n"
            "  fulmar topic config orders --delete retention.ms");
    config->add_option("NAME", config_.name, "Its name")->type_name("")->required();
    add_pairs(config, "--set", "One setting; may be repeated");
    config->add_option("--delete", config_.deletes, "Leave one to its default again; may be repeated")
        ->type_name("KEY")
        ->allow_extra_args(false);
    config->add_flag("--json", config_.json, "Print the settings as JSON");
    add_server(config);

    topic_trim(*command);
}

void CommandLine::topic_trim(CLI::App& topic) {
    auto* trim = add(topic, "trim", "Delete a topic's oldest messages",
                     "  fulmar topic trim orders --before-time 2026-11-24\n"
                     "  fulmar topic trim orders:3 --before-offset 1000\n"
                     "  fulmar topic trim orders --all\n"
                     "What is deleted is gone for every consumer, and for good.");
    trim->add_option("TOPIC[:PARTITION]", raw_.trimmed, "Of all its partitions, or of one")
        ->check(CLI::Validator(check_trimmed, ""))
        ->type_name("")
        ->required();
    auto* offset = trim->add_option("--before-offset", trim_.before_offset, "All in front of this offset")
                       ->check(number_from(0, std::numeric_limits<std::int64_t>::max()))
                       ->type_name("N");
    auto* time = trim->add_option("--before-time", raw_.before_time,
                                  "All in front of the first message stamped so or later, in UTC")
                     ->check(CLI::Validator(check_time, ""))
                     ->type_name("TIME")
                     ->excludes(offset);
    trim->add_flag("--all", trim_.all, "All that is there")->excludes(offset)->excludes(time);
    trim->add_flag("--json", trim_.json, "Print where each partition begins now, a line of JSON each");
    add_server(trim);
}

}  // namespace fulmar::cli
