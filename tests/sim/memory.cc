#include "tests/sim/memory.h"

#include <cstdlib>
#include <new>

using fulmar::sim::Owner, fulmar::sim::at_work;

static void taken(Owner owner, std::size_t bytes) {
    auto& by = fulmar::sim::held[owner];
    by.bytes += std::int64_t(bytes);
    ++by.blocks;
}
static void freed(Owner owner, std::size_t bytes) {
    auto& by = fulmar::sim::held[owner];
    by.bytes -= std::int64_t(bytes);
    --by.blocks;
}

// A sanitizer's own operator new finds more than ours would, so there it tells of each call, and a table says
// whose a block is.
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)

#include <sanitizer/allocator_interface.h>

#include <unordered_map>

namespace {

struct Block {
    Owner owner;
    std::size_t bytes;
};
// Never destroyed: blocks are freed to the very end. What it takes itself does not count.
auto& blocks = *new std::unordered_map<const volatile void*, Block>;
bool counting_begun = false, in_table = false;

void on_malloc(const volatile void* block, std::size_t bytes) {
    if (!counting_begun || std::exchange(in_table, true)) return;
    if (block && blocks.emplace(block, Block{at_work, bytes}).second) taken(at_work, bytes);
    in_table = false;
}
void on_free(const volatile void* block) {
    if (!counting_begun || std::exchange(in_table, true)) return;
    if (auto known = blocks.find(block); known != blocks.end()) {
        freed(known->second.owner, known->second.bytes);
        blocks.erase(known);
    }
    in_table = false;
}
[[maybe_unused]] const int hooks = [] {
    counting_begun = true;
    return __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
}();

}  // namespace

#else

namespace {

struct alignas(__STDCPP_DEFAULT_NEW_ALIGNMENT__) Header {  // In front of each block.
    std::size_t bytes;
    Owner owner;
};

void release(void* block) {
    if (!block) return;
    auto* header = static_cast<Header*>(block) - 1;
    freed(header->owner, header->bytes);
    std::free(header);
}

}  // namespace

void* operator new(std::size_t bytes) {
    auto* header = static_cast<Header*>(std::malloc(sizeof(Header) + bytes));
    if (!header) std::abort();
    *header = {bytes, at_work};
    taken(at_work, bytes);
    return header + 1;
}
void* operator new[](std::size_t bytes) { return operator new(bytes); }
void operator delete(void* block) noexcept { release(block); }
void operator delete(void* block, std::size_t) noexcept { release(block); }
void operator delete[](void* block) noexcept { release(block); }
void operator delete[](void* block, std::size_t) noexcept { release(block); }

#endif
