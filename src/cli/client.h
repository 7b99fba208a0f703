// librdkafka as our verbs use it: a handle that frees itself, quiet, and errors in our words.
#pragma once

#include <librdkafka/rdkafka.h>

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/address.h"
#include "cli/connection.h"
#include "cli/output.h"

namespace fulmar::cli {

// What is noticed while a client is polled. A verb derives its own from it.
struct Watch {
    bool all_down = false;
};

struct DestroyClient {
    void operator()(rd_kafka_t* client) const { rd_kafka_destroy(client); }
};
using Client = std::unique_ptr<rd_kafka_t, DestroyClient>;

using Properties = std::span<const std::pair<const char*, std::string>>;
// Called while the client is polled, or closed; each is given the watch as `opaque`. None where it is null.
struct Callbacks {
    void (*delivered)(rd_kafka_t*, const rd_kafka_message_t*, void* opaque) = nullptr;
    void (*rebalanced)(rd_kafka_t*, rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t*,
                       void* opaque) = nullptr;
    void (*committed)(rd_kafka_t*, rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t*,
                      void* opaque) = nullptr;
};

// `watch` outlives the client.
std::expected<Client, std::string> open_client(rd_kafka_type_t type, const Address& server,
                                               Properties properties, Watch& watch, Callbacks callbacks = {});

// What librdkafka or a broker said, for the end of an error.
std::string text_of(rd_kafka_resp_err_t code);
// For when librdkafka finds nobody: whether the broker that was named is gone, or names an address to its
// clients at which none is. Nothing when all answer (now, at least).
std::optional<std::string> unreached(const Address& server);
// The latter of one that answers.
std::optional<std::string> misled(Connection& broker, const Address& server);

}  // namespace fulmar::cli
