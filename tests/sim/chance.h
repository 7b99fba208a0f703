// A stream of chance. There are several in a world, so that a new draw in one does not shift the others.
#pragma once

#include <cstdint>

namespace fulmar::sim {

class Chance {
public:
    Chance(std::uint64_t seed, std::uint64_t stream) : state_((seed << 8) + stream) {}
    std::uint64_t next() {  // splitmix64
        auto z = state_ += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
    std::int64_t below(std::uint64_t n) { return std::int64_t(next() % n); }
    bool one_in(std::uint64_t n) { return n > 0 && below(n) == 0; }
    std::int64_t between(std::int64_t least, std::int64_t most) {
        return least + below(std::uint64_t(most - least + 1));
    }

private:
    std::uint64_t state_;
};

}  // namespace fulmar::sim
