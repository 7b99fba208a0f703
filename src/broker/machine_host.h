// MachineHost: runs a machine (core/machine.h) over the log of one internal partition. It replays the log,
// takes the machine's turns, logs what these make so, and gives each answer once all that it rests on is
// committed. A log that refuses ends the term: the state is dropped, who waits is told, and the log is
// replayed.
//
// It lives on its partition's core; callers come from any (`ask`). What it knows of the world is the log and
// the clocks. Kinds of machine differ by `Codec` alone: how a durable event is a record, and back.
#pragma once

#include <map>
#include <memory>

#include "base/log_sink.h"
#include "broker/machine_log.h"
#include "broker/write_pace.h"
#include "core/machine.h"

namespace fulmar {

enum class HostRefusal : std::uint8_t {
    loading,      // The log is being replayed.
    unavailable,  // It cannot be read, or takes no records now; nothing has happened.
    lost,         // The term ended before the answer was sure: nobody knows how far the command got.
};

// What somebody waits for on its own core, `home`, where all of it is touched.
template <class T>
struct Reply {
    Loop& home;
    Timer* waiting = nullptr;  // Woken when `value` is there; null once nobody waits any more.
    std::optional<T> value{};
    void give(T told) {
        value = std::move(told);
        if (waiting) waiting->wake();
    }
};

template <Machine M, class Codec>
class MachineHost {
public:
    using Answer = std::expected<typename M::Answer, HostRefusal>;
    using Command = typename M::Command;
    struct Options {
        std::string name;  // For log lines.
        std::function<Clocks()> clocks;
        std::function<M()> make;  // A machine that knows nothing yet.
        // Applies an event of a term; for who counts what happens. Those that are replayed before
        // do not come through here.
        std::function<void(M&, const typename M::Event&)> apply =
            [](M& machine, const typename M::Event& event) { machine.apply(event); };
        std::function<void(MachineHost&)> on_serving = [](MachineHost&) {};  // A term has begun.
        std::size_t read_bytes = 256 << 10;                                  // Of the log, at once.
    };
    MachineHost(Seam& seam, WritePace& pace, std::shared_ptr<Partition> partition, Options options)
        : seam_(seam),
          pace_(pace),
          options_(std::move(options)),
          log_(
              seam, std::move(partition), [&loop = seam.loop] { return loop.wall_clock(); },
              options_.read_bytes),
          machine_(options_.make()),
          timer_(seam.loop) {}

    // Until `stop`; then `ended` tells.
    Task<> run();
    void stop() {
        stopping_ = true;
        timer_.wake();
    }
    bool running() const { return running_; }
    Signal& ended() { return ended_; }
    bool serving() const { return serving_; }
    const std::string& name() const { return options_.name; }
    // Why the log could not be read when that was tried last; empty when it was, or is being read first.
    const std::string& trouble() const { return trouble_; }
    const M& machine() const { return machine_; }  // As of the last turn, committed or not.

    // The answer, when it is there at once; else `reply` gets it.
    std::optional<Answer> submit(const Command& command, std::shared_ptr<Reply<Answer>> reply);

private:
    using Caller = std::shared_ptr<Reply<Answer>>;
    struct Waiting {
        std::uint64_t rests_on;
        Caller caller;
        typename M::Answer answer;
    };
    bool takes(const Decision<M>& decision) const {
        return log_.can_append() || std::ranges::none_of(decision.events, &M::durable);
    }
    void take(Decision<M> decision);
    void settle(Clocks clocks);
    void end_turn();
    void release();
    void lose_all();
    void deliver(Caller caller, Answer answer);
    static Task<> carry(Loop& here, Caller caller, Answer answer);
    Task<bool> load();
    Task<> serve();
    Task<> rest(Millis time) {
        timer_.set(seam_.loop.now() + time);
        co_await timer_;
    }

    // A turn with more to settle than this goes on in the next one.
    static constexpr int settle_steps_max = 1'000;
    static constexpr Millis stalled_look{1'000}, retry{1'000};

