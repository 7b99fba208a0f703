// A client in the simulated world that speaks the real protocol over simulated sockets.
#pragma once

#include <deque>

#include "door/kafka/receiver.h"
#include "wire/kafka/header.h"

namespace fulmar::sim {

// One connection. Answers are asked for in the order of the requests.
class Client {
public:
    Client(Seam& seam, Address server) : seam_(seam), server_(std::move(server)) {}

    Task<Result<>> connect() {
        socket_ = co_await co_await seam_.network.connect(server_);
        receiver_.emplace(budget_, 64U << 20);
        expected_.clear();
        co_return {};
    }
    bool connected() const { return socket_ != nullptr; }
    void disconnect() {
        socket_.reset();
        receiver_.reset();
    }

    template <class T>
    Task<Result<>> send(const T& request, int version) {
        expected_.push_back(++correlation_);
        auto frame = kafka::request_frame(request, version, correlation_, "simulated");
        co_return co_await socket_->send(std::move(frame));
    }
    // The body of the next answer. `damaged` when it answers another request than the oldest.
    template <class T>
    Task<Result<Frame>> receive(int version, Bytes& body) {
        while (receiver_->front() != kafka::Receiver::Front::whole) {
            if (receiver_->front() == kafka::Receiver::Front::bad) co_return std::unexpected(Error::damaged);
            auto space = receiver_->space();
            if (space.empty()) co_return std::unexpected(Error::exhausted);
            auto got = co_await co_await socket_->receive(space);
            receiver_->received(got);
        }
        auto frame = receiver_->take();
        auto response = kafka::open_response(frame.bytes(), kafka::flexible_response_header<T>(version));
        if (!response || expected_.empty() || response->correlation_id != expected_.front()) {
            ++out_of_order;
            co_return std::unexpected(Error::damaged);
        }
        expected_.pop_front();
        body = response->body;
        co_return frame;
    }

    static inline int out_of_order = 0;  // Answers to the wrong request, of all clients.

private:
    Seam& seam_;
    const Address server_;
    kafka::ReceiveBudget budget_{1U << 30, 0};
    std::shared_ptr<Socket> socket_;
    std::optional<kafka::Receiver> receiver_;
    std::int32_t correlation_ = 0;
    std::deque<std::int32_t> expected_;
};

// Sends one request and reads its answer, whose views live as long as `frame`.
template <class Q, class A>
Task<Result<A>> ask(Client& client, const Q& request, int version, Arena& arena, Frame& frame) {
    co_await co_await client.send(request, version);
    Bytes body;
    frame = co_await co_await client.receive<A>(version, body);
    auto decoded = wire::decode<A>(body, version, arena);
    if (!decoded) co_return std::unexpected(Error::damaged);
    co_return std::move(*decoded);
}

}  // namespace fulmar::sim
