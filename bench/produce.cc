// How fast a broker acknowledges: a closed loop of Produce requests (acks=-1, one batch of one record each)
// over N connections, each with `depth` requests under way. One thread on one io_uring, pinned to a core, so
// that the server has the others to itself. It speaks Kafka, so any broker can be measured. Prints one JSON
// line.
#include <fmt/format.h>
#include <liburing.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <deque>
#include <thread>

#include "bench/caller.h"
#include "bench/frames.h"
#include "bench/histogram.h"

namespace fulmar::bench {

namespace {

using SteadyClock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

struct Options {
    std::string host = "127.0.0.1", topic = "bench";
    std::uint16_t port = 9092;
    int connections = 16, depth = 1, partitions = 1, cpu = -1;
    std::size_t frame_bytes = 1024;
    double seconds = 2, warm_up_seconds = 0.3;
};

// Creates the topic unless it is there, and waits until all of its partitions have leaders. Gives how many
// there are.
std::int32_t topic_made_ready(const Options& options) {
    constexpr std::int16_t exists_already = 36;
    Caller caller(options.host, options.port);
    auto versions = produce_versions(caller.call(api_versions_request(1)));
    if (!versions || versions->least > 9 || versions->most < 9) stop("the server does not speak Produce 9");
    auto errors =
        create_topics_errors(caller.call(create_topics_request(2, {options.topic}, options.partitions)));
    if (!errors || errors->size() != 1) stop("CreateTopics: an answer out of shape");
    auto error = errors->front();
    if (error != 0 && error != exists_already) stop("CreateTopics: error {}", error);
    for (int tries = 0; tries < 500; ++tries) {
        auto states = topic_states(caller.call(metadata_request(3, options.topic)));
        if (!states || states->size() != 1) stop("Metadata: an answer out of shape");
        if (states->front().ready()) return std::int32_t(states->front().partitions.size());
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    stop("topic {} has no leader", options.topic);
}

struct Connection {
    static constexpr int at_once_most = 7;  // Requests in one send: two pieces each.

    int fd = -1;
    ProduceFrame request;
    std::deque<SteadyClock::time_point> sent;  // Of what is under way, in order.
    std::int32_t next_correlation = 0, next_answer = 0;

    bool sending = false;
    std::array<std::string, at_once_most> heads;
    std::array<iovec, 2 * at_once_most> pieces{};
    std::size_t first_piece = 0, last_piece = 0;
    msghdr message{};

    std::array<std::byte, 64 * 1024> received;
    std::size_t received_bytes = 0;
};

class Load {
public:
    Load(const Options& options, std::int32_t partitions)
        : options_(options), connections_(options.connections) {
        io_uring_params parameters{};
        parameters.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
        parameters.cq_entries = 8192;
        if (int e = io_uring_queue_init_params(2048, &ring_, &parameters); e < 0)
            stop("no io_uring: {}", std::strerror(-e));
        auto now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                          std::chrono::system_clock::now().time_since_epoch())
                          .count();
        std::int32_t partition = 0;
        for (auto& connection : connections_) {
            connection.fd = connected_to(options.host, options.port);
            connection.request =
                produce_request(options.topic, partition++ % partitions, options.frame_bytes, now_ms);
        }
    }

    void run() {
        auto start = SteadyClock::now();
        for (auto& connection : connections_) {
            receive(connection);
            fill(connection, start);
        }
        for (;;) {
            __kernel_timespec patience{.tv_sec = 10, .tv_nsec = 0};
            io_uring_cqe* first = nullptr;
            if (io_uring_submit_and_wait_timeout(&ring_, &first, 1, &patience, nullptr) == -ETIME)
                stop("no answer for ten seconds");
            auto now = SteadyClock::now();
            if (!measuring_ && Seconds(now - start).count() > options_.warm_up_seconds) {
                measuring_ = true;
                measured_from_ = now;
            }
            unsigned head = 0, count = 0;
            io_uring_cqe* done = nullptr;
            io_uring_for_each_cqe(&ring_, head, done) {
                ++count;
                complete(done->user_data, done->res);
            }
            io_uring_cq_advance(&ring_, count);
            if (measuring_ && Seconds(now - measured_from_).count() > options_.seconds) break;
        }
    }

    void report() const {
        auto seconds = Seconds(SteadyClock::now() - measured_from_).count();
        auto rate = double(latencies_.total()) / seconds;
        auto frame = connections_.front().request.size();
        auto us = [&](double share) { return double(latencies_.quantile(share)) / 1000; };
        fmt::print(
            "{{\"requests\": {}, \"acknowledged\": {}, \"seconds\": {:.3f}, \"frame_bytes\": {}, "
            "\"requests_per_second\": {:.1f}, \"megabytes_per_second\": {:.2f}, "
            "\"p50_us\": {:.1f}, \"p99_us\": {:.1f}, \"p999_us\": {:.1f}}}\n",
            latencies_.total(), acknowledged_, seconds, frame, rate, rate * double(frame) / 1e6, us(0.5),
            us(0.99), us(0.999));
    }

private:
    // What completes is told by the connection's index, and in the lowest bit whether it was a send.
    static constexpr std::uint64_t was_send = 1;
    std::uint64_t mark_of(const Connection& connection) const {
        return std::uint64_t(&connection - connections_.data()) << 1;
    }

    io_uring_sqe* free_entry() {
        auto* entry = io_uring_get_sqe(&ring_);
        if (entry) return entry;
        io_uring_submit(&ring_);
        return io_uring_get_sqe(&ring_);
    }

    void receive(Connection& connection) {
        auto* entry = free_entry();
        io_uring_prep_recv(entry, connection.fd, connection.received.data() + connection.received_bytes,
                           connection.received.size() - connection.received_bytes, 0);
        io_uring_sqe_set_data64(entry, mark_of(connection));
    }

    void send(Connection& connection) {
        connection.message.msg_iov = &connection.pieces[connection.first_piece];
        connection.message.msg_iovlen = connection.last_piece - connection.first_piece;
        auto* entry = free_entry();
        io_uring_prep_sendmsg(entry, connection.fd, &connection.message, MSG_WAITALL | MSG_NOSIGNAL);
        io_uring_sqe_set_data64(entry, mark_of(connection) | was_send);
        connection.sending = true;
    }

    // Sends as many requests as keep `depth` of them under way.
    void fill(Connection& connection, SteadyClock::time_point now) {
        if (connection.sending) return;
        auto room = std::min(options_.depth - int(connection.sent.size()), Connection::at_once_most);
        if (room <= 0) return;
        connection.first_piece = connection.last_piece = 0;
        for (int i = 0; i < room; ++i) {
            auto& head = connection.heads[std::size_t(i)] = connection.request.head;
            store_big(reinterpret_cast<std::byte*>(head.data()) + ProduceFrame::correlation_at,
                      connection.next_correlation++);
            connection.pieces[connection.last_piece++] = {head.data(), head.size()};
            auto& body = connection.request.body;
            connection.pieces[connection.last_piece++] = {body.data(), body.size()};
            connection.sent.push_back(now);
        }
        send(connection);
    }

    void complete(std::uint64_t mark, int result) {
        auto& connection = connections_[mark >> 1];
        if (result <= 0) stop("the server hung up ({})", result);
        if (mark & was_send) {
            sent(connection, std::size_t(result));
        } else {
            connection.received_bytes += std::size_t(result);
            take_answers(connection);
            fill(connection, SteadyClock::now());
            receive(connection);
        }
    }

    void sent(Connection& connection, std::size_t bytes) {
        while (bytes > 0) {
            auto& piece = connection.pieces[connection.first_piece];
            auto part = std::min(bytes, piece.iov_len);
            piece.iov_base = static_cast<char*>(piece.iov_base) + part;
            piece.iov_len -= part;
            bytes -= part;
            if (piece.iov_len == 0) ++connection.first_piece;
        }
        if (connection.first_piece < connection.last_piece) return send(connection);
        connection.sending = false;
        fill(connection, SteadyClock::now());
    }

    void take_answers(Connection& connection) {
        auto left = Bytes(connection.received).first(connection.received_bytes);
        while (left.size() >= 4) {
            auto length = load_big<std::uint32_t>(left.data());
            if (length > connection.received.size() - 4) stop("an answer of {} bytes", length);
            if (left.size() < 4 + length) break;
            take_answer(connection, left.subspan(4, length));
            left = left.subspan(4 + length);
        }
        std::memmove(connection.received.data(), left.data(), left.size());
        connection.received_bytes = left.size();
    }

    void take_answer(Connection& connection, Bytes answer) {
        auto result = produced(answer);
        if (!result || connection.sent.empty()) stop("Produce: an answer out of shape");
        if (result->error != 0) stop("Produce: error {}", result->error);
        if (result->correlation != connection.next_answer++) stop("Produce: answers out of order");
        auto took = SteadyClock::now() - connection.sent.front();
        connection.sent.pop_front();
        ++acknowledged_;
        if (measuring_) latencies_.add(std::uint64_t(std::chrono::nanoseconds(took).count()));
    }

    const Options& options_;
    std::vector<Connection> connections_;
    io_uring ring_{};

    bool measuring_ = false;
    SteadyClock::time_point measured_from_;
    std::uint64_t acknowledged_ = 0;  // With those of the warm-up.
    Histogram latencies_;
};

}  // namespace

}  // namespace fulmar::bench

