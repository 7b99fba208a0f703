// A simulated world: one thread, virtual time, one seed. The same seed gives the same events, which `hash`
// proves. What it does to a program:
//
//   network   late, in order within a connection; reads split anywhere; windows that fill when the reader is
//             slow; resets that cut a send anywhere
//   disk      jobs late and in any order; errors, short writes and full disks at any operation
//   disks     of several, one of which every operation fails from some moment on, or that is away when the
//             node starts, and back at a later start; any that does not answer for a while or for good
//   node      dead at any file operation, in a job or not. Killed, what it wrote stays, synced or not.
//             Without power, of what was not synced nothing, all, some, or torn pieces stay, and names are as
//             they were at some moment since their last sync
//   cores     mail in order from each, between them as chance has it
//   clocks    wall clocks that jump
//   files     flipped, cut, zeroed or gone while nobody runs, after an orderly stop
//
// Left out: lying disks, rot of what is being served, drifting clocks, one-way cuts. It cannot show a data
// race: that is for TSan, over io/real.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "tests/sim/profile.h"

namespace fulmar::sim {

using Micros = std::int64_t;

class Node;
class Core;

class World {
public:
    explicit World(std::uint64_t seed)
        : schedule(seed, 1),
          network(seed, 2),
          disk(seed, 3),
          programs(seed, 4),
          workload(seed, 5),
          faults(seed, 6),
          directories(seed, 7),
          deaths(seed, 9),
          groups(seed, 10),
          copies(seed, 11),
          consumers(seed, 12),
          hangs(seed, 13) {}
    // `action` will happen to `where`, unless that dies before; to no core in particular if null.
    void after(Micros delay, Core* where, std::string_view what, std::move_only_function<void()> action);
    bool step();  // The next event. False: there is none, nothing will ever happen again.
    void forget(Node& node);
    void note(std::uint64_t fact) { hash = (hash ^ fact) * 0x100000001b3; }

    Chance schedule, network, disk, programs, workload, faults, directories, deaths, groups, copies,
        consumers, hangs;
    Profile profile;
    std::uint64_t looks_per_eviction = 10;  // At what is in the page cache, on average. 0: all stays there.
    std::uint64_t sends_per_reset = 80;     // On average. 0: none is reset.
    Micros job_delay_max = 1000, job_told_max = 3000;
    Micros answer_limit = 500'000;  // A disk that hangs for longer is given up then.
    // Of the job that is being executed: it has come to a disk that hangs, for good or until then.
    bool in_job = false, job_hangs = false;
    Micros job_waits_until = 0;
    bool core_waited = false;  // A core itself, for one of several disks.
    std::map<std::string, Node*> nodes;
    Core* current = nullptr;  // Whose turn it is.
    Micros now = 0;
    std::uint64_t hash = 0xcbf29ce484222325, steps = 0, resets = 0, disk_errors = 0;
    // Called for each event before it happens: for `--trace`.
    std::function<void(std::string_view what, const Core* where)> on_event;
    // What is open, all over the world: it must come back to what it was.
    std::int64_t open_files = 0, open_sockets = 0;

private:
    struct Event {
        Core* where;
        std::string_view what;
        std::move_only_function<void()> action;
    };
    std::map<std::pair<Micros, std::uint64_t>, Event> events_;
    std::uint64_t last_ = 0;
};

}  // namespace fulmar::sim
