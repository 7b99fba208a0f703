// Where each key of a log stands last, in a bounded amount of memory. Of a key only a hash of 128 bits is
// kept, made with a secret, so that nobody can look for two keys that share one; by chance two of 2^32 keys
// do so with a probability of 2^-65. One thread.
#pragma once

#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"

namespace fulmar {

class KeyMap {
public:
    KeyMap(std::size_t bytes_max, std::uint64_t secret) : bytes_max_(bytes_max), secret_(secret) {}
    // False, and nothing is done, when a new key has no room any more. Some always have.
    bool put(Bytes key, Offset last);
    std::optional<Offset> find(Bytes key) const;
    std::size_t size() const { return size_; }
    std::size_t bytes() const { return slots_.size() * sizeof(Slot); }

private:
    struct Hash {
        std::uint64_t low = 0, high = 0;
        bool operator==(const Hash&) const = default;
    };
    struct Slot {
        Hash hash;
        Offset last{-1};  // -1: free.
    };
    static constexpr std::size_t least_slots = 64;
    Hash hash_of(Bytes key) const;
    // That of the hash, or the free one where it would stand. REQUIRES: there is a free one.
    std::size_t place_of(const Hash& hash) const;
    bool make_room();

    const std::size_t bytes_max_;
    const std::uint64_t secret_;
    std::vector<Slot> slots_;  // As many as a power of two.
    std::size_t size_ = 0;
};

}  // namespace fulmar
