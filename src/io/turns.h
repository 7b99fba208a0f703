// Turns: one coroutine at a time, in the order they came, on one loop. Whoever has the turn may wait for
// other things meanwhile; nobody overtakes.
#pragma once

#include "io/seam.h"

namespace fulmar {

class Turns {
    struct Entry : Op {
        explicit Entry(Turns& t) : turns(t) {}
        Turns& turns;
        bool await_ready() const noexcept { return !std::exchange(turns.taken_, true); }
        void await_suspend(std::coroutine_handle<> here) noexcept {
            waiter = here;
            *std::exchange(turns.last_, &next) = this;
        }
    };

public:
    Turns() = default;
    Turns(const Turns&) = delete;
    // `co_await turns.enter()`: one's turn has come. It lasts until `leave`.
    Entry enter() { return Entry{*this}; }
    void leave(Loop& loop) {
        if (!first_) return void(taken_ = false);
        // Handed over, never free in between: who comes now queues behind.
        auto* op = std::exchange(first_, first_->next);
        if (!first_) last_ = &first_;
        loop.post(*op);
    }
    bool taken() const { return taken_; }
    bool awaited() const { return first_ != nullptr; }

private:
    bool taken_ = false;
    Op* first_ = nullptr;
    Op** last_ = &first_;
};

}  // namespace fulmar
