// The seam: the only way in which Fulmar touches the world. It is declared here and implemented
// twice, by io/real (sockets, disks, clocks, threads) and by tests/sim (one thread, virtual time, one
// seed). Code above it knows no other clock, chance, thread, socket or file, so it runs in both.
//
// Unless said otherwise, an object here belongs to one Loop and is used on that Loop's thread alone.
// The seam knows no protocol and no log, bounds no memory, retries nothing, and hides no failure.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/address.h"
#include "base/pieces.h"
#include "base/time.h"
#include "io/task.h"
#include "log/files.h"

namespace fulmar {

class Timer;

// One core: it runs coroutines in turns, one at a time.
class Loop {
public:
    virtual ~Loop() { CHECK(spawned_ == 0); }
    virtual Instant now() const = 0;
    virtual Timestamp wall_clock() const = 0;
    // To measure with how long something took: what `now` counts, but finer.
    virtual std::chrono::microseconds stopwatch() const = 0;
    virtual std::uint64_t random() = 0;
    virtual void post(Op& op) = 0;     // Its waiter goes on in a later turn, in the order posted.
    virtual void deliver(Op& op) = 0;  // The same, from any thread.
    Clocks clocks() const { return {now(), wall_clock()}; }

    // Runs it up to its first wait, now, and owns it until its end.
    void spawn(Task<> task);
    std::size_t spawned() const { return spawned_; }
    std::size_t timers() const { return timers_.size(); }

protected:
    // For implementations. `wake_at` asks for a `ring` then, in place of what it asked for before. A
    // ring too early does no harm.
    virtual void wake_at(Instant when) = 0;
    void ring();
    // Destroys what still runs, youngest first: what was spawned goes before what spawned it.
    void drop_all();

private:
    friend Timer;
    struct Root;
    struct Spawned;
    static Root run_root(Loop& loop, Task<> task);
    void ask_for_ring();
    Spawned* youngest_ = nullptr;  // Of those that run, each of which knows its neighbours.
    std::size_t spawned_ = 0;
    // Numbered, since an order of pointers differs from run to run.
    std::uint64_t last_id_ = 0;
    std::map<std::pair<Instant, std::uint64_t>, Timer*> timers_;
};

// An alarm clock: `co_await timer` waits until it rings. It may be set anew meanwhile, earlier or
// later. A ring that nobody awaits is kept for who comes next.
class Timer : public Op {
public:
    explicit Timer(Loop& loop) : loop_(loop) {}
    Timer(Loop& loop, Millis from_now) : Timer(loop) { set(loop.now() + from_now); }
    ~Timer() { clear(); }
    void set(Instant when);
    void clear();
    // Rings now, whatever it was set to: how an event ends a wait that also has a deadline.
    void wake();
    bool is_set() const { return set_; }

    bool await_ready() const noexcept { return rung_; }
    void await_suspend(std::coroutine_handle<> here) noexcept { waiter = here; }
    void await_resume() noexcept { rung_ = false, waiter = {}; }

private:
    friend Loop;
    Loop& loop_;
    std::pair<Instant, std::uint64_t> key_;
    bool set_ = false, rung_ = false;
};

// Where coroutines of one loop wait for one another: `co_await signal.wait()`.
class Signal {
    struct Waiting : Op {
        explicit Waiting(Signal& s) : signal(s) {}
        Signal& signal;
        void await_suspend(std::coroutine_handle<> here) noexcept {
            waiter = here;
            *std::exchange(signal.last_, &next) = this;
        }
    };

public:
    Signal() = default;
    Signal(const Signal&) = delete;
    Waiting wait() { return Waiting{*this}; }
    void notify(Loop& loop);  // All who wait now go on, in the order they came.

private:
    Op* first_ = nullptr;
    Op** last_ = &first_;
};

// `co_await Yield(loop)`: this coroutine goes on a turn later, after what is posted already.
struct Yield : Op {
    explicit Yield(Loop& l) : loop(l) {}
    Loop& loop;
    void await_suspend(std::coroutine_handle<> here) {
        waiter = here;
        loop.post(*this);
    }
};
// `co_await Hop(there)`: this coroutine goes on on another core. Until it hops home it touches
// nothing of home but its own frame, and it ends at home.
struct Hop : Op {
    explicit Hop(Loop& to) : target(to) {}
    Loop& target;
    void await_suspend(std::coroutine_handle<> here) {
        waiter = here;
        target.deliver(*this);
    }
};
// Runs a plain function on another core and comes home with what it returned.
template <class F>
Task<std::invoke_result_t<F&>> call_on(Loop& there, Loop& home, F work) {
    co_await Hop(there);
    if constexpr (std::is_void_v<std::invoke_result_t<F&>>) {
        work();
        co_await Hop(home);
    } else {
        auto result = work();
        co_await Hop(home);
        co_return result;
    }
}

// One connection, TLS or not. At most one receive and one send at a time. Destroying it closes it.
class Socket {
public:
    virtual ~Socket() = default;
    // At least one byte, at most what fits (some must); `closed` once the peer has sent its last. A `reset`
    // is told once, to a receive or to a send: receives say `closed` from then on, sends `reset`.
    // While it waits what was lent may be filled at any moment, so it stays where it is. Who may wait for
    // long lends nothing: an empty span is done, with 0, when there is something to receive, be it the end or
    // a reset, and takes none of it, nor is a reset told by that.
    using Receive = Wait<Socket, std::span<std::byte>, std::size_t>;
    Receive receive(std::span<std::byte> into) { return {*this, into}; }
    // Done when the kernel has it all. Ranges are read as they leave: `damaged` when one is too short.
    using Send = Wait<Socket, Pieces, void>;
    Send send(Pieces pieces) { return {*this, std::move(pieces)}; }
    // Pending waits fail with `closed`. What was sent still arrives, unless what came lies unread: then
    // the kernel resets the connection.
    virtual void close() = 0;
    // Whether the peer has sent its last, although more of it may lie unread.
    virtual bool peer_ended() const = 0;
    // What has left for the peer and not come into its hands, or its kernel's; without what a pending send
    // has yet to hand on.
    virtual std::uint64_t untaken_bytes() const = 0;
    virtual std::string peer() const = 0;  // For log lines: "127.0.0.1:40122".

