// How much room there is on the file system of a data directory, what is still written there, and the
// reserve: a file that only holds room, for what must go on when there is none - the store's commits,
// checkpoints, deletions. It is given up when the disk is full, and taken again once there is plenty. A start
// begins without it. For jobs.
#pragma once

#include "log/files.h"

namespace fulmar {

inline constexpr const char* reserve_name = "reserve";  // In the data directory.

struct RoomRules {
    std::uint64_t full_percent = 95, read_only_percent = 99;  // In use.
    std::uint64_t full_free_bytes = 2ULL << 30;  // Full, too, with less than this; a tenth of all is enough.
    std::uint64_t reserve_bytes = 32 << 20;      // At most a 64th of all.
};
enum class Room : std::uint8_t {
    plenty,
    scarce,  // No records are taken.
    none,    // Nothing is written but what frees room, and what cannot be left.
};
Room room_in(const Directory::Space& space, const RoomRules& rules);

struct SeenRoom {
    Directory::Space space{};
    Room room = Room::plenty;
    bool reserved = false;
};
// Looks, and gives the reserve up or takes it. `full`: a write has found no room, whatever it looks like.
Result<SeenRoom> look_for_room(Directory& data, const RoomRules& rules, bool full);
Result<> give_up_reserve(Directory& data);

}  // namespace fulmar
