// What a consumer group's durable events are in __consumer_offsets, in the layout of
// wire/kafka/stored_consumer_groups.h, and back. Pure.
#pragma once

#include <expected>

#include "core/group/consumer.h"
#include "core/stored_record.h"
#include "wire/kafka/stored_groups.h"

namespace fulmar::group {

// REQUIRES: the event is durable.
StoredRecord write_stored(const ConsumerEvent& event);
// `key`: as it was decoded. Nothing for a key that is not a consumer group's. An error: the value says
// something that is not understood.
std::expected<std::optional<ConsumerEvent>, std::string> read_stored(const kafka::StoredKey& key,
                                                                     std::optional<Bytes> value);

}  // namespace fulmar::group
