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
    return {.body = "ok\n"};
}

}  // namespace fulmar::console
