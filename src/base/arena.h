// Memory for the arrays of one request: taken by moving a pointer, freed together, within a budget
// that no frame, however hostile, can pass. It belongs to one request, on one thread at a time; it
// runs no destructor and gives nothing back early.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

#include "base/check.h"

namespace fulmar {

class Arena {
public:
    // With a receive buffer that doubles, all that a frame can cost stays under
    // 16 x received + 64 KiB. Honest frames need less: once its strings are not empty, an array's
    // element takes at most 12 times as much memory as it took bytes on the wire.
    static constexpr std::size_t budget_for(std::size_t received) { return 12 * received + 32 * 1024; }

    // `first`, the caller's own, is used before any memory is asked for. Aligned like a pointer.
    explicit Arena(std::size_t budget, std::span<std::byte> first = {})
        : next_(first.data()), end_(first.data() + first.size()), left_(budget) {}
    Arena(const Arena&) = delete;
    ~Arena() {
        while (chunk_) delete[] reinterpret_cast<std::byte*>(std::exchange(chunk_, chunk_->previous));
    }

    // `n` default elements, or an empty span when that would pass the budget.
    template <class T> std::span<T> take(std::size_t n) {
        static_assert(std::is_trivially_destructible_v<T> && alignof(T) <= alignment);
        if (n == 0 || n > left_ + std::size_t(end_ - next_)) return {};  // So the product cannot wrap.
        auto* at = reinterpret_cast<T*>(raw((n * sizeof(T) + alignment - 1) / alignment * alignment));
        if (!at) return {};
        std::uninitialized_value_construct_n(at, n);
        return {at, n};
    }

private:
    static constexpr std::size_t alignment = alignof(void*);
    // Of chunks: most requests need little, and a malloc of more than 1 KiB costs as much as several below.
    static constexpr std::size_t first_bytes = 512, chunk_bytes = 4096;
    struct Chunk {
        Chunk* previous;
    };
    std::byte* raw(std::size_t bytes) {
        if (bytes > std::size_t(end_ - next_)) {
            auto size = std::min(std::max(sizeof(Chunk) + bytes, chunk_ ? chunk_bytes : first_bytes), left_);
            if (size < sizeof(Chunk) + bytes) return nullptr;
            left_ -= size;
            auto* memory = new std::byte[size];
            chunk_ = new (memory) Chunk{chunk_};
            next_ = memory + sizeof(Chunk);
            end_ = memory + size;
        }
        return std::exchange(next_, next_ + bytes);
    }

    std::byte *next_, *end_;
    std::size_t left_;
    Chunk* chunk_ = nullptr;
};

}  // namespace fulmar
