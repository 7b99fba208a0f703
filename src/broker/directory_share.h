// DirectoryShare: what a core has of one of the broker's data directories.
#pragma once

#include <memory>

#include "broker/disk_budget.h"
#include "broker/shared_sync.h"
#include "log/disk_room.h"

namespace fulmar {

struct DirectoryShare {
    DirectoryShare(std::size_t n, std::shared_ptr<Directory> directory, Seam& seam,
                   std::uint64_t unsynced_bytes_max)
        : index(n), root(std::move(directory)), budget(seam.loop, unsynced_bytes_max), names(seam, root) {}

    const std::size_t index;  // Among the broker's; 0 is its home.
    const std::shared_ptr<Directory> root;
    DiskBudget budget;
    SharedSync names;  // Of partitions that are made.
    Room room = Room::plenty;
    std::function<void()> on_full = [] {};  // A write has found no room.
};

}  // namespace fulmar