    Seam& seam_;
    WritePace& pace_;  // Of all hosts on this core.
    const Options options_;
    MachineLog log_;
    M machine_;
    Timer timer_;
    Signal ended_;
    std::uint64_t last_ticket_ = 0;
    std::map<Ticket, Caller> open_;                              // Those without an answer.
    std::deque<Waiting> waiting_;                                // Those with one, by rising `rests_on`.
    std::deque<std::pair<Ticket, typename M::Answer>> answers_;  // Of this turn; keeps no room for many.
    bool serving_ = false, stopping_ = false, running_ = false;
    std::string trouble_;
    bool stalled_ = false;  // Something is due that the log does not take now.
    bool more_ = false;     // Something is due for which this turn had no time.
};

template <Machine M, class Codec>
std::optional<typename MachineHost<M, Codec>::Answer> MachineHost<M, Codec>::submit(
    const Command& command, std::shared_ptr<Reply<Answer>> reply) {
    if (!serving_ && planted(Bug::offsets_while_loading)) {
        auto known = machine_.decide(command, {}, options_.clocks());
        if (known.events.empty() && !known.answers.empty()) return std::move(known.answers.front().second);
    }
    if (!serving_) return std::unexpected(trouble_.empty() ? HostRefusal::loading : HostRefusal::unavailable);
    auto clocks = options_.clocks();
    settle(clocks);
    Ticket ticket{++last_ticket_};
    auto decision = machine_.decide(command, ticket, clocks);
    if (!takes(decision)) {
        end_turn();
        timer_.wake();
        return std::unexpected(HostRefusal::unavailable);
    }
    take(std::move(decision));
    settle(clocks);
    std::optional<Answer> at_once;
    auto ours = std::ranges::find(answers_, ticket, [](auto& each) { return each.first; });
    if (ours != answers_.end() && log_.appended() == log_.committed()) {
        at_once = std::move(ours->second);
        answers_.erase(ours);
    } else if (ours != answers_.end()) {
        waiting_.push_back({log_.appended(), std::move(reply), std::move(ours->second)});
        answers_.erase(ours);
    } else {
        open_.emplace(ticket, std::move(reply));
    }
    end_turn();
    timer_.wake();  // Deadlines may be others now, and there may be something to write.
    return at_once;
}

template <Machine M, class Codec>
void MachineHost<M, Codec>::take(Decision<M> decision) {
    for (auto& event : decision.events) {
        options_.apply(machine_, event);
        if (M::durable(event)) log_.append(Codec::write(event));
    }
    log_.end_decision();
    std::ranges::move(decision.answers, std::back_inserter(answers_));
}

template <Machine M, class Codec>
void MachineHost<M, Codec>::settle(Clocks clocks) {
    stalled_ = more_ = false;
    for (int steps = 0;; ++steps) {
        auto decision = machine_.settle(clocks);
        if (decision.empty()) return;
        stalled_ = !takes(decision);
        more_ = steps == settle_steps_max;
        if (stalled_ || more_) return;
        take(std::move(decision));
    }
}

template <Machine M, class Codec>
void MachineHost<M, Codec>::end_turn() {
    for (auto& [ticket, answer] : answers_) {
        auto open = open_.extract(ticket);
        CHECK(open);  // Each is answered once.
        waiting_.push_back({log_.appended(), std::move(open.mapped()), std::move(answer)});
    }
    answers_.clear();
    release();
}

template <Machine M, class Codec>
void MachineHost<M, Codec>::release() {
    while (!waiting_.empty() &&
           (waiting_.front().rests_on <= log_.committed() || planted(Bug::answer_before_commit))) {
        auto [rests_on, caller, answer] = std::move(waiting_.front());
        waiting_.pop_front();
        deliver(std::move(caller), std::move(answer));
    }
}

template <Machine M, class Codec>
void MachineHost<M, Codec>::lose_all() {
    for (auto& each : std::exchange(waiting_, {}))
        deliver(std::move(each.caller), std::unexpected(HostRefusal::lost));
    for (auto& [ticket, caller] : std::exchange(open_, {}))
        deliver(caller, std::unexpected(HostRefusal::lost));
}

template <Machine M, class Codec>
void MachineHost<M, Codec>::deliver(Caller caller, Answer answer) {
    if (&caller->home == &seam_.loop) caller->give(std::move(answer));
    else seam_.loop.spawn(carry(seam_.loop, std::move(caller), std::move(answer)));
}

template <Machine M, class Codec>
Task<> MachineHost<M, Codec>::carry(Loop& here, Caller caller, Answer answer) {
    co_await Hop(caller->home);
    caller->give(std::move(answer));
    co_await Hop(here);
}

template <Machine M, class Codec>
Task<bool> MachineHost<M, Codec>::load() {
    auto loading = options_.make();
    std::uint64_t records = 0;
    auto begun = seam_.loop.now();
    auto take = [&](Bytes key, std::optional<Bytes> value) -> std::expected<void, std::string> {
        auto event = Codec::read(key, value);
        if (!event) return std::unexpected(event.error());
        if (*event) loading.apply(**event);
        ++records;
        return {};
    };
    auto loaded = co_await log_.replay(take, stopping_);
    if (!loaded) {
        bool told = !trouble_.empty();
        trouble_ = loaded.error();
        if (!told) log_error("{} is not available: {}", options_.name, trouble_);
        co_return false;
    }
    trouble_.clear();
    machine_ = std::move(loading);
    if (records > 0)
        log_debug("{}: {} records read in {} ms", options_.name, records, (seam_.loop.now() - begun).count());
    co_return true;
}

template <Machine M, class Codec>
Task<> MachineHost<M, Codec>::serve() {
    serving_ = true;
    options_.on_serving(*this);
    while (!stopping_ || log_.pending()) {
        if (log_.pending()) {
            co_await pace_.turn();
            auto error = co_await log_.write();
            if (error != kafka::ErrorCode::none) {
                if (!stopping_)
                    log_warning("{} begins anew: its log took no records ({})", options_.name,
                                kafka::to_text(error));
                break;
            }
            release();
            continue;
        }
        settle(options_.clocks());
        end_turn();
        if (log_.pending()) continue;
        // Else who waits for something that the log must take would wait for good.
        if (log_.gone()) break;
        auto due = machine_.deadline();
        if (stalled_) due = seam_.loop.now() + stalled_look;
        if (more_) due = seam_.loop.now();
        if (due) timer_.set(*due);
        else timer_.clear();
        co_await timer_;
    }
    serving_ = false;
    lose_all();
}

template <Machine M, class Codec>
Task<> MachineHost<M, Codec>::run() {
    running_ = true;
    for (bool first = true; !stopping_; first = false) {
        if (!first) co_await rest(retry);
        if (!stopping_ && co_await load() && !stopping_) co_await serve();
    }
    running_ = false;
    ended_.notify(seam_.loop);
}

// From `home` puts a command to the host that `find` gives on `there`, and comes home with what its answer
// will be in, or is in already. The command is the caller's, and done with then.
template <class Find, class Command>
auto submit(Loop& home, Loop& there, Find find, const Command& command)
    -> Task<std::shared_ptr<Reply<typename std::remove_pointer_t<std::invoke_result_t<Find&>>::Answer>>> {
    using Host = std::remove_pointer_t<std::invoke_result_t<Find&>>;
    auto reply = std::make_shared<Reply<typename Host::Answer>>(home);
    bool elsewhere = &home != &there;
    if (elsewhere) co_await Hop(there);
    std::optional<typename Host::Answer> at_once = std::unexpected(HostRefusal::unavailable);
    if (auto* host = find()) at_once = host->submit(command, reply);
    if (at_once) reply->value = std::move(at_once);  // Then nobody else knows of it.
    if (elsewhere) co_await Hop(home);
    co_return reply;
}
// Until the answer is there, or `gone.happened` says that nobody waits for it: who lets that happen wakes
// `gone.waiting`, or the answer is waited for. Runs on the reply's home.
template <class T, class Gone>
Task<> arrival(Reply<T>& reply, Gone& gone) {
    Timer timer(reply.home);
    reply.waiting = gone.waiting = &timer;
    while (!reply.value && !gone.happened) co_await timer;
    reply.waiting = gone.waiting = nullptr;
}
// Both: the value is missing only once nobody waits for it.
template <class Find, class Command, class Gone>
auto ask(Loop& home, Loop& there, Find find, const Command& command, Gone& gone)
    -> decltype(submit(home, there, find, command)) {
    auto reply = co_await submit(home, there, find, command);
    co_await arrival(*reply, gone);
    co_return reply;
}

}  // namespace fulmar
