// librdkafka as our verbs use it: a handle that frees itself, quiet, and errors in our words.
#pragma once

#include <librdkafka/rdkafka.h>

#include <memory>
#include <span>
#include <string>

#include "base/address.h"
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
using Delivered = void (*)(rd_kafka_t*, const rd_kafka_message_t*, void* opaque);

// `watch` outlives the client; `delivered`, for producers, is given it as `opaque`.
std::expected<Client, std::string> open_client(rd_kafka_type_t type, const Address& server,
                                               Properties properties, Watch& watch,
                                               Delivered delivered = nullptr);

// What librdkafka or a broker said, for the end of an error.
std::string text_of(rd_kafka_resp_err_t code);
// For when the broker that was named answers, but those that it names do not.
std::string nobody_answers(const Address& server);

}  // namespace fulmar::cli
