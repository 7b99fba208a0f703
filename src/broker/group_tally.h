// GroupTally: how much one group coordinator holds: counted once when its log has been replayed, and then as
// its events are applied, so that to tell costs nothing. It goes by what the coordinator shows of the group
// that an event is about, before and after. It lives where the coordinator does.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>

#include "core/group/coordinator.h"

namespace fulmar {

struct GroupTally {
    std::map<std::string_view, std::uint64_t> groups{};  // By the name of their phase; none of them is 0.
    std::uint64_t members = 0, offsets = 0;

    static GroupTally of(const group::Coordinator& coordinator);
    // Applies it. True: a rebalance has begun. REQUIRES: it was right before, and all events go through here.
    [[nodiscard]] bool apply(group::Coordinator& coordinator, const group::Coordinator::Event& event);
    void add(const GroupTally& other);
    bool operator==(const GroupTally&) const = default;
};

}  // namespace fulmar
