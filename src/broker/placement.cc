#include "broker/placement.h"

#include <cstdint>

namespace fulmar {

std::optional<std::size_t> Placement::place(const PartitionId& id, const std::vector<bool>& takes) {
    if (auto known = of(id)) return known;
    std::optional<std::size_t> best;
    for (std::size_t n = 0; n < counts_.size(); ++n)
        if (takes[n] && (!best || counts_[n] < counts_[*best])) best = n;
    if (!best) return best;
    places_[id] = *best;
    ++counts_[*best];
    return best;
}
std::optional<std::size_t> Placement::of(const PartitionId& id) const {
    auto at = places_.find(id);
    return at == places_.end() ? std::nullopt : std::optional(at->second);
}
std::set<PartitionId> Placement::in(std::size_t directory) const {
    std::set<PartitionId> there;
    for (auto& [id, place] : places_)
        if (place == directory) there.insert(id);
    return there;
}
void Placement::forget(const TopicId& topic) {
    for (auto at = places_.lower_bound({topic, INT32_MIN}); at != places_.end() && at->first.topic == topic;
         at = places_.erase(at))
        --counts_[at->second];
}

}  // namespace fulmar
