// Waiters: who waits for a partition's high watermark to reach an offset — produces for their own batch,
// fetches for the next. One kind for all. It belongs to its partition, on that core.
#pragma once

#include "base/ids.h"
#include "io/seam.h"

namespace fulmar {

class Waiters {
public:
    // One wait, for as long as it lives. `timer` is woken once the watermark is `until` or beyond, or when
    // there is nothing to wait for any more; its deadline bounds the wait. One Timer may wait in many
    // places. Lives on the partition's core, as the Timer does.
    class Place {
    public:
        Place(Waiters& waiters, Offset until, Timer& timer);
        Place(const Place&) = delete;
        ~Place() { leave(); }

    private:
        friend Waiters;
        void leave();
        Waiters* waiters_;
        Offset until_;
        Timer& timer_;
        Place *before_ = nullptr, *after_ = nullptr;
    };

    Waiters() = default;
    Waiters(const Waiters&) = delete;
    ~Waiters() { wake_all(); }
    void reached(Offset watermark);
    void wake_all();
    std::size_t size() const { return size_; }

private:
    // By rising `until`: most that come wait for more than those before, so they are placed from the back.
    Place *first_ = nullptr, *last_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace fulmar
