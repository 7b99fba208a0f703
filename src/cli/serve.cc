#include "cli/serve.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "base/version.h"
#include "cli/options.h"

namespace fulmar::cli {

namespace {

std::optional<std::string> text_of_file(const std::string& path) {
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) return errno = EISDIR, std::nullopt;
    std::ifstream in(path, std::ios::binary);
    if (!in) return {};
    return std::string{std::istreambuf_iterator<char>(in), {}};
}

struct Process {
    std::string id, name;
};
// Who holds a socket. Of other users' processes only root sees the sockets.
std::optional<Process> holder_of(const std::vector<std::uint64_t>& inodes) {
    std::vector<std::string> names;
    for (auto inode : inodes) names.push_back(fmt::format("socket:[{}]", inode));
    std::error_code error;
    for (auto& process : std::filesystem::directory_iterator("/proc", error)) {
        auto id = process.path().filename().string();
        if (id.find_first_not_of("0123456789") != id.npos) continue;
        std::error_code none;
        for (std::filesystem::directory_iterator fd(process.path() / "fd", none), end; !none && fd != end;
             fd.increment(none)) {
            std::error_code gone;
            auto target = std::filesystem::read_symlink(fd->path(), gone).string();
            if (gone || std::ranges::find(names, target) == names.end()) continue;
            auto name = text_of_file(process.path() / "comm").value_or("");
            while (name.ends_with('\n')) name.pop_back();
            return Process{id, name};
        }
    }
    return {};
}

}  // namespace

std::expected<Settings, std::string> settings_of(const ServeOptions& options) {
    SettingSources sources;
    if (options.config) {
        auto text = text_of_file(*options.config);
        if (!text)
            return std::unexpected(
                fmt::format("--config {}: cannot be read: {}", *options.config, std::strerror(errno)));
        sources.file_name = *options.config;
        sources.file_text = std::move(*text);
    }
    for (auto** variable = environ; *variable; ++variable) {
        std::string text = *variable;
        auto equals = text.find('=');
        if (equals != text.npos)
            sources.environment.emplace_back(text.substr(0, equals), text.substr(equals + 1));
    }
    for (auto& [key, value] : options.sets)
        sources.arguments.push_back({key, value, fmt::format("--set {}={}", key, value)});
    if (options.listen)
        sources.arguments.push_back({"listeners", *options.listen, "--listen " + *options.listen});
    if (!options.data.empty())
        sources.arguments.push_back({"log.dirs", fmt::format("{}", fmt::join(options.data, ",")),
                                     fmt::format("--data {}", fmt::join(options.data, " --data "))});
    auto settings = read_settings(sources);
    if (settings) return std::move(*settings);
    return std::unexpected(fmt::format("{}", fmt::join(settings.error(), "\n")));
}

// A line: "0: 0100007F:2384 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 12345 ...", where
// 0A is the state of a socket that listens, and the tenth word its inode.
std::vector<std::uint64_t> listening_inodes(std::string_view proc_net_tcp, std::uint16_t port) {
    std::vector<std::uint64_t> inodes;
    std::istringstream lines{std::string(proc_net_tcp)};
    auto suffix = fmt::format(":{:04X}", port);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream in(line);
        std::vector<std::string> words{std::istream_iterator<std::string>(in), {}};
        if (words.size() < 10 || !words[1].ends_with(suffix) || words[3] != "0A") continue;
        inodes.push_back(std::strtoull(words[9].c_str(), nullptr, 10));
    }
    return inodes;
}

std::string explain_taken(const Address& address) {
    std::vector<std::uint64_t> inodes;
    for (auto* path : {"/proc/net/tcp", "/proc/net/tcp6"})
        for (auto inode : listening_inodes(text_of_file(path).value_or(""), address.port))
            inodes.push_back(inode);
    auto holder = inodes.empty() ? std::nullopt : holder_of(inodes);
    auto by = holder ? fmt::format("process {} ({})", holder->id, holder->name) : "another process";
    auto other = Address{address.host, std::uint16_t(address.port < 65526 ? address.port + 10 : 0)};
    return fmt::format("{} is taken by {}: stop it, or listen elsewhere with `fulmar serve --listen {}`",
                       to_text(address), by, to_text(other));
}

std::string explain_unopened(const std::string& directory, Error error) {
    std::error_code none;
    auto why = std::string(to_text(error));
    auto there = std::filesystem::path(directory);
    while (there.has_relative_path() && there != there.parent_path() && !std::filesystem::exists(there, none))
        there = there.has_parent_path() ? there.parent_path() : ".";
    if (std::filesystem::exists(there, none) && !std::filesystem::is_directory(there, none))
        why = fmt::format("{} is a file; name a directory with --data", there.string());
    else if (error == Error::refused)
        why =
            fmt::format("this user may not write in {}; name another directory with --data", there.string());
    return fmt::format("the data directory {} cannot be opened: {}", directory, why);
}

std::string welcome(const Settings& settings, std::string_view program) {
    auto at = to_text(settings.advertised);
    auto server = at == default_server ? "" : " --server " + at;
    bool durable = settings.durability == Durability::disk;
    auto watched = settings.metrics_listen.host.empty()
                       ? "Metrics are not served"
                       : fmt::format("Metrics at http://{}/metrics", to_text(settings.metrics_listen));
    return fmt::format(
        "Fulmar {0} answers at {1}, data in {2}\n"
        "{6}\n"
        "\n"
        "In another terminal:\n"
        "  a first message   {3} produce orders hello{4}\n"
        "                    {3} consume orders{4}\n"
        "  one of a group    {3} consume orders --group billing{4}\n"
        "  kcat              echo hello | kcat -b {1} -t orders -P\n"
        "                    kcat -b {1} -t orders -C -e\n"
        "  any Kafka client  bootstrap.servers={1}\n"
        "\n"
        "Ctrl-C stops it. {5}\n",
        version, at, fmt::join(settings.data_directories, " and "), program, server,
        durable ? "What was acknowledged is on disk."
                : "What was acknowledged reaches the disk a little later.",
        watched);
}

}  // namespace fulmar::cli
