// What a log need not keep any longer, by age and by size. The decision alone; a job, since it reads what
// time says of segments.
//
// Old is what was appended long ago. Kafka goes by the records' own time stamps, with which a producer of old
// data destroys it at once, and one of data of the future keeps all for ever (KAFKA-4340, KAFKA-14991); so
// they count only within an hour of the append, which is as far ahead as message.timestamp.after.max.ms
// allows by default.
#pragma once

#include "log/log_view.h"

namespace fulmar {

struct RetentionRules {
    std::optional<Millis> age;           // retention.ms
    std::optional<std::uint64_t> bytes;  // retention.bytes, of the whole log
};

// When the youngest of what stands in front of the entry was appended, as far as retention goes by it.
Timestamp retained_from(const IndexEntry& entry);

// How many segments at the front need not be kept: at most the first `full`, which are full. `size_bytes`: of
// the whole log.
Result<std::size_t> expired_segments(LogView& view, std::size_t full, std::uint64_t size_bytes,
                                     const RetentionRules& rules, Timestamp wall);

}  // namespace fulmar
