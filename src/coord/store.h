// Store: where the cluster's metadata lives. Small nodes in a tree, changed by conditional commits that
// are applied whole or not at all. One interface, several engines: embedded (SQLite, one machine),
// ZooKeeper, and the simulator's model; all pass the same contract test (tests/coord/contract.h).
//
// A Store belongs to one Loop: it is called there and its answers come there, never inside the call.
// It knows nothing of what the nodes mean (coord/paths.h does).
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "io/task.h"

namespace fulmar::coord {

enum class StoreError : std::uint8_t {
    missing = 1,      // No such node, or no parent for it.
    exists,           // Such a node already.
    version,          // A condition on a version did not hold.
    not_empty,        // It has children.
    too_large,        // The commit is over `commit_bytes_max`.
    unknown_outcome,  // It may or may not have been applied: read again before going on.
    expired,          // The session is over, for good: make a new Store.
    failed,           // The engine's disk failed. Not retryable.
};
const char* to_text(StoreError error);

inline constexpr std::int64_t any_version = -1;
// Ours, not an engine's: ZooKeeper's default limit is 1 MB a request.
inline constexpr std::size_t commit_bytes_max = 600'000;

struct Entry {
    std::string name;  // The last part of its path.
    std::string data;
    std::int64_t version = 0;    // 0 when created, one more with each put.
    std::int64_t create_id = 0;  // Unique, and larger with each creation in this store.
    bool operator==(const Entry&) const = default;
};

struct Change {
    enum class Kind : std::uint8_t {
        create,            // `exists` if it does, `missing` if its parent does not or is ephemeral.
        create_ephemeral,  // The same, for as long as this session lasts.
        put,               // `missing`; `version` unless the node's version is `version`.
        erase,             // The same; `not_empty` while it has children.
        check,             // Changes nothing; the commit fails where a put would.
    } kind = Kind::check;
    std::string path;  // "/a/b", by which no part is empty. "/" itself is always there, and never erased.
    std::string data;
    std::int64_t version = any_version;
};

// Why a commit was not applied, and for which change; -1 when for none in particular.
struct Refusal {
    StoreError error{};
    int change = -1;
};

class Store {
public:
    // A clean end: ephemerals vanish at once. REQUIRES: no call is under way.
    virtual ~Store() = default;
    // Commits apply in the order in which they are awaited; a read awaited after a commit's answer sees
    // it. All fail with `expired` once the session has.
    virtual Task<std::expected<Entry, StoreError>> get(std::string path) = 0;
    // The children with their data, by name. `missing` when the node itself is.
    virtual Task<std::expected<std::vector<Entry>, StoreError>> list(std::string path) = 0;
    // All or nothing; the new version of the node of each change (of an erased one: -1).
    virtual Task<std::expected<std::vector<std::int64_t>, Refusal>> commit(std::vector<Change> changes) = 0;
};

}  // namespace fulmar::coord
