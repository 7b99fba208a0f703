#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace fulmar {

void broken(const char* truth, const char* file, int line) {
    std::fprintf(stderr, "fulmar: %s:%d: does not hold: %s\n", file, line, truth);
    std::abort();
}

}  // namespace fulmar
