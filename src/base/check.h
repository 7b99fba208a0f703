// CHECK: what must hold, or we are wrong and stop before the damage spreads. On in release, too.
// Bad input and a failing world are no reason for it: those are Results (result.h).
#pragma once

namespace fulmar {

[[noreturn]] void broken(const char* truth, const char* file, int line);

}  // namespace fulmar

#define CHECK(...) ((__VA_ARGS__) ? void() : ::fulmar::broken(#__VA_ARGS__, __FILE__, __LINE__))
