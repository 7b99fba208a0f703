// Call and Answer: what a handler is given, and what it gives back. A handler sees one request, decodes it in
// place, asks the broker, and says what is to be sent. It never sees the socket.
#pragma once

#include "broker/broker.h"
#include "door/kafka/answer_budget.h"
#include "wire/kafka/first_error.h"
#include "wire/kafka/header.h"

namespace fulmar::kafka {

// Word from a connection that nobody waits for an answer any more. On the connection's core.
struct Hangup {
    bool happened = false;
    bool by_us = false;        // We close the connection, or stop: no long answer is begun any more.
    Timer* waiting = nullptr;  // Woken when it happens.
    Instant deadline{};        // Of that wait, or of the last one.
    void tell() {
        happened = true;
        if (waiting) waiting->wake();
    }
};

struct Call {
    Broker& broker;
    Shard& here;  // Of the connection's core, on which a handler begins and ends.
    const RequestHeader& header;
    Bytes body;   // Without the header's tags. A view of `frame`.
    Frame frame;  // A handler that waits for long lets go of it first.
    Hangup& hangup;
    AnswerBudget& answers;
    AnswerBudget::Kind kind;       // Of its answer.
    std::string_view client_host;  // As Kafka shows it: "/127.0.0.1".

    int version() const { return header.request_api_version; }
    Loop& loop() const { return here.seam.loop; }
    Seam& seam() const { return here.seam; }
};

struct Answer {
    enum class Then : std::uint8_t { send, nothing, close } then = Then::send;
    Pieces bytes;
    ErrorCode outcome{};  // The first error in it.
    static Answer none() { return {Then::nothing, Pieces()}; }
    // Not understood, or not to be answered: the connection goes, after the answers before it.
    static Answer close() { return {Then::close, Pieces()}; }
};

// What the arrays of one request may take, however large it is: half of this many bytes are a hundred
// thousand partitions, and each element costs its handler far more than it costs here.
inline constexpr std::size_t arrays_bytes_max = 8 << 20;
inline std::size_t arrays_budget(const Call& call) {
    return std::min(Arena::budget_for(call.body.size()), arrays_bytes_max);
}

// A text for people may quote what was asked for, and a string of the protocol holds no more than 32,767
// bytes.
inline constexpr std::size_t text_bytes_max = 1000;

using Handler = Task<Answer> (*)(Call& call);

// Whether an answer of about this size may be made now.
inline bool has_room(const Call& call, std::size_t about_bytes) {
    if (about_bytes <= call.answers.small_bytes()) return true;
    return !call.hangup.by_us && call.answers.has_room(call.kind);
}
// Waits for that. False: there is none, and nobody waits for the answer any more.
inline Task<bool> room_for_answer(Call& call, std::size_t about_bytes) {
    while (!has_room(call, about_bytes)) {
        if (call.hangup.happened) co_return false;
        co_await call.answers.changed(call.kind);
    }
    co_return true;
}
// The same for an answer that takes much memory while it is made: then it is one's turn too, which lasts
// until `describing.leave`.
inline Task<bool> turn_and_room_for_answer(Call& call, std::size_t about_bytes) {
    for (;;) {
        co_await call.here.describing.enter();
        if (has_room(call, about_bytes)) co_return true;
        call.here.describing.leave(call.loop());  // Smaller ones need not wait.
        if (!co_await room_for_answer(call, about_bytes)) co_return false;
    }
}

// Asks the controller, on its core, and comes home with what its task returned.
template <class Ask>
std::invoke_result_t<Ask&, ControllerHost&> ask_controller(Call& call, Ask ask) {
    auto& there = call.broker.controller_loop();
    bool elsewhere = &there != &call.loop();
    if (elsewhere) co_await Hop(there);
    auto told = co_await ask(call.broker.controller());
    if (elsewhere) co_await Hop(call.loop());
    co_return told;
}

// The whole of the request's message, or nothing when it is none.
template <class T>
std::optional<T> read(const Call& call, Arena& arena) {
    Bytes rest;  // Kafka ignores bytes behind the body (tests/reference/recorded).
    auto message = wire::decode<T>(call.body, call.version(), arena, &rest);
    if (!message) return std::nullopt;
    return std::move(*message);
}
template <class T>
Answer answer(const Call& call, const T& message) {
    auto frame = response_frame(message, call.version(), call.header.correlation_id);
    if (!is_frame(frame)) return Answer::close();
    return {Answer::Then::send, std::move(frame), first_error(message)};
}

}  // namespace fulmar::kafka
