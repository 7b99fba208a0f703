// Topics that come and go: each of these clients makes a topic, writes to it, grows it, deletes it and makes
// it again under the same name, while another one reads it, writes to it and waits at it, all by its id.
//
// What must hold: a new one is empty and shows only what was sent to itself; what was acknowledged is there
// until it is deleted; whoever waits hears of its end; and nothing of a deleted one stays on the disk.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "tests/sim/disk.h"
#include "tests/sim/workload.h"

namespace fulmar::sim {

// A topic of a cycle, from its making to its end, and what it was sent and promised.
struct Incarnation {
    int number = 0;
    TopicId id{};
    int partitions = 0;
    bool ending = false;             // Somebody may have deleted it already.
    std::optional<Instant> gone_at;  // The broker said so.
    std::set<std::string> sent;
    std::vector<std::map<Offset, std::string>> promised;  // By partition.
};

struct Cycle {
    std::string name;
    int made = 0;
    std::shared_ptr<Incarnation> now{};  // Known to exist, to whoever wants to use it.
    std::set<TopicId> deleted{};         // The broker said that they are.
    bool over = false;                   // Whoever makes and deletes it has ended.
};

// The one who makes and deletes; and the one who only uses what there is. They end as other clients do.
Task<> keep_topic(Seam& seam, Workload& work, Cycle& cycle);
Task<> use_topic(Seam& seam, Workload& work, Cycle& cycle);

// At the end, after a last power cut: what stands of the last one is what was promised of it.
Task<> read_topic(Seam& seam, Workload& work, Cycle& cycle);
// And once no tombstone is left: no directory of a deleted one is, and none would be after a power cut.
void judge_disk(const DiskState& disk, Workload& work, const Cycle& cycle);

}  // namespace fulmar::sim
