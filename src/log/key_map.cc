#include "log/key_map.h"

#include <xxhash.h>

namespace fulmar {

KeyMap::Hash KeyMap::hash_of(Bytes key) const {
    auto hash = XXH3_128bits_withSeed(key.data(), key.size(), secret_);
    return {hash.low64, hash.high64};
}
std::size_t KeyMap::place_of(const Hash& hash) const {
    auto mask = slots_.size() - 1;
    auto at = std::size_t(hash.low) & mask;
    while (slots_[at].last >= Offset{0} && slots_[at].hash != hash) at = (at + 1) & mask;
    return at;
}
// Full to four fifths at most. While it grows both tables are there.
bool KeyMap::make_room() {
    if (5 * (size_ + 1) <= 4 * slots_.size()) return true;
    auto more = slots_.empty() ? least_slots : 2 * slots_.size();
    if (more > least_slots && (more + slots_.size()) * sizeof(Slot) > bytes_max_) return false;
    auto old = std::exchange(slots_, std::vector<Slot>(more));
    for (auto& slot : old)
        if (slot.last >= Offset{0}) slots_[place_of(slot.hash)] = slot;
    return true;
}
bool KeyMap::put(Bytes key, Offset last) {
    auto hash = hash_of(key);
    if (!slots_.empty()) {
        auto& known = slots_[place_of(hash)];
        if (known.last >= Offset{0}) {
            known.last = std::max(known.last, last);
            return true;
        }
    }
    if (!make_room()) return false;
    slots_[place_of(hash)] = {hash, last};
    ++size_;
    return true;
}
std::optional<Offset> KeyMap::find(Bytes key) const {
    if (slots_.empty()) return std::nullopt;
    auto& slot = slots_[place_of(hash_of(key))];
    return slot.last >= Offset{0} ? std::optional(slot.last) : std::nullopt;
}

}  // namespace fulmar
