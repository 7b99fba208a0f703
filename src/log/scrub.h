// Scrub: reads a segment from the disk, front to back, and looks whether every batch is what was written, and
// whether its index leads to batches. What rots where nobody reads is found before the last good copy is
// gone. For jobs, in steps.
#pragma once

#include "log/batch_walk.h"
#include "log/segment_read.h"

namespace fulmar {

class Scrub {
public:
    // `full`: nothing more is written to it. Then what the kernel keeps of it is read from the disk anew, and
    // is not kept afterwards.
    Scrub(SegmentView view, bool full) : view_(std::move(view)), full_(full), at_{view_.index.base(), 0} {}

    struct Step {
        std::uint64_t bytes = 0;  // Read.
        bool done = false;
    };
    Result<Step> step(std::uint64_t bytes_max);

    struct Damage {
        LogPoint from, until;
    };
    const std::vector<Damage>& damage() const { return damage_; }
    bool index_is_right() const { return index_is_right_; }

private:
    void check_index(LogPoint at);

    SegmentView view_;
    bool full_;
    LogPoint at_;
    std::uint32_t next_entry_ = 0;
    std::vector<Damage> damage_;
    bool index_is_right_ = true;
};

}  // namespace fulmar
