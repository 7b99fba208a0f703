// Connection: one client. It cuts requests out of the stream, runs their handlers and sends the answers in
// the order of the requests. Produces of one connection overlap; every other request runs alone. Lives on
// one core, and ends only when nothing of it runs any more.
//
// It begins nothing while it holds more than a small answer that has not left, nor a large request other than
// a Produce while its core holds too much of such (AnswerBudget).
#pragma once

#include <deque>

#include "base/planted.h"
#include "door/kafka/receiver.h"
#include "door/kafka/routes.h"

namespace fulmar::kafka {

class Connection {
public:
    // Requests under way at once; then the socket is not read. As many as Kafka's producers send by default
    // (max.in.flight.requests.per.connection), and idempotent ones at most.
    static constexpr std::size_t in_flight_max = 5;
    // So long a connection that got no buffer waits for one before it is closed.
    static constexpr Millis buffer_patience{10'000};
    static constexpr Millis buffer_retry{50};
    // Answers leave in one send up to this size: it costs a copy, and a larger one is never copied.
    static constexpr std::size_t joined_bytes_max = 64 << 10;

    Connection(Broker& broker, Shard& here, ReceiveBudget& requests, AnswerBudget& answers,
               std::shared_ptr<Socket> socket);
    // Until the peer or we close it, and all that it asked for has ended.
    Task<> run();

    // No more requests; answers that are due still leave.
    void drain();
    // At once.
    void close();
    const Socket& socket() const { return *socket_; }

    // Nothing under way, but that the peer may be slow to read, and nothing heard since then.
    bool idle_since(Instant before) const { return handlers_ == 0 && heard_ < before; }
    // Who is not listened to, since others of its requests are under way, may have gone meanwhile: then
    // nobody waits for these any more.
    void look_for_hangup() {
        if (muted_ && !hangup_.happened && socket_->peer_ended()) hangup_.tell();
    }
    // What it holds of a request that began to arrive before then, and has not all come yet.
    std::size_t unfinished_bytes(Instant before) const {
        return slots_.empty() && !muted_ && !receiver_.empty() && begun_ < before ? receiver_.room() : 0;
    }
    // Whether the peer has taken something of its answers since the last look.
    void look_for_reader() {
        if (!leaving_) return;
        auto left = leaving_->size() + socket_->untaken_bytes();
        if (std::exchange(left_, left) != left) taken_ = loop_.now();
    }
    // What it holds of answers of which the peer has taken nothing since then, as far as was looked.
    std::uint64_t unread_bytes(Instant since, AnswerBudget::Kind kind) const {
        return leaving_ && !broken_ && taken_ <= since ? held_[kind] : 0;
    }
    // Of one that waits for its next request. Whoever waits to fill a buffer keeps it.
    void give_back_buffer() {
        if (waits_unlent_ || (planted(Bug::receive_buffer_freed) && receiver_.empty())) receiver_.give_back();
    }

private:
    struct Slot {
        AnswerBudget::Kind kind;
        std::optional<Answer> answer;
    };
    enum class Step : std::uint8_t { dispatched, muted, crowded, more, over };
    Step dispatch();
    Task<> handle(Frame frame, RequestHeader header, Bytes body, const Route& route, Slot& slot);
    void answered(Slot& slot, Answer answer);
    void count(const Route& route, const Answer& answer, std::chrono::microseconds took);
    Task<> ring_late(Instant deadline);  // Planted.
    Task<> send();
    Task<bool> receive();
    bool failed(Error why);

    Broker& broker_;
    Shard& here_;
    Loop& loop_;
    std::shared_ptr<Socket> socket_;
    const std::string client_host_;
    Receiver receiver_;
    AnswerBudget& answers_;
    Hangup hangup_;
    std::deque<Slot> slots_;  // Of requests under way, in their order. A deque: they do not move.
    std::size_t alone_ = 0;   // Of those under way, how many run alone: 0 or 1.
    bool draining_ = false, broken_ = false, sending_ = false, muted_ = false;
    bool waits_unlent_ = false;  // For something to receive; the buffer is not the socket's meanwhile.
    int handlers_ = 0;
    AnswerBudget::Held held_{};        // Of answers that have not left.
    const Pieces* leaving_ = nullptr;  // What the socket has yet to take.
    std::uint64_t left_ = 0;           // When it was looked last: of that, and of what lies before the peer.
    Instant taken_;
    Instant heard_, begun_;  // When something came; when what is buffered began to.
    Signal progress_;
};

}  // namespace fulmar::kafka