int main(int argc, char** argv) {
    using namespace fulmar::bench;
    Options options;
    CLI::App app("Measures how fast a Kafka broker acknowledges Produce requests.");
    app.add_option("--host", options.host, "IPv4 address of the broker")->capture_default_str();
    app.add_option("--port", options.port)->capture_default_str();
    app.add_option("--topic", options.topic, "created when it is not there")->capture_default_str();
    app.add_option("--partitions", options.partitions, "of the topic, if it is created")
        ->capture_default_str();
    app.add_option("--connections", options.connections)->check(CLI::Range(1, 1000))->capture_default_str();
    app.add_option("--depth", options.depth, "requests under way on each")
        ->check(CLI::Range(1, 100))
        ->capture_default_str();
    app.add_option("--size", options.frame_bytes, "of a request, its length word included")
        ->check(CLI::Range(256, 100'000'000))
        ->capture_default_str();
    app.add_option("--seconds", options.seconds)->capture_default_str();
    app.add_option("--warm-up", options.warm_up_seconds, "seconds before that")->capture_default_str();
    app.add_option("--cpu", options.cpu, "the core to run on")->capture_default_str();
    CLI11_PARSE(app, argc, argv);

    if (options.cpu >= 0) pin_to(options.cpu);
    auto partitions = topic_made_ready(options);
    auto load = std::make_unique<Load>(options, partitions);
    load->run();
    load->report();
    std::fflush(stdout);
    std::_Exit(0);  // Requests are under way: nothing to wait for, nothing to give back.
}
