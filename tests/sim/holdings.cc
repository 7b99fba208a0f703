#include "tests/sim/holdings.h"

#include <fmt/format.h>

#include <algorithm>

namespace fulmar::sim {

void Holdings::keeps(const std::string& who, const std::set<Place>& places) {
    auto at = all_.find(who);
    if (at == all_.end()) return;
    std::erase_if(at->second, [&](auto& each) { return !places.contains(each.first); });
}
bool Holdings::has_member(std::int64_t since_us, std::int64_t now_us) const {
    return std::ranges::any_of(members_, [&](auto& each) {
        return each.second.since_us <= since_us && each.second.until_us > now_us;
    });
}
void Holdings::doubts(const std::string& who, std::int64_t until_us) {
    if (auto at = members_.find(who); at != members_.end())
        at->second.until_us = std::min(at->second.until_us, until_us);
    auto at = all_.find(who);
    if (at == all_.end()) return;
    for (auto& [place, held] : at->second) held.until_us = std::min(held.until_us, until_us);
}
void Holdings::told(const std::string& who, const std::set<Place>& places, std::int64_t asked_us,
                    std::int64_t now_us, const Sure& sure) {
    ++told_count;
    members_.try_emplace(who, Held{.since_us = now_us}).first->second.until_us = sure.until_us;
    auto& mine = all_[who];
    for (auto& place : places) mine.try_emplace(place, Held{.since_us = now_us});
    for (auto& [place, held] : mine) held.until_us = sure.of(place) ? sure.until_us : 0;
    for (auto& [other, its] : all_) {
        if (other == who) continue;
        for (auto& [place, held] : its) {
            bool all_along = held.since_us <= asked_us && held.until_us > now_us;
            if (!all_along || !places.contains(place) || !sure.of(place)) continue;
            return ledger_.complain(fmt::format("two owners: {}-{} is {}'s and {}'s at once ({})",
                                                place.topic, place.partition, other, who, group_));
        }
    }
}

}  // namespace fulmar::sim
