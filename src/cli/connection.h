// A connection to a broker for a few questions: blocking, one request at a time, with our own messages,
// in the newest versions that both sides know. Nothing waits longer than a few seconds. What comes from
// the broker is not trusted.
#pragma once

#include <map>
#include <memory>

#include "base/address.h"
#include "cli/output.h"
#include "wire/kafka/header.h"
#include "wire/wire.h"

namespace fulmar::cli {

class Connection {
public:
    // Connects, and asks what the broker speaks. The error says what to do: nobody listens, no such host, no
    // answer, no broker.
    static std::expected<Connection, std::string> open(const Address& server);
    Connection(Connection&& other) noexcept
        : server_(std::move(other.server_)),
          socket_(std::exchange(other.socket_, -1)),
          last_id_(other.last_id_),
          spoken_(std::move(other.spoken_)) {}
    ~Connection();

    // An answer and the bytes that it views.
    template <class T> struct Answer {
        std::vector<std::byte> frame;
        std::unique_ptr<Arena> arena;
        T message;
        const T* operator->() const { return &message; }
    };
    // Whether the broker knows the API of a response at all.
    template <class T> bool serves() const { return spoken_.contains(T::key); }
    // In a version of `usable`, the newest that the broker speaks.
    template <class T, class Q>
    std::expected<Answer<T>, std::string> call(const Q& question, wire::Versions usable) {
        auto version = pick(T::key, {std::max(usable.first, T::oldest), std::min(usable.last, T::newest)});
        if (!version) return std::unexpected(version.error());
        return ask<T>(question, *version);
    }

private:
    Connection(Address server, int socket) : server_(std::move(server)), socket_(socket) {}
    template <class T, class Q> std::expected<Answer<T>, std::string> ask(const Q& question, int version) {
        auto frame = exchange(kafka::request_frame(question, version, ++last_id_, "fulmar-cli"));
        if (!frame) return std::unexpected(frame.error());
        Answer<T> answer{std::move(*frame), nullptr, {}};
        answer.arena = std::make_unique<Arena>(Arena::budget_for(answer.frame.size()));
        auto opened = kafka::open_response(answer.frame, kafka::flexible_response_header<T>(version));
        if (!opened || opened->correlation_id != last_id_) return std::unexpected(not_an_answer());
        auto message = wire::decode<T>(opened->body, version, *answer.arena);
        if (!message) return std::unexpected(not_an_answer());
        answer.message = *message;
        return answer;
    }
    std::expected<void, std::string> learn_versions();
    std::expected<int, std::string> pick(int key, wire::Versions usable) const;
    // The answer without its size in front.
    std::expected<std::vector<std::byte>, std::string> exchange(Pieces question);
    std::string not_an_answer() const;
    std::string lost(const char* doing) const;
    bool receive(std::span<std::byte> into);

    Address server_;
    int socket_ = -1;
    std::int32_t last_id_ = 0;
    std::map<int, wire::Versions> spoken_;  // By API key.
};

// "nobody listens on ...: start a broker with ...".
std::string nobody_listens(const Address& server);

}  // namespace fulmar::cli
