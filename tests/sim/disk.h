// The simulated disk: a tree of directories and files, each with what all see of it and what a power cut
// would leave. It implements log/files.h.
#pragma once

#include <deque>
#include <optional>
#include <set>
#include <variant>

#include "log/files.h"
#include "tests/sim/world.h"

namespace fulmar::sim {

// What happens to the file operations of a node: they take effect, or it dies, or the disk says no.
struct Power {
    enum class State : std::uint8_t { off, on, dying } state = State::off;
    std::int64_t dies_at = 0;   // It dies at this operation from now; 0: it lives.
    std::int64_t fails_at = 0;  // This operation from now fails; 0: none does.
    Error failure = Error::failed;
    // With `full` or `exhausted`: so many operations that need room, or a handle, fail.
    std::int64_t full_for = 0, exhausted_for = 0;
    bool syncs_lie = false;  // They say that all is well, and do nothing.
    std::uint64_t operations = 0;

    // What becomes of one operation: nothing (take effect), or an error; `partly`, for writes: some of it.
    struct Outcome {
        std::optional<Error> error;
        bool effect = true, partly = false;
    };
    // `both`: names that change may take a handle, and on some file systems room.
    enum class Needs : std::uint8_t { nothing, room, handle, both };
    Outcome operate(World& world, Needs needs);
};

// How a power cut treats what was not synced.
enum class Loss : std::uint8_t { all_lost, all_kept, some, torn_512, torn_4096 };

struct FileState {
    struct Change {  // A write, or a truncation at `position`.
        std::uint64_t position;
        std::vector<std::byte> bytes;
        bool truncation = false;
    };
    std::vector<std::byte> seen, safe;
    std::vector<Change> unsynced;

    void change(Change c);
    void sync();
    // A sync that failed: the kernel marks the pages clean, so they are seen, and never written.
    void sync_failed() { unsynced.clear(); }
    // What is cached and clean is read from the disk again.
    void drop_cache();
    void lose(World& world, Loss loss);
};

struct DirectoryState;
using EntryState = std::variant<std::shared_ptr<FileState>, std::shared_ptr<DirectoryState>>;
struct DirectoryState {
    using Names = std::map<std::string, EntryState>;
    std::deque<Names> versions{1};  // As last synced, then after each change.
    Names& names() { return versions.back(); }
    Names& changed() { return versions.emplace_back(Names(names())); }
    void sync() { versions.erase(versions.begin(), versions.end() - 1); }
    void lose(World& world, Loss loss);
};

// A node's disk. It outlives the node's lives.
struct DiskState {
    std::shared_ptr<DirectoryState> root = std::make_shared<DirectoryState>();
    std::set<std::string> locks;  // Of the process that lives.
};

std::shared_ptr<Directory> open_root(World& world, Power& power, DiskState& disk);

}  // namespace fulmar::sim
