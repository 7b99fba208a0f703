// What a machine's durable event is on its log: a record with a key, whose value says what is so of that key
// now. A value.
#pragma once

#include <optional>
#include <vector>

#include "base/bytes.h"

namespace fulmar {

struct StoredRecord {
    std::vector<std::byte> key;
    std::optional<std::vector<std::byte>> value;  // None: a tombstone.
    std::size_t bytes() const { return key.size() + (value ? value->size() : 0); }
};

}  // namespace fulmar
