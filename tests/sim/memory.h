// Who holds how much memory: the programs of each node, and the world around them. A block belongs for its
// life to whoever was at work when it was taken, whoever frees it. Only what comes from operator new counts,
// and with a sanitizer malloc too; memory.cc, which counts, is part of the simulator's binary alone.
#pragma once

#include <array>
#include <cstdint>
#include <utility>

namespace fulmar::sim {

struct Held {
    std::int64_t bytes = 0, blocks = 0;  // As asked for, so the same in each run of a seed.
    bool operator==(const Held&) const = default;
};
using Owner = std::uint8_t;
inline constexpr Owner the_world = 0;
inline constinit std::array<Held, 16> held{};
inline constinit Owner at_work = the_world;

// Until its end that owner is at work.
class AtWork {
public:
    explicit AtWork(Owner owner) : before_(std::exchange(at_work, owner)) {}
    AtWork(const AtWork&) = delete;
    ~AtWork() { at_work = before_; }

private:
    Owner before_;
};

}  // namespace fulmar::sim
