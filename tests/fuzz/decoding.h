// What must hold for any bytes that are read as a message.
#pragma once

#include "base/check.h"
#include "tests/allocations.h"
#include "wire/wire.h"

namespace fulmar::fuzz {

// A frame of `received` bytes may cost this much, the buffer included in which it came: that doubles.
inline void check_cost(std::size_t received) {
    CHECK(test::allocations().bytes + 2 * received + 4096 <= 16 * received + 64 * 1024);
}

// What reading may take is a budget that holds to the byte, however small it is.
template <class T> void check_budget(Bytes body, int version, std::size_t budget) {
    test::allocations() = {};
    Arena arena(budget);
    Bytes rest;
    (void)wire::decode<T>(body, version, arena, &rest);
    CHECK(test::allocations().bytes <= budget);
}

// Reads `body`, which came in a frame of `received` bytes. What is taken, is written and read again alike.
template <class T> void read_and_write(Bytes body, int version, std::size_t received) {
    test::allocations() = {};
    Arena arena(Arena::budget_for(received));
    Bytes rest;
    auto message = wire::decode<T>(body, version, arena, &rest);
    check_cost(received);
    check_budget<T>(body, version, received);
    if (!message) return;
    CHECK(rest.size() <= body.size());
    auto written = wire::encode(*message, version);
    Arena again(SIZE_MAX / 2);
    auto same = wire::decode<T>(written.owned(), version, again);
    CHECK(same);
    auto rewritten = wire::encode(*same, version);
    CHECK(text_of(rewritten.owned()) == text_of(written.owned()));
}

}  // namespace fulmar::fuzz
