#include "log/disk_room.h"

#include <algorithm>

namespace fulmar {

Room room_in(const Directory::Space& space, const RoomRules& rules) {
    auto less_than = [&](std::uint64_t percent_in_use) {
        return space.usable_bytes < space.total_bytes / 100 * (100 - percent_in_use);
    };
    if (less_than(rules.read_only_percent)) return Room::none;
    auto enough = std::min(rules.full_free_bytes, space.total_bytes / 10);
    return less_than(rules.full_percent) || space.usable_bytes < enough ? Room::scarce : Room::plenty;
}

Result<> give_up_reserve(Directory& data) {
    auto gone = data.remove(reserve_name);
    return !gone && gone.error() == Error::missing ? Result<>() : gone;
}

Result<SeenRoom> look_for_room(Directory& data, const RoomRules& rules, bool full) {
    auto space = data.space();
    if (!space) return std::unexpected(space.error());
    SeenRoom seen{*space, room_in(*space, rules)};
    if (full && seen.room == Room::plenty) seen.room = Room::scarce;
    auto entries = data.list();
    if (!entries) return std::unexpected(entries.error());
    seen.reserved = std::ranges::any_of(*entries, [](auto& entry) { return entry.name == reserve_name; });
    if (seen.reserved && (full || seen.room == Room::none)) {
        if (auto gone = give_up_reserve(data); !gone) return std::unexpected(gone.error());
        seen.reserved = false;
        return seen;
    }
    auto bytes = std::min(rules.reserve_bytes, space->total_bytes / 64);
    if (seen.reserved || full || bytes == 0 || space->usable_bytes < bytes) return seen;
    auto left = *space;
    left.usable_bytes -= bytes;
    if (room_in(left, rules) != Room::plenty) return seen;
    auto file = data.create(reserve_name);
    auto held = file ? (*file)->allocate(bytes) : Result<>(std::unexpected(file.error()));
    seen.reserved = held.has_value();
    if (held) return seen;
    if (held.error() == Error::failed) return std::unexpected(held.error());
    // There is just no room any more, or the file system holds none for anybody.
    if (file)
        if (auto gone = give_up_reserve(data); !gone) return std::unexpected(gone.error());
    return seen;
}

}  // namespace fulmar
