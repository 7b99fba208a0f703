// The part of Loop, Timer and Signal that both worlds share.
#include "io/seam.h"

namespace fulmar {

struct Loop::Spawned {  // It is in the loop's list from its making to its end.
    explicit Spawned(Loop& l) : loop(l), older(l.youngest_) {
        if (older) older->younger = this;
        loop.youngest_ = this;
        ++loop.spawned_;
    }
    Spawned(const Spawned&) = delete;
    ~Spawned() {
        (younger ? younger->older : loop.youngest_) = older;
        if (older) older->younger = younger;
        --loop.spawned_;
    }
    Loop& loop;
    Spawned *older, *younger = nullptr;
    std::coroutine_handle<> frame;
};
struct Loop::Root {  // The outermost frame of what was spawned. It frees itself at its end.
    struct promise_type : Spawned {
        promise_type(Loop& l, Task<>&) : Spawned(l) {
            frame = std::coroutine_handle<promise_type>::from_promise(*this);
        }
        Root get_return_object() { return {frame}; }
        std::suspend_always initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }
    };
    std::coroutine_handle<> frame;
};

Loop::Root Loop::run_root(Loop&, Task<> task) { co_await std::move(task); }
void Loop::spawn(Task<> task) { run_root(*this, std::move(task)).frame.resume(); }
void Loop::drop_all() {
    while (youngest_) youngest_->frame.destroy();
}
void Loop::ring() {
    while (!timers_.empty() && timers_.begin()->first.first <= now()) timers_.begin()->second->wake();
    if (!timers_.empty()) ask_for_ring();
}
void Loop::ask_for_ring() {  // An hour ahead at most: the far end of time overflows real clocks.
    wake_at(std::min(timers_.begin()->first.first, now() + std::chrono::hours(1)));
}

void Timer::set(Instant when) {
    clear();
    key_ = {when, ++loop_.last_id_};
    set_ = true;
    loop_.timers_.emplace(key_, this);
    if (loop_.timers_.begin()->second == this) loop_.ask_for_ring();
}
void Timer::clear() {
    if (std::exchange(set_, false)) loop_.timers_.erase(key_);
}
void Timer::wake() {
    clear();
    if (!std::exchange(rung_, true) && waiter) loop_.post(*this);
}

void Signal::notify(Loop& loop) {
    last_ = &first_;
    for (auto* op = std::exchange(first_, nullptr); op;) {
        auto* following = std::exchange(op->next, nullptr);
        loop.post(*op);
        op = following;
    }
}

}  // namespace fulmar
