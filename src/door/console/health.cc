#include "door/console/health.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace fulmar::console {

HttpAnswer healthz(const Broker& broker) {
    if (broker.failure()) return {.status = 503, .body = *broker.failure() + '\n'};
    return {.body = "ok\n"};
}

// "group coordinators __consumer_offsets-1, -7 and 12 more: the log is damaged".
static std::string told_of(const std::string& why, std::vector<std::int32_t> which) {
    constexpr std::size_t named_max = 8;
    std::ranges::sort(which);
    auto named = std::span(which).first(std::min(which.size(), named_max));
    auto more = which.size() > named_max ? fmt::format(" and {} more", which.size() - named_max) : "";
    return fmt::format("{} {}-{}{}: {}\n", which.size() == 1 ? "group coordinator" : "group coordinators",
                       group_topic, fmt::join(named, ", -"), more, why);
}

static Task<GroupsView> view_groups(Loop& home, Broker& broker) {
    GroupsView all;
    for (int core = 0; core < broker.cores(); ++core) {
        auto& loop = broker.shard(core).seam.loop;
        auto look = [&broker, core] { return broker.groups_view(core); };
        if (&loop == &home) {
            all.add(look());
        } else {
            auto view = co_await call_on(loop, home, look);
            all.add(view);
        }
    }
    co_return all;
}

// What is there to be said in place of what is served.
static std::optional<HttpAnswer> not_ready(const Host& host, const Broker& broker, bool listening) {
    if (broker.failure()) return HttpAnswer{.status = 503, .body = *broker.failure() + '\n'};
    if (host.stop.requested) return HttpAnswer{.status = 503, .body = "stopping\n"};
    if (!listening) return HttpAnswer{.status = 503, .body = "starting: the logs are being recovered\n"};
    return std::nullopt;
}

Task<HttpAnswer> readyz(const Host& host, Broker& broker, bool listening) {
    if (auto refused = not_ready(host, broker, listening)) co_return std::move(*refused);
    auto groups = co_await view_groups(host.cores[0]->loop, broker);
    if (auto refused = not_ready(host, broker, listening)) co_return std::move(*refused);
    HttpAnswer answer{.body = "ok\n"};
    for (auto& directory : broker.directories()) {
        auto what = directory.trouble;
        if (what.empty() && directory.seen.room == Room::scarce)
            what = "the disk is full, no records are taken";
        if (what.empty() && directory.seen.room == Room::none)
            what = "the disk is full and read only: no records are taken, and only what frees room is done";
        if (!what.empty()) answer.body += "data directory " + directory.name + ": " + what + '\n';
    }
    for (auto& [why, which] : groups.troubles) answer.body += told_of(why, which);
    co_return answer;
}

}  // namespace fulmar::console
