// A whole node, from its start to its stop: the broker and its doors. The same in the real world and in the
// simulator; only the host and the store differ. It runs on core 0.
#pragma once

#include "broker/broker.h"

namespace fulmar {

struct Serving {
    Settings settings;
    Broker::OpenStore open_store;
    std::string owner;  // Names this process for whoever finds the data directory locked.
    std::function<void(const Broker&)> on_ready;  // It answers from now on.
    // May be empty: says more of an address that another process holds.
    std::function<std::string(const Address&)> explain_taken;
    std::optional<std::string> failure;  // Afterwards: why it could not start, or had to stop.
};

// Until the host is asked to stop, or something fails that a node does not outlive.
Task<> serve(Host& host, Serving& serving);

}  // namespace fulmar
