// What the codecs open into, for compress.cc and lz4_frame.cc alone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <vector>

#include "wire/compress.h"

namespace fulmar::wire {

using Outcome = std::expected<void, CompressError>;
inline constexpr std::unexpected damaged{CompressError::damaged};
inline constexpr std::unexpected too_large{CompressError::too_large};

// What comes out. Room for the most that may come is reserved at once: so nothing ever moves or is there
// twice, and what no byte comes to stays untouched. One byte beyond the limit may come: that is how we see
// that there is more inside than may be.
class Output {
public:
    explicit Output(std::size_t limit) : most_(std::min(limit, SIZE_MAX - 1) + 1) {}
    // To be called once, before anything comes. `most`: what this input cannot pass, whatever the limit;
    // `first`: room to begin with.
    void prepare(std::size_t most, std::size_t first = 0) {
        within_limit_ = most < most_ - 1;
        if (within_limit_) most_ = most + 1;
        bytes_.reserve(most_);
        bytes_.resize(std::min(first, most_));
    }
    std::span<std::byte> room() { return std::span(bytes_).subspan(used_); }
    void came(std::size_t n) { used_ += n; }
    Bytes all() const { return Bytes(bytes_).first(used_); }
    // What may still come, the byte beyond the limit included.
    std::size_t left() const { return most_ - used_; }
    bool fits(std::size_t more) const { return more < left(); }
    // More room, by doubling what there is. False when there may be no more.
    bool grow() {
        auto size = bytes_.size();
        if (size == most_) return false;
        bytes_.resize(size < most_ / 2 ? size * 2 : most_);
        return true;
    }
    // Why there may be no more.
    std::unexpected<CompressError> full() const { return within_limit_ ? damaged : too_large; }
    // Room for `more` bytes. REQUIRES: no more than are left.
    std::span<std::byte> take(std::size_t more) {
        if (room().size() < more) bytes_.resize(used_ + more);
        return room().first(more);
    }
    std::expected<std::vector<std::byte>, CompressError> finish(Outcome outcome) && {
        if (!outcome) return std::unexpected(outcome.error());
        if (used_ == most_) return full();
        bytes_.resize(used_);
        return std::move(bytes_);
    }

private:
    std::size_t most_;
    bool within_limit_ = false;
    std::vector<std::byte> bytes_;
    std::size_t used_ = 0;
};

template <auto free_it>
struct Free {
    void operator()(auto* p) const { free_it(p); }
};

inline const char* chars(const std::byte* p) { return reinterpret_cast<const char*>(p); }
inline char* chars(std::byte* p) { return reinterpret_cast<char*>(p); }

// The four bytes in front, in the order of lz4 and zstd: the lowest first.
inline std::optional<std::uint32_t> little_at_front(Bytes packed) {
    std::uint32_t number = 0;
    if (packed.size() < sizeof number) return {};
    std::memcpy(&number, packed.data(), sizeof number);
    return number;
}

}  // namespace fulmar::wire
