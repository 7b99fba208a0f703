// How a repair takes effect: all of it or nothing, whenever the process dies or the power goes. What is to be
// there is written beside, under names with ".tmp", and synced. Then the plan, which says what comes in whose
// place, is written to the file "repair" of the data directory; from then on the repair is carried out, by
// whoever opens the directory next if need be. Each step may be done again. For jobs.
//
// The file, sealed (log/sealed_file.h):
//    replace <directory> <name>     <name>.tmp comes in place of <name>
//    remove <directory> <name>      its bytes have been kept in quarantine/, if they matter
//    clean                          what the last stop was
//    checkpoint                     what follows is that file's new text
#pragma once

#include <string>
#include <vector>

#include "log/files.h"

namespace fulmar {

inline constexpr const char* repair_plan_name = "repair";

struct RepairPlan {
    struct Step {
        bool replace = false;  // Else remove.
        std::string directory, name;
    };
    std::vector<Step> steps;
    bool clean = false;
    std::string checkpoint;
};

// REQUIRES: all that `plan` names is there and durable.
Result<> commit_repair(Directory& root, const RepairPlan& plan);
// Carries out what was committed; does nothing when nothing was. `damaged` when the plan is no plan.
Result<> finish_repair(Directory& root);

}  // namespace fulmar
