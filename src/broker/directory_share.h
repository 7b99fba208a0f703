// DirectoryShare: what a core has of one of the broker's data directories.
#pragma once

#include <memory>

#include "broker/disk_budget.h"
#include "log/disk_room.h"

namespace fulmar {

struct DirectoryShare {
    DirectoryShare(std::size_t n, std::shared_ptr<Directory> directory, Loop& loop,
                   std::uint64_t unsynced_bytes_max)
        : index(n), root(std::move(directory)), budget(loop, unsynced_bytes_max) {}

    const std::size_t index;  // Among the broker's; 0 is its home.
    const std::shared_ptr<Directory> root;
    DiskBudget budget;
    Room room = Room::plenty;
    std::function<void()> on_full = [] {};  // A write has found no room.
};

}  // namespace fulmar
