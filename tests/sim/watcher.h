// Who watches a broker in the simulated world: asks for metrics and health as long as its clients work, and
// goes away in the middle now and then.
#pragma once

#include "tests/sim/workload.h"

namespace fulmar::sim {

Task<> watch(Seam& seam, Workload& work);

}  // namespace fulmar::sim
