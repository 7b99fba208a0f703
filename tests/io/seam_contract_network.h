// The seam's contract about connections.
#pragma once

#include "tests/io/seam_contract_waits.h"

namespace fulmar::seam_contract {

struct Connection {
    std::shared_ptr<Listener> listener;
    std::shared_ptr<Socket> near, far;
};
inline Task<Connection> connected(Host& host, std::string address) {
    auto& network = host.cores[0]->network;
    Connection made;
    made.listener = network.listen({address, 0}).value();
    made.near = (co_await network.connect({address, made.listener->port()})).value();
    made.far = (co_await made.listener->accept()).value();
    co_return made;
}
inline Pieces pieces_of(std::string_view text) {
    Pieces pieces;
    pieces.add(bytes_of(text));
    return pieces;
}
// What arrives until no more does, and why not. A `pause` before each read makes a slow reader.
struct Received {
    std::string text;
    std::optional<Error> end;
};
inline Task<> receive_all(Loop& loop, std::shared_ptr<Socket> socket, std::size_t room, Millis pause,
                          Received& into) {
    std::vector<std::byte> buffer(room);
    for (;;) {
        if (pause > Millis(0)) co_await Timer(loop, pause);
        auto n = co_await socket->receive(buffer);
        if (!n) {
            into.end = n.error();
            co_return;
        }
        EXPECT_TRUE(*n > 0 && *n <= room) << *n;
        into.text += text_of(Bytes(buffer).first(*n));
    }
}
inline Task<> send_text(std::shared_ptr<Socket> socket, std::string text, std::optional<Result<>>& sent) {
    auto pieces = pieces_of(text);
    sent = co_await socket->send(std::move(pieces));
}
template <class T>
Task<> until(Loop& loop, const std::optional<T>& done) {
    for (int i = 0; i < 20'000 && !done; ++i) co_await Timer(loop, Millis(1));
    EXPECT_TRUE(done);
}

inline Task<> sockets(Host& host, World world) {
    auto& loop = host.cores[0]->loop;
    auto at = co_await connected(host, world.address);
    EXPECT_FALSE(at.near->peer().empty());
    auto hello = pieces_of("hello"), nothing = Pieces();
    EXPECT_TRUE(co_await at.near->send(std::move(hello)));
    EXPECT_TRUE(co_await at.near->send(std::move(nothing)));
    auto more = pieces_of(", world");
    EXPECT_TRUE(co_await at.near->send(std::move(more)));
    at.near->close();
    Received got;  // What was sent arrives, although who sent it has closed; then the end does.
    co_await receive_all(loop, at.far, 3, Millis(0), got);
    EXPECT_EQ(got.text, "hello, world");
    EXPECT_EQ(got.end, Error::closed);
    std::array<std::byte, 3> three{};
    EXPECT_EQ((co_await at.far->receive(three)).error(), Error::closed);  // And again.
    EXPECT_EQ((co_await at.near->receive(three)).error(), Error::closed);
    auto late = pieces_of("late");
    EXPECT_EQ((co_await at.near->send(std::move(late))).error(), Error::closed);
}
inline Task<> both_ways(Host& host, World world) {
    auto& loop = host.cores[0]->loop;
    auto at = co_await connected(host, world.address);
    auto there = pattern(world.more_than_fits / 4, 1), back = pattern(world.more_than_fits / 4, 2);
    std::optional<Result<>> sent, answered;
    Received near, far;
    loop.spawn(receive_all(loop, at.near, 5000, Millis(0), near));
    loop.spawn(receive_all(loop, at.far, 7000, Millis(0), far));
    loop.spawn(send_text(at.near, there, sent));
    loop.spawn(send_text(at.far, back, answered));
    co_await until(loop, sent);
    co_await until(loop, answered);
    for (int i = 0; i < 20'000 && (far.text.size() < there.size() || near.text.size() < back.size()); ++i)
        co_await Timer(loop, Millis(1));
    EXPECT_TRUE(far.text == there && near.text == back);
    at.near->close();
    co_await until(loop, near.end);
    co_await until(loop, far.end);
}

inline Task<> pieces(Host& host, World world) {
    auto& seam = *host.cores[0];
    auto small = pattern(700, 1), large = pattern(100'000, 2);
    auto make = [&] {
        auto file = (*host.data[0])->create("pieces").value();
        EXPECT_TRUE(write_text(*file, 0, small) && write_text(*file, 700, large));
        return file;
    };
    auto file = co_await seam.disk.run(make);
    auto at = co_await connected(host, world.address);
    Pieces mixed;
    mixed.add(FileRange{file, 10, 20});  // First of all a range; small ones may be copied,
    mixed.add(bytes_of("head"));
    mixed.add(FileRange{file, 0, 700});
    mixed.add(FileRange{file, 700, 100'000});  // large ones are not; two in a row;
    mixed.add(bytes_of("middle"));
    mixed.add(FileRange{file, 5, 0});
    mixed.add(bytes_of("and more"));
    mixed.add(FileRange{file, 700, 8191});
    mixed.add(FileRange{file, 700, 8192});
    mixed.add(FileRange{file, 100'699, 1});  // and one at the end.
    EXPECT_EQ(mixed.size(), 20U + 4 + 700 + 100'000 + 6 + 8 + 8191 + 8192 + 1);
    Received got;
    seam.loop.spawn(receive_all(seam.loop, at.far, 10'000, Millis(0), got));
    EXPECT_TRUE(co_await at.near->send(std::move(mixed)));
    at.near->close();
    co_await until(seam.loop, got.end);
    EXPECT_TRUE(got.text == small.substr(10, 20) + "head" + small + large + "middleand more" +
                                large.substr(0, 8191) + large.substr(0, 8192) + large.substr(99'999))
        << got.text.size() << " bytes";
    EXPECT_EQ(got.end, Error::closed);
}
// A file that is shorter than promised: who waits for the rest must not get other bytes in its place.
inline Task<> short_files(Host& host, World world) {
    auto& seam = *host.cores[0];
    for (std::size_t size : {0, 500, 60'000}) {
        auto text = pattern(size);
        auto name = std::to_string(size);
        auto make = [&] {
            auto file = (*host.data[0])->create(name).value();
            EXPECT_TRUE(write_text(*file, 0, text));
            return file;
        };
        auto file = co_await seam.disk.run(make);
        auto at = co_await connected(host, world.address);
        auto cut = pieces_of("head");
        cut.add(FileRange{file, 0, size + size / 2 + 1});
        cut.add(bytes_of("behind"));
        Received got;
        seam.loop.spawn(receive_all(seam.loop, at.far, 10'000, Millis(0), got));
        auto sent = co_await at.near->send(std::move(cut));
        EXPECT_EQ(told(sent), to_text(Error::damaged));
        at.near->close();
        co_await until(seam.loop, got.end);
        EXPECT_TRUE(("head" + text).starts_with(got.text)) << got.text.size() << " bytes";
    }
}
// A range is read as it leaves, and nobody holds its bytes meanwhile.
inline Task<> slow_readers(Host& host, World world) {
    auto& loop = host.cores[0]->loop;
    auto at = co_await connected(host, world.address);
    auto text = pattern(world.more_than_fits);
    std::optional<Result<>> sent;
    loop.spawn(send_text(at.near, text, sent));
    co_await Timer(loop, Millis(50));
    EXPECT_FALSE(sent);  // It waits until somebody reads.
    Received got;
    loop.spawn(receive_all(loop, at.far, text.size() / 100, Millis(1), got));
    co_await until(loop, sent);
    if (sent) EXPECT_TRUE(*sent);
    at.near->close();
    co_await until(loop, got.end);
    EXPECT_TRUE(got.text == text) << got.text.size() << " bytes";
}
// What lies before a peer that reads nothing stays there, and all of it goes to one that reads.
inline Task<> untaken_bytes(Host& host, World world) {
    auto& loop = host.cores[0]->loop;
    auto at = co_await connected(host, world.address);
    EXPECT_EQ(at.near->untaken_bytes(), 0U);
    auto text = pattern(world.more_than_fits);
    std::optional<Result<>> sent;
    loop.spawn(send_text(at.near, text, sent));
    std::uint64_t before = 0, now = 0;
    for (int i = 0; i < 40 && (now == 0 || now != before); ++i) {  // Its kernel may take a little more, late.
        before = now;
        co_await Timer(loop, Millis(500));
        now = at.near->untaken_bytes();
    }
    EXPECT_EQ(now, before);
    EXPECT_GT(now, 0U);
    EXPECT_LT(now, text.size());
    EXPECT_EQ(at.far->untaken_bytes(), 0U);  // Each side counts what it sent itself.
    Received got;
    loop.spawn(receive_all(loop, at.far, text.size() / 100, Millis(0), got));
    co_await until(loop, sent);
    for (int i = 0; i < 20'000 && at.near->untaken_bytes() > 0; ++i) co_await Timer(loop, Millis(1));
    EXPECT_EQ(at.near->untaken_bytes(), 0U);
    at.near->close();
    co_await until(loop, got.end);
    EXPECT_TRUE(got.text == text) << got.text.size() << " bytes";
}

inline Task<> closes(Host& host, World world) {
    auto& loop = host.cores[0]->loop;
    auto at = co_await connected(host, world.address);
    auto text = pattern(world.more_than_fits);
    std::optional<Result<>> sent;
    Received near, far;
    loop.spawn(send_text(at.near, text, sent));
    loop.spawn(receive_all(loop, at.near, 100, Millis(0), near));
    co_await Timer(loop, Millis(20));
    EXPECT_FALSE(sent || near.end);
    at.near->close();  // By us, while both wait.
    at.near->close();
    co_await until(loop, sent);
    co_await until(loop, near.end);
    if (sent) EXPECT_EQ(told(*sent), to_text(Error::closed));
    EXPECT_EQ(near.end, Error::closed);
    co_await receive_all(loop, at.far, 10'000, Millis(0), far);
    EXPECT_TRUE(text.starts_with(far.text) && far.text.size() < text.size());
    EXPECT_EQ(far.end, Error::closed);
}
inline Task<> peers_that_go(Host& host, World world) {
    auto& loop = host.cores[0]->loop;
    auto at = co_await connected(host, world.address);
    std::optional<Result<>> sent;
    Received near;
    loop.spawn(send_text(at.near, pattern(world.more_than_fits), sent));
    co_await Timer(loop, Millis(20));
    at.far.reset();  // Destroyed, and so closed: nobody will read that.
    co_await until(loop, sent);
    if (sent) EXPECT_EQ(told(*sent), to_text(Error::reset));
    co_await receive_all(loop, at.near, 100, Millis(0), near);
    EXPECT_EQ(near.text, "");
    EXPECT_EQ(near.end, Error::closed);  // The send was told already.
}
// Who closes and has not read what came says so: the peer, which may take that for read, hears `reset`. What
// had arrived before can still be read.
inline Task<> unread(Host& host, World world) {
    auto& loop = host.cores[0]->loop;
    for (bool answered : {false, true}) {
        for (bool waits : {false, true}) {
            auto at = co_await connected(host, world.address);
            auto request = pieces_of("request"), answer = pieces_of("answer");
            EXPECT_TRUE(co_await at.near->send(std::move(request)));
            if (answered) EXPECT_TRUE(co_await at.far->send(std::move(answer)));
            co_await Timer(loop, Millis(20));
            Received near;
            if (waits) loop.spawn(receive_all(loop, at.near, 100, Millis(0), near));
            co_await Timer(loop, Millis(20));
            at.far->close();
            co_await Timer(loop, Millis(20));
            if (!waits) loop.spawn(receive_all(loop, at.near, 100, Millis(0), near));
            co_await until(loop, near.end);
            EXPECT_EQ(near.text, answered ? "answer" : "");
            EXPECT_EQ(near.end, Error::reset);
            std::array<std::byte, 3> three{};
            EXPECT_EQ((co_await at.near->receive(three)).error(), Error::closed);  // It is told once,
            auto late = pieces_of("late");
            EXPECT_EQ((co_await at.near->send(std::move(late))).error(), Error::reset);  // but to sends.
        }
    }
}

inline Task<> await_something(std::shared_ptr<Socket> socket, std::optional<Result<std::size_t>>& there) {
    there = co_await socket->receive({});
}
inline void expect_something(const std::optional<Result<std::size_t>>& there) {
    EXPECT_TRUE(there && *there && **there == 0) << (there ? told(*there) : "still waits");
}
// Waits that lend no buffer take nothing: neither bytes, nor the word of an end.
inline Task<> waits_without_a_buffer(Host& host, World world) {
    auto& loop = host.cores[0]->loop;
    auto at = co_await connected(host, world.address);
    std::optional<Result<std::size_t>> there;
    for (int round = 0; round < 3; ++round) {  // Before the first receive, and behind short ones.
        there.reset();
        loop.spawn(await_something(at.far, there));
        co_await Timer(loop, Millis(20));
        EXPECT_FALSE(there);
        auto hello = pieces_of("hello");
        EXPECT_TRUE(co_await at.near->send(std::move(hello)));
        co_await until(loop, there);
        expect_something(there);
        expect_something(co_await at.far->receive({}));
        std::string text;
        std::array<std::byte, 3> some{};
        while (text.size() < 5) {
            auto n = co_await at.far->receive(some);
            if (!n) break;
            text += text_of(Bytes(some).first(*n));
            if (text.size() < 5) expect_something(co_await at.far->receive({}));
        }
        EXPECT_EQ(text, "hello");
    }
    std::array<std::byte, 3> three{};
    there.reset();
    loop.spawn(await_something(at.far, there));
    co_await Timer(loop, Millis(20));
    EXPECT_FALSE(there);
    at.near->close();
    co_await until(loop, there);
    expect_something(there);
    for (int again = 0; again < 2; ++again) {
        EXPECT_EQ((co_await at.far->receive(three)).error(), Error::closed);
        expect_something(co_await at.far->receive({}));
    }
    EXPECT_EQ((co_await at.near->receive({})).error(), Error::closed);
}
inline Task<> waits_without_a_buffer_that_end(Host& host, World world) {
    auto& loop = host.cores[0]->loop;
    auto at = co_await connected(host, world.address);
    std::array<std::byte, 3> three{};
    auto request = pieces_of("request");
    EXPECT_TRUE(co_await at.near->send(std::move(request)));
    std::optional<Result<std::size_t>> there;
    loop.spawn(await_something(at.near, there));
    co_await Timer(loop, Millis(20));
    at.far->close();  // It has not read that.
    co_await until(loop, there);
    expect_something(there);
    expect_something(co_await at.near->receive({}));
    EXPECT_EQ((co_await at.near->receive(three)).error(), Error::reset);
    expect_something(co_await at.near->receive({}));
    EXPECT_EQ((co_await at.near->receive(three)).error(), Error::closed);

    at = co_await connected(host, world.address);
    there.reset();
    loop.spawn(await_something(at.near, there));
    co_await Timer(loop, Millis(20));
    at.near->close();  // By us, while it waits.
    co_await until(loop, there);
    if (there) EXPECT_EQ(told(*there), to_text(Error::closed));
}

inline Task<> accept_one(std::shared_ptr<Listener> listener, std::optional<Error>& end) {
    auto accepted = co_await listener->accept();
    EXPECT_FALSE(accepted);
    if (!accepted) end = accepted.error();
}
inline Task<> listeners(Host& host, World world) {
    auto& seam = *host.cores[0];
    auto listener = seam.network.listen({world.address, 0}).value();
    auto port = listener->port();
    EXPECT_NE(port, 0);
    EXPECT_NE(seam.network.listen({world.address, 0}).value()->port(), port);
    auto listen_there = [&] { return told(host.cores[1]->network.listen({world.address, port})); };
    EXPECT_EQ(co_await call_on(host.cores[1]->loop, seam.loop, listen_there), "done");  // They share it.

    std::optional<Error> end;
    seam.loop.spawn(accept_one(listener, end));
    co_await Timer(seam.loop, Millis(2));
    EXPECT_FALSE(end);
    listener->close();  // While somebody waits.
    co_await until(seam.loop, end);
    EXPECT_EQ(end, Error::closed);
    EXPECT_EQ((co_await listener->accept()).error(), Error::closed);
    EXPECT_EQ((co_await seam.network.connect({world.address, port})).error(), Error::refused);
    EXPECT_EQ(told(seam.network.listen({world.address, port})), "done");  // It is free again.
}

inline constexpr Promise promises[] = {
    {"files_are_read_as_written", files},
    {"a_write_may_have_any_number_of_parts", many_parts},
    {"names_are_made_changed_and_removed", file_names},
    {"a_directory_is_removed_only_when_empty", directories},
    {"a_move_takes_all_along_and_replaces_nothing", moves},
    {"a_lock_has_one_holder", locks},
    {"dropping_the_cache_loses_nothing", dropped_caches},
    {"timers_ring_when_due_as_last_set", timers},
    {"timers_ring_in_the_order_due", timers_in_order},
    {"a_timer_is_woken_once_and_not_when_cleared", woken_timers},
    {"a_signal_reaches_who_waits_and_nobody_else", signals},
    {"in_turns_nobody_overtakes", turns},
    {"calls_to_another_core_come_home", calls_between_cores},
    {"mail_between_two_cores_keeps_its_order", mail_in_order},
    {"the_wish_to_stop_is_told", stops},
    {"what_was_sent_arrives_before_the_end", sockets},
    {"both_ways_at_once", both_ways},
    {"pieces_leave_in_order", pieces},
    {"a_file_that_is_too_short_is_damaged", short_files},
    {"a_send_waits_for_a_slow_reader", slow_readers},
    {"what_nobody_reads_is_untaken", untaken_bytes},
    {"closing_ends_what_waits", closes},
    {"a_peer_that_goes_ends_a_send", peers_that_go},
    {"a_peer_that_goes_with_bytes_unread_resets", unread},
    {"a_wait_without_a_buffer_takes_nothing", waits_without_a_buffer},
    {"a_wait_without_a_buffer_ends_with_the_connection", waits_without_a_buffer_that_end},
    {"a_listener_is_shared_and_closed", listeners},
};
inline std::string name_of(const testing::TestParamInfo<Promise>& info) { return info.param.name; }

}  // namespace fulmar::seam_contract
