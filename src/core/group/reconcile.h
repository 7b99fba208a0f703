// How a member of a consumer group comes to what it is to have (KIP-848). Pure functions.
#pragma once

#include "core/group/consumer_group.h"

namespace fulmar::group {

// Whether `part` is among `all`.
bool within(const Partitions& part, const Partitions& all);
bool overlap(const Partitions& a, const Partitions& b);
Partitions joined(const Partitions& a, const Partitions& b);

// Who else than `self` has a partition, or has not given it back yet. `was`: the id that it had before, when
// it is a static member that has come back.
struct Others {
    const ConsumerGroup& group;
    const std::string& self;
    const std::string* was = nullptr;
    bool hold(const TopicId& topic, std::int32_t partition) const;
};

// What a member has next. First it gives back what is not in its target; once it says what it holds (`owned`;
// none: it does not say), and that is none of that, it comes to the target's epoch, and gets of the rest what
// nobody else holds any more.
Current reconcile(const Current& current, const Partitions& target, std::int32_t target_epoch,
                  const std::optional<Partitions>& owned, const Others& others);

}  // namespace fulmar::group
