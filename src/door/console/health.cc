#include "door/console/health.h"

namespace fulmar::console {

HttpAnswer healthz(const Broker& broker) {
    if (broker.failure()) return {.status = 503, .body = *broker.failure() + '\n'};
    return {.body = "ok\n"};
}

HttpAnswer readyz(const Host& host, const Broker& broker, bool listening) {
    if (broker.failure()) return {.status = 503, .body = *broker.failure() + '\n'};
    if (host.stop.requested) return {.status = 503, .body = "stopping\n"};
    if (!listening) return {.status = 503, .body = "starting: the logs are being recovered\n"};
    HttpAnswer answer{.body = "ok\n"};
    for (auto& directory : broker.directories()) {
        auto what = directory.trouble;
        if (what.empty() && directory.seen.room == Room::scarce)
            what = "the disk is full, no records are taken";
        if (what.empty() && directory.seen.room == Room::none)
            what = "the disk is full and read only: no records are taken, and only what frees room is done";
        if (!what.empty()) answer.body += "data directory " + directory.name + ": " + what + '\n';
    }
    return answer;
}

}  // namespace fulmar::console