    // For Wait. True: done at once, the result is in it. False: it will be posted.
    virtual bool start(Receive&) = 0;
    virtual bool start(Send&) = 0;
};

class Listener {
public:
    virtual ~Listener() = default;
    // `exhausted` when there are no handles left: the caller waits a little and tries again.
    using Accept = Wait<Listener, std::monostate, std::shared_ptr<Socket>>;
    Accept accept() { return {*this, {}}; }
    virtual std::uint16_t port() const = 0;
    virtual void close() = 0;
    virtual bool start(Accept&) = 0;
};

class Network {
public:
    virtual ~Network() = default;
    // Port 0: any free one. Several cores of one process may listen on one address, and share what
    // comes; for another process the address is taken (`exists`).
    virtual Result<std::shared_ptr<Listener>> listen(const Address& at) = 0;
    using Connect = Wait<Network, Address, std::shared_ptr<Socket>>;
    Connect connect(Address to) { return {*this, std::move(to)}; }
    virtual bool start(Connect&) = 0;
};

// Blocking work, off the loop. A job is a plain function over File and Directory: it awaits nothing,
// and touches nothing that the loop may touch meanwhile. Jobs run in parallel and in no order. One that waits
// for a disk that does not answer (log/files.h) ends with `failed`, where what it returns can say so; where
// it cannot, the process ends.
class Disk {
public:
    struct Job : Op {
        virtual void execute() = 0;
        virtual bool give_up() = 0;  // In place of its end: with `failed`. False: it has no such result.

    protected:
        ~Job() = default;
    };
    template <class F>
    struct JobOf final : Job {
        JobOf(Disk& d, F w) : disk(d), work(std::move(w)) {}
        Disk& disk;
        F work;
        std::optional<std::invoke_result_t<F&>> result;
        void execute() override { result.emplace(work()); }
        bool give_up() override {
            using Failed = std::unexpected<Error>;
            if constexpr (std::is_constructible_v<std::invoke_result_t<F&>, Failed>) {
                result.emplace(Failed(Error::failed));
                return true;
            } else {
                return false;
            }
        }
        void await_suspend(std::coroutine_handle<> here) {
            this->waiter = here;
            disk.start(*this);
        }
        auto await_resume() { return std::move(*result); }
    };
    virtual ~Disk() = default;
    // Gives what the job returns, mostly a Result.
    template <class F>
    JobOf<F> run(F work) {
        return {*this, std::move(work)};
    }
    virtual void start(Job&) = 0;
};

// What one core is given of the world.
struct Seam {
    Loop& loop;
    Network& network;
    Disk& disk;
};

// What a process takes of its machine. 0: not known.
struct ProcessUse {
    std::uint64_t resident_bytes = 0;
    std::chrono::microseconds cpu{};
};

// What a program is given: its cores (it starts on the first), its data directories as they are named in its
// settings, and word of when it is asked to stop (SIGTERM, SIGINT).
struct Host {
    std::vector<Seam*> cores;
    std::vector<Result<std::shared_ptr<Directory>>> data;  // Those that cannot be opened, too.
    std::function<ProcessUse()> process_use;               // May be empty. Does not block.
    struct Stop {
        bool requested = false;  // Of the first core, as `changed`.
        Signal changed;
    } stop;
};

}  // namespace fulmar
