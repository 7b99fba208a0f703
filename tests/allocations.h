// Counts what a test allocates.
#pragma once

#include <cstddef>

namespace fulmar::test {

// What this thread has asked for since somebody set it to zero, given back or not; C libraries' share
// included.
struct Allocations {
    std::size_t bytes = 0, count = 0;
};
Allocations& allocations();

}  // namespace fulmar::test
