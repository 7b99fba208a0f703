// DiskBudget: a core's share of what may be written and not yet durable in a data directory, and whether
// that directory still works. At the bound appends wait, so connections are not read, so producers feel it:
// a spike meets back-pressure and not the kernel's throttling of dirty pages inside a loop.
#pragma once

#include <functional>

#include "base/planted.h"
#include "io/seam.h"

namespace fulmar {

class DiskBudget {
public:
    DiskBudget(Loop& loop, std::uint64_t unsynced_bytes_max) : loop_(loop), max_(unsynced_bytes_max) {}

    // Room for that much, or nothing is unsynced at all: one batch larger than the bound passes alone.
    bool has_room(std::uint64_t bytes) const { return unsynced_ == 0 || unsynced_ + bytes <= max_; }
    Signal& changed() { return changed_; }  // Room came, or the directory failed.
    void written(std::uint64_t bytes) { unsynced_ += bytes; }
    void synced(std::uint64_t bytes) {
        CHECK(bytes <= unsynced_);
        unsynced_ -= bytes;
        changed_.notify(loop_);
        // Once, until the next checkpoint begins.
        bool was_due = since_checkpoint_ >= checkpoint_bytes;
        since_checkpoint_ += bytes;
        if (!was_due && since_checkpoint_ >= checkpoint_bytes && on_checkpoint_due) on_checkpoint_due();
    }
    void checkpoint_begins() { since_checkpoint_ = 0; }

    std::uint64_t unsynced_bytes() const { return unsynced_; }

    // A write or sync failed: for good, since the kernel may have dropped the dirty pages, and a second
    // fdatasync would lie (ATC'20, "Can applications recover from fsync failures?").
    void fail() {
        if (planted(Bug::failed_directory_goes_on)) return;
        if (std::exchange(failed_, true)) return;
        changed_.notify(loop_);
        if (on_failure) on_failure();
    }
    bool failed() const { return failed_; }
    std::function<void()> on_failure;
    // So much was synced since the last checkpoint that another should not wait.
    static constexpr std::uint64_t checkpoint_bytes = 64 << 20;
    std::function<void()> on_checkpoint_due;

private:
    Loop& loop_;
    const std::uint64_t max_;
    std::uint64_t unsynced_ = 0, since_checkpoint_ = 0;
    bool failed_ = false;
    Signal changed_;
};

}  // namespace fulmar
