// ClockWatch: whether the wall clock may be believed where data is deleted by its word. Clocks jump: an
// operator's slip, a machine that starts in 1970 or 2037 and is set right later. A value; pure.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/time.h"

namespace fulmar {

class ClockWatch {
public:
    // A step of more than this between two looks, measured on the monotonic clock, is a jump. After one the
    // clock is believed again once it has gone with the monotonic one for as long.
    static constexpr Millis jump = std::chrono::hours(1);

    // `last_life`: what the wall clock showed when the last life was last seen; it goes on from there.
    explicit ClockWatch(std::optional<Timestamp> last_life = {}) : last_life_(last_life) {}

    // To be asked every few minutes or more often.
    bool trusts(Clocks clocks) {
        auto step = Millis(0);
        if (seen_) step = (clocks.wall - seen_->wall) - (clocks.now - seen_->now);
        else if (last_life_) step = clocks.wall - *last_life_;
        jumped_ = step > jump || step < -jump;
        if (jumped_) doubted_since_ = clocks.now;
        seen_ = clocks;
        bool trusted = !doubted_since_ || clocks.now - *doubted_since_ >= jump;
        if (trusted) believed_ = clocks;
        else if (!believed_) believed_ = {clocks.now, *last_life_};
        return trusted;
    }
    // What the wall clock would show had it not jumped: for the next life, which else would know nothing of
    // the jump.
    Timestamp believed(Clocks clocks) const {
        return believed_ ? believed_->wall + (clocks.now - believed_->now) : clocks.wall;
    }
    // What data that is written now is stamped with. While the clock is doubted nobody knows whether it has
    // jumped ahead or the last life ended long ago; too late a stamp keeps data longer, too early destroys
    // it.
    Timestamp latest(Clocks clocks) const { return std::max(believed(clocks), clocks.wall); }
    bool jumped() const { return jumped_; }  // Between the last two looks.

private:
    std::optional<Timestamp> last_life_;
    std::optional<Clocks> seen_, believed_;
    std::optional<Instant> doubted_since_;
    bool jumped_ = false;
};

}  // namespace fulmar
