// DirectoryShare: what a core has of one of the broker's data directories.
#pragma once

#include <memory>

#include "broker/disk_budget.h"
#include "broker/shared_job.h"
#include "io/turns.h"
#include "log/disk_room.h"
#include "log/partition_log.h"

namespace fulmar {

struct DirectoryShare {
    DirectoryShare(std::size_t n, bool several, std::shared_ptr<Directory> directory, Seam& seam,
                   std::uint64_t unsynced_bytes_max)
        : index(n),
          one_of_several(several),
          root(std::move(directory)),
          budget(seam.loop, unsynced_bytes_max),
          writes(seam,
                 [](std::span<BatchWrite* const> all) {
                     for (auto* write : all) write->execute();
                     return Result<>();
                 }),
          names(seam, [directory = root](auto) { return directory->sync(); }) {}

    const std::size_t index;  // Among the broker's; 0 is its home.
    // Its disk may hang while the others are well: then nothing is written to it but by a job, and no core
    // waits for it. Without others a write takes no detour, since nothing is served without this one.
    const bool one_of_several;
    const std::shared_ptr<Directory> root;
    DiskBudget budget;
    SharedJob<BatchWrite*> writes;
    SharedJob<std::monostate> names;  // Of partitions that are made: a sync of them.
    Turns heavy_reads;                // They open batches: one at a time, as the core's heavy work.
    Room room = Room::plenty;
    std::function<void()> on_full = [] {};  // A write has found no room.
};

}  // namespace fulmar
