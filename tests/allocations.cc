#include "tests/allocations.h"

#include <cstdlib>
#include <new>

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

// A sanitizer's own operator new finds more than ours would, so there it tells of each call.
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)

#include <sanitizer/allocator_interface.h>

static void on_malloc(const volatile void*, std::size_t bytes) { count(bytes); }
static void on_free(const volatile void*) {}
[[maybe_unused]] static const int hooks = __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);

#else

void* operator new(std::size_t bytes) {
    count(bytes);
    if (void* memory = std::malloc(bytes)) return memory;
    std::abort();
}
void* operator new[](std::size_t bytes) { return operator new(bytes); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

#endif
