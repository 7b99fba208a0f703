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
    std::int64_t dies_at = 0;  // It dies at this operation from now; 0: it lives.
    // It dies at the next operation or the one after, behind the removal of that number of a log beside which
    // another name was made by a rename and not synced, so that what took its place may be lost; 0: it does
    // not. Deaths at any operation seldom come there.
    std::int64_t dies_behind_removals = 0;
    // It dies at one of the next few operations behind that number of operations of one kind on one kind of
    // file. Of what is done seldom a death at any operation seldom hits the moment behind it.
    struct Point {
        enum class Operation : std::uint8_t { create, write, sync, rename, remove } operation{};
        std::string of{};  // What a name ends in, behind its last dot.
        auto operator<=>(const Point&) const = default;
    };
    Point dies_behind{};
    std::int64_t dies_behind_count = 0;  // 0: it does not.
    std::int64_t fails_at = 0;           // This operation from now fails; 0: none does.
    Error failure = Error::failed;
    bool syncs_only = false;  // Only syncs of logs that have something to lose count for that.
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
    enum class Needs : std::uint8_t { nothing, room, handle, both, sync, page_cache };
    Outcome operate(World& world, Needs needs);
    void removed_beside_renamed(World& world);
    void passed(World& world, const Point& point);
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
    std::uint64_t allocated = 0;
    std::vector<Change> unsynced;
    bool taken = false;  // By somebody else: it has no name any more.

    void change(Change c);
    void sync();
    // A sync that failed: the kernel marks the pages clean, so they are seen, and never written. The size is
    // in the file system's journal, which forgets nothing and takes nothing more when it cannot be written.
    void sync_failed() {
        std::erase_if(unsynced, [](const Change& c) { return !c.truncation; });
    }
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
    std::size_t renamed = 0;  // Since the last sync.
    void sync() {
        versions.erase(versions.begin(), versions.end() - 1);
        renamed = 0;
    }
    void lose(World& world, Loss loss);
};

// A node's disk. It outlives the node's lives.
struct DiskState {
    std::shared_ptr<DirectoryState> root = std::make_shared<DirectoryState>();
    std::set<std::string> locks;  // Of the process that lives.
    bool lost = false;            // Every operation on it fails, until it is back.
    // It does not answer meanwhile: what the page cache takes is taken, and jobs wait. Those that would wait
    // for longer than the limit are given up, and the disk with them.
    struct Hang {
        Micros since, until;
    };
    std::optional<Hang> hang{};
    bool one_of_several = false;  // Then no core is to wait for it itself.
    Micros unanswered(const World& world) const {
        return hang && world.now < hang->until ? world.now - hang->since : 0;
    }
    bool hangs_for_good(const World& world) const {
        return hang && hang->until - hang->since > world.answer_limit;
    }
    bool given_up(const World& world) const {
        return hangs_for_good(world) && world.now >= hang->since + world.answer_limit;
    }
    std::uint64_t quota = 0;        // So many bytes find room, when it is not 0.
    std::set<Power::Point> points;  // What has been done on it, whenever.
    std::uint64_t used() const;
    // What somebody finds on it while nobody writes to it, all of it safe.
    DiskState copy() const;
};

std::shared_ptr<Directory> open_root(World& world, Power& power, DiskState& disk);

}  // namespace fulmar::sim
