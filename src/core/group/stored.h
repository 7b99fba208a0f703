// What the group coordinator's durable events are in __consumer_offsets, in the layout of
// wire/kafka/stored_groups.h, and back. Pure.
#pragma once

#include <expected>

#include "core/group/coordinator.h"
#include "core/stored_record.h"

namespace fulmar::group {

struct Stored {
    // REQUIRES: the event is durable.
    static StoredRecord write(const Coordinator::Event& event);
    // Nothing for a record of a kind that this coordinator does not keep. An error: it says something that
    // is not understood, and may not be passed over; the text tells what.
    static std::expected<std::optional<Coordinator::Event>, std::string> read(Bytes key,
                                                                              std::optional<Bytes> value);
};

}  // namespace fulmar::group
