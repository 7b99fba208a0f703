#include "cli/command.h"

#include <fmt/format.h>

#include <cstdio>

#include "base/version.h"
#include "broker/settings.h"
#include "cli/consume.h"
#include "cli/group.h"
#include "cli/log.h"
#include "cli/produce.h"
#include "cli/topic.h"

namespace fulmar::cli {

namespace {

Outcome run(const VersionOptions& options) {
    fmt::print(fmt::runtime(options.json ? "{{\"version\":\"{}\"}}\n" : "fulmar {}\n"), version);
    return {};
}

struct Run {
    const Serve& serve;
    int operator()(const ServeOptions& options) const {
        if (!options.show_settings) return serve(options);
        fmt::print("{}", describe_settings());
        return end(Outcome());
    }
    int operator()(const LogVerifyOptions& options) const {
        auto verified = run(options);
        int code = end(verified ? Outcome() : std::unexpected(verified.error()));
        return code == exit_done ? *verified : code;
    }
    template <class Options> int operator()(const Options& options) const { return end(run(options)); }
    // What was printed counts only once it is out.
    static int end(Outcome outcome) {
        if ((std::fflush(stdout) != 0 || std::ferror(stdout)) && outcome)
            outcome = std::unexpected("standard output cannot be written");
        if (outcome) return exit_done;
        fmt::print(stderr, "fulmar: {}\n", outcome.error());
        return exit_failed;
    }
};

}  // namespace

int run_command(int argc, char** argv, const Serve& serve) {
    auto command = parse_command(argc, argv);
    if (command) return std::visit(Run{serve}, *command);
    auto& [code, text] = command.error();
    fmt::print(code == exit_done ? stdout : stderr, "{}", text);
    return code;
}

}  // namespace fulmar::cli
