// What a run is about. Where every kind of fault and every feature may come in each run, each comes seldom in
// all, and those that must meet to find something hardly meet. So a seed leaves out some, and has much of
// others: most runs look at few things, closely, and all runs together at all.
#pragma once

#include <cstdint>

#include "tests/sim/chance.h"

namespace fulmar::sim {

struct Profile {
    Profile() = default;
    explicit Profile(Chance& chance);

    enum class Focus : std::uint8_t {
        none,        // As chance has it.
        compaction,  // Every topic is compacted, often, and what was replaced goes at once.
        retention,   // Small segments grow old, and nothing else is deleted.
        pipelines,   // Idempotent producers keep as much in flight as they may, over connections that break.
        growth,      // A long last life in which nothing goes, so that whatever is left behind adds up.
        groups,      // Consumer groups, in lives that are long enough for rebalances.
    } focus = Focus::none;

    bool clock_jumps = true;     // Behind one nothing is deleted or compacted for an hour.
    bool large_batches = false;  // Of many pages, on a slow disk and without power at the end.
    bool placed_deaths = false;  // Behind a chosen kind of operation on a chosen kind of file (Power).
    bool failing_syncs = false;  // In most lives.
    bool much_harm = false;      // Many blows while nobody runs.
    bool groups = false;         // There is one at least.
    std::int64_t pace = 1;       // Lives so much longer, and clients so much slower.
};

}  // namespace fulmar::sim
