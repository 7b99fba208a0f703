// Pacer: lets work in the background go on at so many bytes a second, so that it leaves the disk to those who
// wait for it. Who works under it waits for a turn, works, and says what that was. It belongs to one core.
#pragma once

#include <limits>

#include "io/seam.h"

namespace fulmar {

class Pacer {
public:
    static constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();
    explicit Pacer(Loop& loop, std::uint64_t bytes_per_second = unlimited)
        : loop_(loop), bytes_per_second_(bytes_per_second) {}
    Pacer(const Pacer&) = delete;

    void set_rate(std::uint64_t bytes_per_second) { bytes_per_second_ = bytes_per_second; }
    // Waits until what was taken before has had its time, an hour each at most. At once after `stop`.
    Task<> turn();
    void took(std::uint64_t bytes);
    void stop();

private:
    Loop& loop_;
    std::uint64_t bytes_per_second_;
    Instant free_at_{};
    std::vector<Timer*> waiting_;
    bool stopped_ = false;
};

}  // namespace fulmar
