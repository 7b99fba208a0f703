// The store of one machine: nodes in a SQLite file of this process alone, their content in memory.
//
// It owns one thread, on which all of it happens; answers come back to the loop by `Loop::deliver`.
// What waits there together becomes one transaction, so that many commits share one fsync. Its session
// is the life of the object: ephemerals are in memory only.
#pragma once

#include <functional>
#include <memory>

#include "coord/store.h"
#include "io/seam.h"

namespace fulmar::coord {

// Opens the store in `directory`, which is made if missing (its parent is not). Blocks for some
// milliseconds: for a program's start. The error is a sentence for people: what is wrong, with which
// file, and what to do.
//
// `around` runs what is done at its files, on its thread: so its owner knows for how long.
//
// REQUIRES of its owner: every call has been answered before the store is destroyed.
using Around = std::function<void(const std::function<void()>&)>;
std::expected<std::unique_ptr<Store>, std::string> open_embedded(Loop& loop, const std::string& directory,
                                                                 Around around = {});

}  // namespace fulmar::coord
