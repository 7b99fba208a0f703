// fulmar: parses the command line, and runs a verb of the client's side (cli) or a node (door/serve.h).
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

#include "base/version.h"
#include "cli/options.h"
#include "coord/embedded.h"
#include "door/serve.h"
#include "io/real/files.h"
#include "io/real/runtime.h"
#include "io/real/stderr_log.h"

extern char** environ;

namespace fulmar {
namespace {

int give_up(std::string_view why) {
    fmt::print(stderr, "fulmar: {}\n", why);
    return cli::exit_failed;
}

std::expected<broker::SettingSources, std::string> sources_of(const cli::ServeOptions& options) {
    broker::SettingSources sources;
    if (options.config) {
        std::ifstream file(*options.config);
        std::stringstream text;
        if (!file || !(text << file.rdbuf()))
            return std::unexpected(
                fmt::format("cannot read the settings file {}: {}", *options.config, std::strerror(errno)));
        sources.file_name = *options.config;
        sources.file_text = text.str();
    }
    for (char** each = environ; *each; ++each) {
        std::string_view pair = *each;
        auto equals = pair.find('=');
        if (equals != pair.npos)
            sources.environment.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
    }
    for (auto& [key, value] : options.sets)
        sources.arguments.push_back({key, value, fmt::format("--set {}={}", key, value)});
    if (options.listen)
        sources.arguments.push_back({"listeners", *options.listen, "--listen " + *options.listen});
    if (options.data) sources.arguments.push_back({"log.dirs", *options.data, "--data " + *options.data});
    return sources;
}

// What a person needs next, once it answers.
void welcome(const broker::Settings& settings, std::uint16_t port) {
    auto at = fmt::format("{}:{}", settings.advertised.host, port);
    fmt::print(
        "Fulmar {} listens on {}, data in {}\n"
        "\n"
        "  a first message   fulmar produce orders hello      then   fulmar consume orders\n"
        "  kcat              echo hello | kcat -b {} -t orders -P   then   kcat -b {} -t orders -C\n"
        "  any Kafka client  bootstrap.servers={}\n"
        "\n"
        "Ctrl-C stops it. What was acknowledged is on disk.\n",
        version, at, settings.data_directory, at, at, at);
    std::fflush(stdout);
}

int serve_node(const cli::ServeOptions& options) {
    auto sources = sources_of(options);
    if (!sources) return give_up(sources.error());
    auto settings = broker::read_settings(*sources);
    if (!settings) {
        for (auto& wrong : settings.error()) fmt::print(stderr, "fulmar: {}\n", wrong);
        return cli::exit_usage;
    }
    real::log_to_stderr(settings->log_level);
    auto& directory = settings->data_directory;
    auto data = real::open_directory(directory, true);
    if (!data)
        return give_up(
            fmt::format("the data directory {} cannot be opened: {}", directory, to_text(data.error())));

    auto cores = settings->cores == 0 ? real::available_cores() : int(settings->cores);
    real::Runtime runtime(cores, int(settings->disk_threads), *data);
    Serving serving;
    serving.settings = *settings;
    serving.open_store = [&](Loop& loop) { return coord::open_embedded(loop, directory + "/coord"); };
    serving.owner = fmt::format("process {}", ::getpid());
    serving.on_ready = [&](const Broker&, std::uint16_t port) { welcome(*settings, port); };
    runtime.run([&](Host& host) { return serve(host, serving); });
    if (serving.failure) return give_up(*serving.failure);
    return cli::exit_done;
}

}  // namespace
}  // namespace fulmar

int main(int argc, char** argv) {
    using namespace fulmar;
    auto command = cli::parse_command(argc, argv);
    if (!command) {
        fmt::print(command.error().code == cli::exit_done ? stdout : stderr, "{}", command.error().text);
        return command.error().code;
    }
    if (auto* serving = std::get_if<cli::ServeOptions>(&*command)) return serve_node(*serving);
    return give_up("not here yet");
}
