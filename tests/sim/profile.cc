#include "tests/sim/profile.h"

namespace fulmar::sim {

Profile::Profile(Chance& chance) {
    constexpr Focus of_eight[] = {Focus::none,       Focus::none,      Focus::none,      Focus::compaction,
                                  Focus::compaction, Focus::retention, Focus::pipelines, Focus::growth};
    focus = of_eight[chance.below(8)];
    bool goes = focus == Focus::compaction || focus == Focus::retention;
    clock_jumps = !goes && chance.one_in(2);
    large_batches = chance.one_in(4);
    placed_deaths = chance.one_in(2);
    failing_syncs = chance.one_in(4);
    much_harm = chance.one_in(3);
    // What the broker does once in a second needs lives that are longer.
    if (goes || chance.one_in(8)) pace = chance.one_in(4) ? 1 : chance.between(5, 20);
    if (focus == Focus::none && chance.one_in(3)) focus = Focus::groups;
    groups = focus == Focus::groups || chance.one_in(8);
    if (focus == Focus::groups) pace = chance.between(4, 12);
}

}  // namespace fulmar::sim
