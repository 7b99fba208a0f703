#include "core/group/reconcile.h"

#include "base/planted.h"

namespace fulmar::group {

static bool holds(const Partitions& all, const TopicId& topic, std::int32_t partition) {
    auto at = all.find(topic);
    return at != all.end() && at->second.contains(partition);
}
bool within(const Partitions& part, const Partitions& all) {
    for (auto& [topic, indexes] : part)
        for (auto index : indexes)
            if (!holds(all, topic, index)) return false;
    return true;
}
bool overlap(const Partitions& a, const Partitions& b) {
    for (auto& [topic, indexes] : a)
        for (auto index : indexes)
            if (holds(b, topic, index)) return true;
    return false;
}
Partitions joined(const Partitions& a, const Partitions& b) {
    auto all = a;
    for (auto& [topic, indexes] : b) all[topic].insert(indexes.begin(), indexes.end());
    return all;
}

bool Others::hold(const TopicId& topic, std::int32_t partition) const {
    if (planted(Bug::taken_before_released)) return false;
    auto* owner = group.owner(topic, partition);
    return owner && *owner != self && !(was && *owner == *was);
}

// `epoch`: to which it comes when it has to give back something before it reaches the target's.
static Current next(const Current& current, std::int32_t epoch, const Partitions& target,
                    std::int32_t target_epoch, const std::optional<Partitions>& owned, const Others& others) {
    Partitions kept, revoking, added;
    bool waits = false;
    for (auto& [topic, indexes] : current.assigned)
        for (auto index : indexes) (holds(target, topic, index) ? kept : revoking)[topic].insert(index);
    for (auto& [topic, indexes] : target)
        for (auto index : indexes) {
            if (holds(kept, topic, index)) continue;
            if (others.hold(topic, index)) waits = true;
            else added[topic].insert(index);
        }
    bool must_revoke = !revoking.empty() && (!owned || overlap(*owned, revoking));
    auto to = must_revoke ? epoch : target_epoch;
    Current after{.epoch = to,
                  .previous_epoch = to == current.epoch ? current.previous_epoch : current.epoch,
                  .state = waits ? MemberState::unreleased : MemberState::stable,
                  .assigned = {},
                  .revoking = {}};
    if (must_revoke) {
        after.state = MemberState::unrevoked;
        after.assigned = std::move(kept);
        after.revoking = std::move(revoking);
    } else {
        after.assigned = joined(kept, added);
    }
    return after;
}

Current reconcile(const Current& current, const Partitions& target, std::int32_t target_epoch,
                  const std::optional<Partitions>& owned, const Others& others) {
    switch (current.state) {
        case MemberState::stable:
            if (current.epoch == target_epoch) return current;
            return next(current, current.epoch, target, target_epoch, owned, others);
        case MemberState::unrevoked:
            if (!owned || overlap(*owned, current.revoking)) return current;
            // It has done what was asked, which shows in its epoch, also when there is more to give back.
            return next(current, current.epoch + 1, target, target_epoch, owned, others);
        case MemberState::unreleased:
            return next(current, current.epoch, target, target_epoch, owned, others);
    }
    return current;
}

}  // namespace fulmar::group
