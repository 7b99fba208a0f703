// fulmar: parses the command line, and runs a verb of the client's side (cli) or a node (door/serve.h).
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/check.h"
#include "base/version.h"
#include "cli/command.h"
#include "cli/serve.h"
#include "coord/embedded.h"
#include "door/serve.h"
#include "io/real/directory.h"
#include "io/real/open_directory.h"
#include "io/real/runtime.h"
#include "io/real/stderr_log.h"

namespace fulmar {
namespace {

int give_up(std::string_view why) {
    fmt::print(stderr, "fulmar: {}\n", why);
    return cli::exit_failed;
}

int serve_node(const cli::ServeOptions& options, std::string_view program) {
    auto settings = cli::settings_of(options);
    if (!settings) {
        fmt::print(stderr, "{}\n", settings.error());
        return cli::exit_usage;
    }
    real::log_to_stderr(settings->log_level);
    auto& directories = settings->data_directories;
    auto files = std::make_shared<real::OpenFiles>(real::descriptors_for_files());
    real::DiskPatience patience{.limit = settings->disk_timeout};
    auto [data, made] = real::open_directories(directories, files, patience);
    auto refuse = [&](std::string_view why) {
        real::unmake(made);
        return give_up(why);
    };
    // Of several one may be away.
    if (data.size() == 1 && !data[0]) return refuse(cli::explain_unopened(directories[0], data[0].error()));

    auto cores = settings->cores == 0 ? real::available_cores() : int(settings->cores);
    // Beside those that wait for the disk, one a core that opens and compresses batches.
    real::Runtime runtime(cores, int(settings->disk_threads) + cores, data, patience);
    Serving serving;
    serving.settings = *settings;
    serving.open_store = [&](Loop& loop, const std::string& directory) {
        auto home = data[std::size_t(std::ranges::find(directories, directory) - directories.begin())];
        CHECK(home.has_value());
        std::expected<std::unique_ptr<coord::Store>, std::string> store;
        auto watch = [home](const std::function<void()>& work) { real::operations_of(**home).watch(work); };
        watch([&] { store = coord::open_embedded(loop, directory + "/coord", watch); });
        return store;
    };
    serving.owner = fmt::format("process {}", ::getpid());
    serving.explain_taken = cli::explain_taken;
    serving.on_ready = [&](const Broker& broker) {
        real::unmake(made);  // An empty directory where one was away would be in the way of its return.
        fmt::print("{}", cli::welcome(broker.settings(), program));
        std::fflush(stdout);
    };
    runtime.run([&](Host& host) { return serve(host, serving); });
    if (serving.failure) return refuse(*serving.failure);
    return cli::exit_done;
}

}  // namespace
}  // namespace fulmar

int main(int argc, char** argv) {
    std::string_view program = argc > 0 ? argv[0] : "fulmar";
    return fulmar::cli::run_command(argc, argv, [&](const fulmar::cli::ServeOptions& options) {
        return fulmar::serve_node(options, program);
    });
}
