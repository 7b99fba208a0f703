#include "tests/allocations.h"

#include <cstdlib>

namespace fulmar::test {

Allocations& allocations() {
    static thread_local constinit Allocations mine;
    return mine;
}

}  // namespace fulmar::test

static void count(std::size_t bytes) {
    auto& mine = fulmar::test::allocations();
    mine.bytes += bytes;
    ++mine.count;
}

// A sanitizer's own malloc finds more than ours would, so there it tells of each call. Else ours stand before
// the C library's, which lends them what they need under these names.
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)

#include <sanitizer/allocator_interface.h>

static void on_malloc(const volatile void*, std::size_t bytes) { count(bytes); }
static void on_free(const volatile void*) {}
[[maybe_unused]] static const int hooks = __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);

#else

extern "C" {

void* __libc_malloc(std::size_t bytes);
void* __libc_calloc(std::size_t count, std::size_t bytes);
void* __libc_realloc(void* memory, std::size_t bytes);

void* malloc(std::size_t bytes) noexcept {
    count(bytes);
    return __libc_malloc(bytes);
}
void* calloc(std::size_t n, std::size_t bytes) noexcept {
    count(n * bytes);
    return __libc_calloc(n, bytes);
}
void* realloc(void* memory, std::size_t bytes) noexcept {
    count(bytes);
    return __libc_realloc(memory, bytes);
}

}  // extern "C"

#endif
