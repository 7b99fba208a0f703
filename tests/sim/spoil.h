// What befalls the files of a broker while nobody runs, and what of the data may be unreadable for it.
#pragma once

#include "tests/sim/chance.h"
#include "tests/sim/disk.h"
#include "tests/sim/ledger.h"

namespace fulmar::sim {

struct Harm {
    std::set<Offset> lost;             // Of the batches that were hit.
    std::optional<Offset> end_lost{};  // From here on nobody knows what was there, nor where it ended.
    int hits = 0;
    // Damage that meets other damage may cost what lies between them.
    bool excuses(Offset offset) const;
};
using Harms = std::map<Place, Harm>;

// Of the directory "topic.0-2.<id>".
Place place_of(const std::string& name);

// One to three blows, each to a log, to a file beside one, or to a file of the whole directory.
Harms spoil(Chance& chance, DiskState& disk, bool much);

}  // namespace fulmar::sim
