// The seam's contract about time and order: timers, signals, turns, calls between cores, the wish to stop.
#pragma once

#include "tests/io/seam_contract.h"

namespace fulmar::seam_contract {

inline Task<> note_at_ring(Timer& timer, std::string& order, char name) {
    co_await timer;
    order += name;
}
inline Task<> timers(Host& host, World) {
    auto& loop = host.cores[0]->loop;
    auto start = loop.now();
    Timer never(loop, Millis::max()), timer(loop, Millis(60'000));
    timer.set(start + Millis(5));  // Earlier, after all.
    co_await timer;
    EXPECT_GE(loop.now(), start + Millis(5));
    EXPECT_LT(loop.now(), start + Millis(60'000));
    EXPECT_FALSE(timer.is_set());

    timer.set(start);  // In the past: at once.
    co_await timer;
    timer.set(start = loop.now() + Millis(1));
    timer.set(start + Millis(4));  // Later, after all.
    co_await timer;
    EXPECT_GE(loop.now(), start + Millis(4));

    timer.set(loop.now() + Millis(1));
    co_await Timer(loop, Millis(4));
    EXPECT_FALSE(timer.is_set());
    co_await timer;  // Its ring was kept.
    EXPECT_EQ(loop.timers(), 1U);
}
inline Task<> timers_in_order(Host& host, World) {
    auto& loop = host.cores[0]->loop;
    auto at = loop.now() + Millis(3);
    Timer late(loop), a(loop), b(loop), c(loop);
    std::string order;
    loop.spawn(note_at_ring(late, order, 'z'));
    loop.spawn(note_at_ring(c, order, 'c'));
    loop.spawn(note_at_ring(b, order, 'b'));
    loop.spawn(note_at_ring(a, order, 'a'));
    late.set(at + Millis(2));
    for (auto* timer : {&a, &b, &c}) timer->set(at);  // Due at one moment: in the order set.
    co_await Timer(loop, Millis(8));
    EXPECT_EQ(order, "abcz");
}
inline Task<> woken_timers(Host& host, World) {
    auto& loop = host.cores[0]->loop;
    Timer timer(loop, Millis(60'000));
    std::string order;
    loop.spawn(note_at_ring(timer, order, 'w'));
    timer.wake();
    timer.wake();                  // Once is enough.
    EXPECT_EQ(order, "");          // In a turn of its own,
    EXPECT_FALSE(timer.is_set());  // and the deadline is no more.
    co_await Timer(loop, Millis(2));
    EXPECT_EQ(order, "w");

    timer.wake();  // Before anybody waits.
    co_await timer;
    loop.spawn(note_at_ring(timer, order, 'c'));
    timer.set(loop.now() + Millis(1));
    timer.clear();
    co_await Timer(loop, Millis(5));
    EXPECT_EQ(order, "w");  // Cleared, it does not ring; woken it does.
    timer.wake();
    co_await Timer(loop, Millis(2));
    EXPECT_EQ(order, "wc");
}

inline Task<> note_after(Signal& signal, std::string& order, char name) {
    co_await signal.wait();
    order += name;
}
inline Task<> note_after_two(Signal& signal, std::string& order) {
    co_await signal.wait();
    order += '1';
    co_await signal.wait();
    order += '2';
}
inline Task<> signals(Host& host, World) {
    auto& loop = host.cores[0]->loop;
    Signal signal;
    signal.notify(loop);  // Nobody waits: nothing is kept.
    std::string order;
    loop.spawn(note_after_two(signal, order));
    for (char name : {'a', 'b', 'c'}) loop.spawn(note_after(signal, order, name));
    signal.notify(loop);
    EXPECT_EQ(order, "");
    loop.spawn(note_after(signal, order, 'd'));  // Too late for that one.
    co_await Timer(loop, Millis(2));
    EXPECT_EQ(order, "1abc");
    signal.notify(loop);
    co_await Timer(loop, Millis(2));
    EXPECT_EQ(order, "1abcd2");
}

inline Task<> take_a_turn(Turns& turns, Loop& loop, std::string& order, char name) {
    co_await turns.enter();
    order += name;
    co_await Timer(loop, Millis(name == 'b' ? 3 : 1));
    order += char(name - 32);
    turns.leave(loop);
}
// Comes just when the turn is handed over, and must not slip in.
inline Task<> leave_and_come_again(Turns& turns, Loop& loop, std::string& order) {
    co_await turns.enter();
    co_await Timer(loop, Millis(2));
    turns.leave(loop);
    co_await turns.enter();
    order += '!';
    turns.leave(loop);
}
inline Task<> turns(Host& host, World) {
    auto& loop = host.cores[0]->loop;
    Turns turns;
    std::string order;
    loop.spawn(leave_and_come_again(turns, loop, order));
    for (char name : {'a', 'b', 'c'}) loop.spawn(take_a_turn(turns, loop, order, name));
    EXPECT_TRUE(turns.taken());
    co_await turns.enter();
    EXPECT_EQ(order, "aAbBcC");
    turns.leave(loop);
    co_await Timer(loop, Millis(3));
    EXPECT_EQ(order, "aAbBcC!");
    EXPECT_FALSE(turns.taken());
    co_await take_a_turn(turns, loop, order, 'd');  // Free: at once.
    EXPECT_EQ(order, "aAbBcC!dD");
}

// `visits` is touched on the other core alone, and so is never torn.
inline Task<> count_elsewhere(Loop& home, Loop& elsewhere, int times, int& visits) {
    for (int i = 0; i < times; ++i) {
        auto visit = [&] { return ++visits; };
        EXPECT_GT(co_await call_on(elsewhere, home, visit), i);
    }
}
inline Task<> calls_between_cores(Host& host, World) {
    auto& home = host.cores[0]->loop;
    auto& there = host.cores[1]->loop;
    int visits = 0;
    auto before = home.spawned();
    for (int i = 0; i < 8; ++i) home.spawn(count_elsewhere(home, there, 50, visits));
    while (home.spawned() > before) co_await Timer(home, Millis(1));
    EXPECT_EQ(visits, 8 * 50);
    auto seven = [] { return 7; };
    EXPECT_EQ(co_await call_on(home, home, seven), 7);  // Home is a core as any.
}
inline Task<> write_elsewhere(Loop& home, Loop& there, std::string& seen, char name) {
    auto note = [&] { seen += name; };
    co_await call_on(there, home, note);
}
inline Task<> mail_in_order(Host& host, World) {
    auto& home = host.cores[0]->loop;
    std::string seen, sent;
    auto before = home.spawned();
    for (char name = '!'; name < '~'; ++name) {
        sent += name;
        home.spawn(write_elsewhere(home, host.cores[1]->loop, seen, name));
    }
    while (home.spawned() > before) co_await Timer(home, Millis(1));
    EXPECT_EQ(seen, sent);
}

inline Task<> note_stop(Host& host, bool& noted) {
    co_await host.stop.changed.wait();
    noted = true;
}
inline Task<> stops(Host& host, World world) {
    bool noted = false;
    EXPECT_FALSE(host.stop.requested);
    host.cores[0]->loop.spawn(note_stop(host, noted));
    world.ask_to_stop();
    for (int i = 0; i < 1000 && !noted; ++i) co_await Timer(host.cores[0]->loop, Millis(1));
    EXPECT_TRUE(noted);
    EXPECT_TRUE(host.stop.requested);
}

}  // namespace fulmar::seam_contract
