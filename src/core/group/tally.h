// Tally: how much a group coordinator holds, counted as its events are applied, so that to tell costs
// nothing.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>

namespace fulmar::group {

struct Tally {
    std::map<std::string_view, std::uint64_t> groups{};  // By the name of their phase; none of them is 0.
    std::uint64_t members = 0, offsets = 0;

    // What one group is counted as; without a phase there is none.
    struct One {
        std::string_view phase{};
        std::size_t members = 0, offsets = 0;
    };
    // REQUIRES: `before` is counted.
    void replace(const One& before, const One& after) {
        if (before.phase != after.phase) {
            if (!before.phase.empty() && --groups[before.phase] == 0) groups.erase(before.phase);
            if (!after.phase.empty()) ++groups[after.phase];
        }
        members += after.members - before.members;
        offsets += after.offsets - before.offsets;
    }
    void add(const Tally& other) {
        for (auto& [phase, count] : other.groups) groups[phase] += count;
        members += other.members;
        offsets += other.offsets;
    }
    bool operator==(const Tally&) const = default;
};

}  // namespace fulmar::group
