// Coroutines: Task is work that waits, Op is what it waits for. A Task belongs to who holds it and
// runs on one loop's thread; it starts no thread, throws nothing and cancels nothing.
#pragma once

#include <coroutine>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/result.h"

namespace fulmar {

template <class T = void> class Task;

namespace detail {
struct ToCaller {
    bool await_ready() noexcept { return false; }
    template <class P> std::coroutine_handle<> await_suspend(std::coroutine_handle<P> done) noexcept {
        return done.promise().caller;
    }
    void await_resume() noexcept {}
};
struct PromiseBase {
    std::coroutine_handle<> caller = std::noop_coroutine();
    std::suspend_always initial_suspend() noexcept { return {}; }
    ToCaller final_suspend() noexcept { return {}; }
    [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }
};
template <class T> struct Promise : PromiseBase {
    std::optional<T> value;
    Task<T> get_return_object();
    void return_value(T v) { value.emplace(std::move(v)); }
    T take() { return std::move(*value); }
};
template <> struct Promise<void> : PromiseBase {
    Task<> get_return_object();
    void return_void() {}
    void take() {}
};
}  // namespace detail

// A coroutine. It runs when it is awaited, which happens once: `co_await work()`. Whoever holds the
// Task owns the frame, and in it the arguments; what those refer to must outlive it. No exception
// leaves it: one that tries ends the process.
template <class T> class [[nodiscard]] Task {
public:
    using promise_type = detail::Promise<T>;
    using Handle = std::coroutine_handle<promise_type>;
    explicit Task(Handle frame) : frame_(frame) {}
    Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, {})) {}
    ~Task() {
        if (frame_) frame_.destroy();
    }
    auto operator co_await() && noexcept {
        struct Call {
            Handle frame;
            bool await_ready() const noexcept { return false; }
            std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) noexcept {
                frame.promise().caller = caller;
                return frame;
            }
            T await_resume() { return frame.promise().take(); }
        };
        return Call{frame_};
    }

private:
    Handle frame_;
};
template <class T> Task<T> detail::Promise<T>::get_return_object() {
    return Task<T>{std::coroutine_handle<Promise>::from_promise(*this)};
}
inline Task<> detail::Promise<void>::get_return_object() {
    return Task<>{std::coroutine_handle<Promise>::from_promise(*this)};
}

// `co_await result` gives its value, or leaves this coroutine, which returns a Result too, with its
// error. Locals then live until the Task is gone: at once, in `co_await work()`.
template <class T> struct Unwrap {
    Result<T> result;
    bool await_ready() const noexcept { return result.has_value(); }
    template <class P> std::coroutine_handle<> await_suspend(std::coroutine_handle<P> here) noexcept {
        here.promise().return_value(std::unexpected(result.error()));
        return here.promise().caller;
    }
    T await_resume() {
        if constexpr (!std::is_void_v<T>) return std::move(*result);
    }
};
template <class T> Unwrap<T> operator co_await(Result<T> result) { return {std::move(result)}; }

// A wait. It lives in the frame of the coroutine that waits, so that waiting allocates nothing. Who
// makes it end holds a pointer to it, and posts it to its loop. Nobody destroys it while it is
// pending, except with its whole world (a simulated power cut): to end a wait early, make it fail.
// After an `await_suspend` has handed `this` on, it may already be gone.
struct Op {
    Op() = default;
    Op(const Op&) = delete;
    Op* next = nullptr;  // For the queue that holds it.
    std::coroutine_handle<> waiter;
    bool await_ready() const noexcept { return false; }
    void await_resume() noexcept {}
};

// Asks a `Place` of the world for a T. At most one Wait of a kind is pending at a place.
template <class Place, class Argument, class T> struct Wait : Op {
    Wait(Place& at, Argument given) : place(at), argument(std::move(given)) {}
    Place& place;
    Argument argument;
    Result<T> result;
    bool await_suspend(std::coroutine_handle<> here) {
        waiter = here;
        return !place.start(*this);
    }
    Result<T> await_resume() { return std::move(result); }
};

}  // namespace fulmar
