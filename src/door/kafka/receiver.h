// Receiver: cuts frames out of what a socket gives. Its buffer doubles as bytes come, whatever a length
// field claims; frames are views of it, and what a Frame shows is never written again. One connection's, on
// its core; it knows no request.
#pragma once

#include "base/pieces.h"
#include "io/seam.h"

namespace fulmar::kafka {

// What a core's connections may hold in receive buffers, all together: those that fill, and those of frames
// that are still looked at. It outlives both.
struct ReceiveBudget {
    std::uint64_t bytes_max = 0, bytes = 0;
    bool short_of = false;  // Somebody got nothing since this was last looked at.
};

class Receiver {
public:
    // Its first buffer has this size, and so has that of who sends small frames.
    static constexpr std::size_t small_bytes = 4096;

    Receiver(ReceiveBudget& budget, std::size_t frame_bytes_max)
        : budget_(budget), frame_bytes_max_(frame_bytes_max) {}
    Receiver(const Receiver&) = delete;

    enum class Front : std::uint8_t {
        part,  // No whole frame yet.
        whole,
        bad,  // A length that is negative, or over the bound: whoever sends that is no client.
    };
    Front front() const;
    // The frame in front, without its length. REQUIRES: whole.
    Bytes peek() const;
    Frame take();

    // Where the next bytes go; empty when the budget has no room for a larger buffer now.
    std::span<std::byte> space();
    // Holds no buffer until `space` is asked for. REQUIRES: empty, and that nobody waits to fill it.
    void give_back();
    void received(std::size_t bytes) { filled_ += bytes; }
    bool empty() const { return start_ == filled_; }
    // What its buffer takes.
    std::size_t room() const { return room_; }
    // Planted: what a wait that goes on fills.
    std::shared_ptr<std::byte[]> lent() const { return buffer_; }

private:
    bool grow(std::size_t room);
    ReceiveBudget& budget_;
    const std::size_t frame_bytes_max_;
    std::shared_ptr<std::byte[]> buffer_;
    std::size_t room_ = 0, start_ = 0, filled_ = 0, last_bytes_ = 0;
};

}  // namespace fulmar::kafka
