// The command line of `fulmar log`.
#include <limits>

#include "cli/command_line.h"

namespace fulmar::cli {

void CommandLine::log() {
    auto* command = add(app_, "log", "Look into a data directory that no broker uses, and mend it",
                        "  fulmar log verify --data /var/lib/fulmar\n"
                        "  fulmar log repair --data /var/lib/fulmar --dry-run\n"
                        "  fulmar log dump /var/lib/fulmar/checkpoint");
    command->require_subcommand(1);

    auto* dump = add(*command, "dump", "Print what is in a file of the log, or in a partition's directory",
                     "  fulmar log dump fulmar-data/orders-0.cFkzTv2vTZ6Yw5YVQ0R0Zg\n"
                     "  fulmar log dump 00000000000000000042.log --records --from 1000\n"
                     "  fulmar log dump 00000000000000000042.index --json\n"
                     "It reads only, also what a broker is writing. Files: .log, .index, .producers, epochs, "
                     "compacted, checkpoint.");
    dump->add_option("PATH", dump_.path, "A file or a partition's directory")->type_name("")->required();
    dump->add_flag("--records", dump_.records, "Print each batch's records, with keys, values and headers");
    dump->add_option("--from", dump_.from, "Begin with what holds this offset")
        ->check(number_from(0, std::numeric_limits<std::int64_t>::max()))
        ->type_name("OFFSET");
    dump->add_flag("--json", dump_.json, "Print a line of JSON each");

    auto add_data = [&](CLI::App* verb, std::string& data) {
        verb->add_option("--data", data, "The broker's data directory, else what FULMAR_LOG_DIRS says")
            ->type_name("DIRECTORY")
            ->capture_default_str();
    };
    auto add_where = [&](CLI::App* verb, std::string& data, std::vector<std::string>& partitions) {
        verb->add_option("TOPIC[-PARTITION]", partitions, "Of these only; without, of all")->type_name("");
        add_data(verb, data);
    };
    auto* verify =
        add(*command, "verify", "Read everything, and say what is damaged",
            "  fulmar log verify\n"
            "  fulmar log verify --data /var/lib/fulmar\n"
            "  fulmar log verify orders payments-3 --json\n"
            "It changes nothing, and ends with 0 when all is sound, with 3 when something is damaged.");
    add_where(verify, verify_.data, verify_.partitions);
    verify->add_flag("--json", verify_.json, "Print what is damaged and the sums, a line of JSON each");

    auto* repair =
        add(*command, "repair", "Make damaged partitions usable again",
            "  fulmar log repair --dry-run\n"
            "  fulmar log repair --data /var/lib/fulmar orders-3\n"
            "  fulmar log repair --yes --json\n"
            "It says what it will do, and asks. What it takes out it moves to quarantine/ in the data "
            "directory.\nThe offsets of what is lost are never given again: consumers pass over "
            "them.");
    add_where(repair, repair_.data, repair_.partitions);
    auto* dry = repair->add_flag("--dry-run", repair_.dry_run, "Say what would be done, and do nothing");
    repair->add_flag("--yes", repair_.yes, "Do not ask")->excludes(dry);
    repair->add_flag("--json", repair_.json, "Print what is done, a line of JSON each");

    auto* accept = add(
        *command, "accept", "Have the broker take an older copy of a data directory as it is",
        "  fulmar log accept --data /disk2/fulmar\n"
        "  fulmar log accept --data /disk2/fulmar --yes\n"
        "Where a backup was put in a directory's place, a broker of several directories notices, and leaves "
        "it alone.\nThis accepts it for the next start. What was written to the directory since the copy was "
        "made is lost then:\nits partitions end earlier, and those made since begin anew, so offsets are "
        "given "
        "to other messages again.");
    add_data(accept, accept_.data);
    accept->add_flag("--yes", accept_.yes, "Do not ask");
}

}  // namespace fulmar::cli
