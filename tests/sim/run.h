// One simulated run: a seed decides the node, its clients, what befalls them, and whether it kept its
// promises.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/planted.h"

namespace fulmar::sim {

struct RunOptions {
    std::uint64_t seed = 0;
    bool trace = false;             // Every event on standard output, with the broker's log lines.
    std::uint64_t until_event = 0;  // Stop there; 0: run to the end.
    Bug bug = Bug::none;
    bool until_complaint = false;  // One is enough.
};

struct RunResult {
    std::vector<std::string> complaints;  // Empty: all promises were kept.
    std::uint64_t hash = 0, events = 0, acknowledged = 0, seen = 0;
    std::uint64_t generations = 0,
                  offsets = 0;  // Of consumer groups: those that were, and what was committed.
    std::int64_t virtual_ms = 0;
    int kills = 0, power_cuts = 0, stops = 0, failures = 0;
    std::uint64_t disk_errors = 0, resets = 0, clock_jumps = 0;
    std::uint64_t faults() const {
        return std::uint64_t(kills + power_cuts + stops) + disk_errors + resets + clock_jumps;
    }
};

// A run goes on until its world has seen that many faults at least.
inline constexpr std::uint64_t faults_least = 20;

RunResult run(const RunOptions& options);

}  // namespace fulmar::sim
