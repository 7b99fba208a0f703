// What probes are told: whether the process serves (/healthz), and whether clients may be sent to it
// (/readyz). Plain lines. On core 0.
#pragma once

#include "broker/broker.h"
#include "door/console/http.h"

namespace fulmar::console {

// 200 as long as the home of the data works; else 503 and why, until the process ends for it.
HttpAnswer healthz(const Broker& broker);
// 200 once recovery is over and clients are listened to (`listening`), until a stop begins; with a line for
// each data directory that is away or has failed, and for group coordinators that cannot read their log,
// since the others are served all the same.
Task<HttpAnswer> readyz(const Host& host, Broker& broker, bool listening);

}  // namespace fulmar::console
