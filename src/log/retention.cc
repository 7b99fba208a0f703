#include "log/retention.h"

#include <algorithm>

#include "base/planted.h"

namespace fulmar {

Timestamp retained_from(const IndexEntry& entry) {
    if (planted(Bug::retention_by_record_time)) return entry.largest_before;
    constexpr Millis ahead_max = std::chrono::hours(1);
    return std::max(entry.appended_before, std::min(entry.largest_before, entry.appended_before + ahead_max));
}

Result<std::size_t> expired_segments(LogView& view, std::size_t full, std::uint64_t size_bytes,
                                     const RetentionRules& rules, Timestamp wall) {
    // All at once: those whose index is lost are as old as this look, and must not be looked at one a month.
    for (std::size_t n = 0; rules.age && n < full; ++n)
        if (auto last = view.last_entry(n); !last) return std::unexpected(last.error());
    for (std::size_t n = 0; n < full; ++n) {
        auto size = view.size_of(n);
        bool too_large = rules.bytes && size_bytes >= *rules.bytes + size;
        bool too_old = false;
        if (!too_large && rules.age) {
            auto last = view.last_entry(n);
            if (!last) return std::unexpected(last.error());
            too_old = wall - retained_from(*last) > *rules.age;
        }
        if (!too_large && !too_old) return n;
        size_bytes -= size;
    }
    return full;
}

}  // namespace fulmar
