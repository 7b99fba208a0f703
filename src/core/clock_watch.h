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

    // A stamp for what nobody knows the time of: later than any.
    static constexpr Timestamp not_known{std::numeric_limits<std::int64_t>::max()};

    // To be asked every few minutes or more often.
    bool trusts(Clocks clocks) {
        auto step = Millis(0);
        if (seen_) step = (clocks.wall - seen_->wall) - (clocks.now - seen_->now);
        else if (last_life_) step = clocks.wall - *last_life_;
        bool first = !seen_;
        jumped_ = step > jump || step < -jump;
        if (jumped_) doubted_since_ = clocks.now;
        if (jumped_ && first) time_not_known_ = true;
        seen_ = clocks;
        bool trusted = !doubted_since_ || clocks.now - *doubted_since_ >= jump;
        trusted_ = trusted;
        if (trusted) believed_ = clocks, time_not_known_ = false;
        else if (!believed_) believed_ = {clocks.now, *last_life_};
        return trusted;
    }
    // What the wall clock would show had it not jumped: for the next life, which else would know nothing of
    // the jump.
    Timestamp believed(Clocks clocks) const {
        return believed_ ? believed_->wall + (clocks.now - believed_->now) : clocks.wall;
    }
    // What data that is written now is stamped with: too late keeps it longer, too early destroys it. A life
    // that began with a doubted clock does not know how long nothing ran, and so no time at all.
    Timestamp latest(Clocks clocks) const {
        return time_not_known_ ? not_known : std::max(believed(clocks), clocks.wall);
    }
    // Whether a stamp says nothing: once the clock is trusted, nothing was written that far ahead of it.
    static bool void_stamp(Timestamp stamp, Timestamp now) { return stamp > now + jump; }
    bool jumped() const { return jumped_; }    // Between the last two looks.
    bool trusted() const { return trusted_; }  // At the last one.

private:
    std::optional<Timestamp> last_life_;
    std::optional<Clocks> seen_, believed_;
    std::optional<Instant> doubted_since_;
    bool jumped_ = false, time_not_known_ = false, trusted_ = false;
};

}  // namespace fulmar
