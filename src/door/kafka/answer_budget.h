// AnswerBudget: what a core's connections hold of answers that have not left, and who waits for that to
// become less. Ranges of files cost nothing. Nobody knows how long an answer gets before it is made, so it is
// a mark and no wall: beyond it nothing begins that could be answered at length. One core's.
#pragma once

#include "io/seam.h"

namespace fulmar::kafka {

class AnswerBudget {
public:
    AnswerBudget(Loop& loop, std::uint64_t bytes_max) : loop_(loop), max_(bytes_max) {}

    bool has_room() const { return bytes_ < max_; }
    std::uint64_t bytes() const { return bytes_; }
    std::uint64_t bytes_max() const { return max_; }
    void add(std::uint64_t bytes) { bytes_ += bytes; }
    void remove(std::uint64_t bytes) {
        CHECK(bytes <= bytes_);
        bytes_ -= bytes;
        if (awaited_ && has_room()) look_again();
    }

    // Until there may be room, in the order they came; or there is another reason to look (look_again), which
    // comes every second: who waits may have been closed meanwhile.
    auto changed() {
        awaited_ = true;
        return changed_.wait();
    }
    void look_again() {
        awaited_ = false;
        changed_.notify(loop_);
    }

private:
    Loop& loop_;
    const std::uint64_t max_;
    std::uint64_t bytes_ = 0;
    bool awaited_ = false;
    Signal changed_;
};

}  // namespace fulmar::kafka
