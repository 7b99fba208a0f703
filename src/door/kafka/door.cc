#include "door/kafka/door.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "base/log_sink.h"

namespace fulmar::kafka {

static constexpr Millis sweep_every{1'000}, accept_pause{100}, buffer_kept{1'000}, arrival_patience{5'000};
// While more is held of answers than a small one.
static constexpr Millis hasty_sweep_every{250};

struct KafkaDoor::Part {
    Part(Broker& b, Shard& s)
        : broker(b),
          shard(s),
          loop(s.seam.loop),
          answers(loop, std::uint64_t(b.settings().unsent_bytes_max / b.cores())),
          sweeper(loop) {
        budget.bytes_max = std::uint64_t(b.settings().request_memory_max / b.cores());
    }
    // Of this core's part, as it is set now.
    std::size_t connections_max() const {
        auto all = shard.value_now("max.connections", broker.settings().connections_max);
        return std::size_t(std::max<std::int64_t>(1, all / broker.cores()));
    }
    Broker& broker;
    Shard& shard;
    Loop& loop;
    ReceiveBudget budget;
    AnswerBudget answers;
    std::shared_ptr<Listener> listener;
    std::list<Connection> connections;
    bool closing = false;
    int running = 0;  // accept and sweep.
    Timer sweeper;
    Signal ended;
};

KafkaDoor::KafkaDoor(Host& host, Broker& broker) : host_(host), broker_(broker) {}
KafkaDoor::~KafkaDoor() = default;

Task<Result<std::uint16_t>> KafkaDoor::open() {
    auto at = broker_.settings().listen;
    auto& home = host_.cores[0]->loop;
    for (int core = 0; core < broker_.cores(); ++core) {
        parts_.push_back(std::make_unique<Part>(broker_, broker_.shard(core)));
        auto& part = *parts_.back();
        auto& network = host_.cores[std::size_t(core)]->network;
        auto listen = [&]() -> Result<std::uint16_t> {
            auto listener = network.listen(at);
            if (!listener) return std::unexpected(listener.error());
            part.listener = *listener;
            part.shard.counters().requests = request_counters();
            part.loop.spawn(accept(part));
            part.loop.spawn(sweep(part));
            return part.listener->port();
        };
        auto port = co_await call_on(part.loop, home, listen);
        if (!port) co_return std::unexpected(port.error());
        at.port = *port;
    }
    co_return at.port;
}

Task<> KafkaDoor::accept(Part& part) {
    ++part.running;
    while (!part.closing) {
        auto socket = co_await part.listener->accept();
        auto& counters = part.shard.counters();
        if (socket) {
            ++counters.connections_accepted;
            part.loop.spawn(serve(part, std::move(*socket)));
            // As Kafka does, the rest wait in the kernel's queue until one goes.
            while (part.connections.size() >= part.connections_max() && !part.closing)
                co_await part.ended.wait();
        } else if (socket.error() == Error::closed) {
            break;
        } else {  // No handles are left, or the peer has gone again.
            ++counters.failed_accepts;
            if (socket.error() == Error::exhausted) log_warning("no file handles left for a connection");
            co_await Timer(part.loop, accept_pause);
        }
    }
    --part.running;
    part.ended.notify(part.loop);
}
Task<> KafkaDoor::serve(Part& part, std::shared_ptr<Socket> socket) {
    auto place = part.connections.emplace(part.connections.end(), part.broker, part.shard, part.budget,
                                          part.answers, std::move(socket));
    if (part.closing) place->close();
    ++part.shard.counters().connections_open;
    co_await place->run();
    --part.shard.counters().connections_open;
    part.connections.erase(place);
    part.ended.notify(part.loop);
}
// Some wait for room to receive in, so nobody may sit on it: of those whose request takes too long to come,
// whoever holds the most goes.
void KafkaDoor::make_room(Part& part) {
    auto before = part.loop.now() + -arrival_patience;
    auto held = [&](const Connection& connection) { return connection.unfinished_bytes(before); };
    auto largest = std::ranges::max_element(part.connections, {}, held);
    if (largest == part.connections.end() || held(*largest) <= Receiver::small_bytes) return;
    log_warning("{}: closed, others need the {} bytes that its request has held for long",
                largest->socket().peer(), held(*largest));
    largest->close();
    ++part.shard.counters().closed_for_memory;
}
// Some wait for room for their answers: see AnswerBudget.
void KafkaDoor::close_deaf(Part& part, AnswerBudget::Kind kind) {
    auto since = part.loop.now() + -part.answers.reader_patience(kind);
    std::vector<std::pair<std::uint64_t, Connection*>> deaf;
    for (auto& connection : part.connections)
        if (auto bytes = connection.unread_bytes(since, kind)) deaf.emplace_back(bytes, &connection);
    std::ranges::sort(deaf, std::greater(), [](auto& each) { return each.first; });
    auto left = part.answers.held()[kind];
    for (auto& [bytes, connection] : deaf) {
        if (left <= part.answers.bytes_max(kind) / 2) break;
        log_warning("{}: closed, it reads nothing of the {} bytes of answers that are held for it",
                    connection->socket().peer(), bytes);
        left -= bytes;
        connection->close();
        ++part.shard.counters().closed_deaf;
    }
}
// Closes what has been silent for too long: one coarse look, since a timer a connection costs far more.
Task<> KafkaDoor::sweep(Part& part) {
    ++part.running;
    auto& settings = part.broker.settings();
    while (!part.closing) {
        bool hasty = AnswerBudget::sum(part.answers.held()) > part.answers.small_bytes();
        part.sweeper.set(part.loop.now() + (hasty ? hasty_sweep_every : sweep_every));
        co_await part.sweeper;
        auto now = part.loop.now();
        for (auto& connection : part.connections) {
            connection.look_for_hangup();
            connection.look_for_reader();
            if (connection.idle_since(now + -settings.connections_idle_max)) {
                ++part.shard.counters().closed_idle;
                connection.close();
            }
            if (part.budget.short_of || connection.idle_since(now + -buffer_kept))
                connection.give_back_buffer();
        }
        part.shard.counters().request_buffer_bytes = part.budget.bytes;
        if (std::exchange(part.budget.short_of, false)) make_room(part);
        part.shard.counters().unsent_bytes = AnswerBudget::sum(part.answers.held());
        for (auto kind : AnswerBudget::kinds) {
            if (part.answers.waiting(kind) > 0) close_deaf(part, kind);
            part.answers.look_again(kind);
        }
        part.ended.notify(part.loop);  // More connections may be allowed by now.
    }
    --part.running;
    part.ended.notify(part.loop);
}

template <class F>
Task<> KafkaDoor::on_each(F action) {
    for (auto& part : parts_) {
        auto here = [&] { action(*part); };
        co_await call_on(part->loop, host_.cores[0]->loop, here);
    }
}

Task<> KafkaDoor::close() {
    auto& home = host_.cores[0]->loop;
    auto begin = [](Part& part) {
        part.closing = true;
        if (part.listener) part.listener->close();
        part.sweeper.wake();
        part.ended.notify(part.loop);
        for (auto& connection : part.connections) connection.drain();
        for (auto kind : AnswerBudget::kinds) part.answers.look_again(kind);
    };
    co_await on_each(begin);
    for (auto deadline = home.now() + drain_patience;;) {
        std::size_t left = 0;
        auto count = [&](Part& part) { left += part.connections.size() + std::size_t(part.running); };
        co_await on_each(count);
        if (left == 0) break;
        if (home.now() >= deadline) {
            auto end = [](Part& part) {
                part.shard.refuse_work();
                for (auto& connection : part.connections) connection.close();
            };
            co_await on_each(end);
        }
        // Looked at again and again: this waits for the ends of all cores' connections and for the deadline
        // at once, and it happens once in a life.
        co_await Timer(home, Millis(1));
    }
    auto destroy = [](Part& part) { part.listener.reset(); };
    co_await on_each(destroy);
    parts_.clear();
}

}  // namespace fulmar::kafka
