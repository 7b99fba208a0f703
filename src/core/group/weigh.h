// What it takes to tell of groups and of what they have committed: bytes, at least about as many as the
// copies take that leave a coordinator and what an answer is made of from these. For who has to find room
// first.
#pragma once

#include "core/group/offsets.h"

namespace fulmar::group {

// Whole.
std::size_t weigh(const Group& group);
std::size_t weigh(const ConsumerGroup& group);
// All of them. REQUIRES: what is said with them has `metadata_bytes`.
std::size_t weigh(const Offsets& offsets, std::size_t metadata_bytes);
// Of one topic so many, without what is said with them. Of longer names than a topic may have, only so much
// is looked for.
inline constexpr std::size_t topic_looked_for_bytes = 250;
std::size_t weigh_places(std::string_view topic, std::size_t partitions);
// In a list.
std::size_t weigh_listed(std::string_view name, std::string_view protocol_type);

// About what a group holds in memory: its members; ids that were given out to join with; and the group
// itself, without its members. Counted, so that it may be asked for with each event.
std::size_t held_by_members(const Group& group);
std::size_t held_by_reserved(const Group& group);
std::size_t held_by_group(std::string_view name);

}  // namespace fulmar::group
