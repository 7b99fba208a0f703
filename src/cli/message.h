// A message as librdkafka hands it to us, and how it is printed on standard output. Any thread, one at a
// time.
#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <memory>

namespace fulmar::cli {

struct DestroyMessage {
    void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
};
using Message = std::unique_ptr<rd_kafka_message_t, DestroyMessage>;

// A line of JSON: where it stands, its key, its headers and its value.
void print_json(const rd_kafka_message_t& message);
// The value, and the end of the line.
void print_value(const rd_kafka_message_t& message);
// For people, in a partition that holds `first` up to in front of `next`.
void print_whole(const rd_kafka_message_t& message, std::int64_t first, std::int64_t next);

}  // namespace fulmar::cli
