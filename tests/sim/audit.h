// Reads everything there is at the end of a run, and holds it against the ledger.
#pragma once

#include "tests/sim/spoil.h"
#include "tests/sim/workload.h"

namespace fulmar::sim {

// Reads every partition from its start to its end, and tells the ledger; and asks for offsets by time.
Task<> read_all(Seam& seam, Workload& work, bool& done);
// The same when files were damaged: everything is still there, but for what `harms` excuses, and that says
// so.
Task<> read_damaged(Seam& seam, Workload& work, Harms harms, bool& done);

// The same while one of the disks is away: what stands on it, `away`, gives errors and nothing else, and the
// rest, `there`, is what it was.
Task<> read_without(Seam& seam, Workload& work, std::set<Place> there, std::set<Place> away, bool& done);

}  // namespace fulmar::sim
