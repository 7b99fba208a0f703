// Two kinds of time that cannot be mixed: what times things, and what stamps them. Values.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <utility>

namespace fulmar {

using Millis = std::chrono::milliseconds;

// Milliseconds on this process's monotonic clock. It times everything and means nothing to another
// process, so it has no wire form (wire/wire.h): what is logged cannot hold one.
enum class Instant : std::int64_t {};
// Milliseconds since 1970 on the wall clock, which may jump: it stamps records and times nothing.
enum class Timestamp : std::int64_t {};

struct Clocks {
    Instant now{};
    Timestamp wall{};
};

template <class T>
concept Moment = std::same_as<T, Instant> || std::same_as<T, Timestamp>;

// At the ends of time both stay there: a hostile time-out of 2^63 ms does not wrap.
template <Moment T>
constexpr T operator+(T t, Millis d) {
    std::int64_t sum = 0;
    if (!__builtin_add_overflow(std::to_underlying(t), d.count(), &sum)) return T{sum};
    using Limits = std::numeric_limits<std::int64_t>;  // Of an enum they would say 0 and 0.
    return T{d > Millis(0) ? Limits::max() : Limits::min()};
}
template <Moment T>
constexpr Millis operator-(T a, T b) {
    std::int64_t gap = 0;
    if (!__builtin_sub_overflow(std::to_underlying(a), std::to_underlying(b), &gap)) return Millis(gap);
    return a > b ? Millis::max() : Millis::min();
}

}  // namespace fulmar
