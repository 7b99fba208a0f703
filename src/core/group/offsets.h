// The offsets that a group has committed, and when they lapse (KIP-211). Values and functions of them; which
// commits are taken stands in core/group/coordinator.h.
#pragma once

#include "base/ids.h"
#include "core/group/consumer_group.h"

namespace fulmar::group {

struct Committed {
    Offset offset{-1};
    std::int32_t leader_epoch = -1;
    std::string metadata{};
    Timestamp at{-1};                   // When it was committed.
    std::optional<Timestamp> lapses{};  // When it goes, if its client has said so (OffsetCommit 2 to 4).
    bool operator==(const Committed&) const = default;
};

// By topic and partition.
using Offsets = std::map<std::string, std::map<std::int32_t, Committed>, std::less<>>;

// What the members of a classic group say is read again whenever it counts, which small requests can ask
// for: of one that names more topics than this nobody knows what it consumes.
inline constexpr std::size_t subscribed_names_max = 1 << 18;
// What it takes to read one's bytes, so many.
constexpr std::size_t subscription_budget(std::size_t bytes) {
    return 65'536 + std::min(16 * bytes, subscribed_names_max * sizeof(std::string_view));
}
// The topics that the members of a group consume, as they stand in what they said: nothing when not all of
// them can be asked, because the group is none of consumers or what they say cannot be read, or is too much.
// Of a group in a rebalance it counts what they said last.
std::optional<std::set<std::string_view>> subscribed_topics(const Group& group);

// Those that nobody misses at `now`: of a group that is empty, `retention` after it became so; of one that
// never had members, after the commit; of consumers, where no member subscribes to the topic any more. At
// most `count_max`.
std::vector<std::pair<std::string, std::int32_t>> lapsed(const Group& group, const Offsets& offsets,
                                                         Timestamp now, Millis retention,
                                                         std::size_t count_max);
// Of a consumer group: after the commit, where no member subscribes to the topic.
std::vector<std::pair<std::string, std::int32_t>> lapsed(const ConsumerGroup& group, const Offsets& offsets,
                                                         Timestamp now, Millis retention,
                                                         std::size_t count_max);

}  // namespace fulmar::group
