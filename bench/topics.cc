// Many topics on one broker: how long it takes until each of them has accepted a message, until Metadata has
// told of all, until all are deleted. And `limit`: what making and removing so many logs costs on this disk
// when a program does nothing else. Each prints one JSON line, times in seconds.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <deque>
#include <filesystem>
#include <thread>

#include "bench/caller.h"
#include "bench/frames.h"

namespace fulmar::bench {

namespace {

using SteadyClock = std::chrono::steady_clock;

struct Options {
    std::string host = "127.0.0.1", directory;
    std::uint16_t port = 9092;
    int topics = 10'000, connections = 16, depth = 32, threads = 6, cpu = -1;
};

class Stopwatch {
public:
    double seconds() const { return std::chrono::duration<double>(SteadyClock::now() - start_).count(); }

private:
    SteadyClock::time_point start_ = SteadyClock::now();
};

std::string topic_name(int n) { return fmt::format("topic-{}", n); }
std::vector<std::string> topic_names(int count) {
    std::vector<std::string> names;
    for (int n = 0; n < count; ++n) names.push_back(topic_name(n));
    return names;
}

// A connection that asks for the first message of every so many-th topic.
struct Connection {
    int fd = -1;
    int next = 0;             // The topic that is asked for next.
    std::deque<int> waiting;  // What is under way, in order.
    std::string received;
};

// A message to each topic, `depth` requests under way on each connection, until all are acknowledged.
class FirstMessages {
public:
    explicit FirstMessages(const Options& options)
        : options_(options), connections_(std::size_t(options.connections)) {
        for (int i = 0; i < options.connections; ++i) {
            auto& connection = connections_[std::size_t(i)];
            connection.fd = connected_to(options.host, options.port);
            connection.next = i;
        }
        // Made before, so that the client's part does not count.
        auto now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                          std::chrono::system_clock::now().time_since_epoch())
                          .count();
        for (int n = 0; n < options.topics; ++n) {
            auto frame = produce_request(topic_name(n), 0, 256, now_ms);
            store_big(reinterpret_cast<std::byte*>(frame.head.data()) + ProduceFrame::correlation_at,
                      std::int32_t(n));
            requests_.push_back(frame.head + frame.body);
        }
    }

    void run() {
        std::vector<pollfd> ready;
        for (auto& connection : connections_) {
            fill(connection);
            ready.push_back({.fd = connection.fd, .events = POLLIN, .revents = 0});
        }
        while (acknowledged_ < options_.topics) {
            if (::poll(ready.data(), nfds_t(ready.size()), 30'000) <= 0) stop("no answer for thirty seconds");
            for (std::size_t i = 0; i < ready.size(); ++i)
                if (ready[i].revents != 0) receive(connections_[i]);
        }
    }

private:
    void fill(Connection& connection) {
        std::string sent;
        while (connection.next < options_.topics && int(connection.waiting.size()) < options_.depth) {
            sent += requests_[std::size_t(connection.next)];
            connection.waiting.push_back(connection.next);
            connection.next += options_.connections;
        }
        if (!sent.empty() &&
            ::send(connection.fd, sent.data(), sent.size(), MSG_NOSIGNAL) != ssize_t(sent.size()))
            stop("the server hung up");
    }
    void receive(Connection& connection) {
        std::array<char, 16 * 1024> piece;
        auto got = ::recv(connection.fd, piece.data(), piece.size(), 0);
        if (got <= 0) stop("the server hung up");
        connection.received.append(piece.data(), std::size_t(got));
        Bytes left = bytes_of(connection.received);
        while (left.size() >= 4) {
            auto length = load_big<std::uint32_t>(left.data());
            if (left.size() - 4 < length) break;
            take_answer(connection, left.subspan(4, length));
            left = left.subspan(4 + length);
        }
        connection.received.erase(0, connection.received.size() - left.size());
        fill(connection);
    }
    void take_answer(Connection& connection, Bytes answer) {
        auto result = produced(answer);
        if (!result || connection.waiting.empty()) stop("Produce: an answer out of shape");
        if (result->correlation != connection.waiting.front()) stop("Produce: answers out of order");
        if (result->error != 0)
            stop("Produce to {}: error {}", topic_name(connection.waiting.front()), result->error);
        connection.waiting.pop_front();
        ++acknowledged_;
    }

    const Options& options_;
    std::vector<Connection> connections_;
    std::vector<std::string> requests_;
    int acknowledged_ = 0;
};

void create(const Options& options) {
    Caller caller(options.host, options.port);
    FirstMessages first(options);
    auto request = create_topics_request(1, topic_names(options.topics), 1);
    Stopwatch all;
    auto errors = create_topics_errors(caller.call(request));
    auto created = all.seconds();
    if (!errors || int(errors->size()) != options.topics) stop("CreateTopics: an answer out of shape");
    for (auto error : *errors)
        if (error != 0) stop("CreateTopics: error {}", error);
    first.run();
    auto done = all.seconds();
    fmt::print("{{\"created\": {:.3f}, \"first_messages\": {:.3f}, \"all\": {:.3f}}}\n", created,
               done - created, done);
}

// The best of ten.
void metadata(const Options& options) {
    Caller caller(options.host, options.port);
    auto request = metadata_of_all_request(1);
    double best = 0;
    std::size_t size = 0;
    for (int turn = 0; turn < 10; ++turn) {
        Stopwatch one;
        auto answer = caller.call(request);
        auto took = one.seconds();
        auto states = topic_states(answer);
        if (!states || int(states->size()) != options.topics) stop("Metadata: not all topics");
        if (!std::ranges::all_of(*states, &TopicState::ready)) stop("Metadata: a topic is not ready");
        best = turn == 0 ? took : std::min(best, took);
        size = answer.size();
    }
    fmt::print("{{\"metadata\": {:.4f}, \"bytes\": {}}}\n", best, size);
}

std::size_t directories_of_topics(const std::string& directory) {
    std::size_t count = 0;
    for (auto& entry : std::filesystem::directory_iterator(directory))
        count += entry.path().filename().string().starts_with("topic-");
    return count;
}
void remove(const Options& options) {
    Caller caller(options.host, options.port);
    auto request = delete_topics_request(1, topic_names(options.topics));
    if (directories_of_topics(options.directory) != std::size_t(options.topics))
        stop("{} is not its data directory", options.directory);
    Stopwatch all;
    auto errors = delete_topics_errors(caller.call(request));
    auto answered = all.seconds();
    if (!errors || int(errors->size()) != options.topics) stop("DeleteTopics: an answer out of shape");
    for (auto error : *errors)
        if (error != 0) stop("DeleteTopics: error {}", error);
    while (directories_of_topics(options.directory) > 0) {
        if (all.seconds() > 120) stop("files of deleted topics are still there");
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    fmt::print("{{\"answered\": {:.3f}, \"files_gone\": {:.3f}}}\n", answered, all.seconds());
}

// A directory with a file of one small batch, such that a power cut right behind leaves it there.
void make_log(int root, const std::string& name, const std::string& batch) {
    bool made = ::mkdirat(root, name.c_str(), 0755) == 0;
    int directory = made ? ::openat(root, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int file = directory < 0 ? -1 : ::openat(directory, "0.log", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (file < 0 || ::pwrite(file, batch.data(), batch.size(), 0) != ssize_t(batch.size()) ||
        ::fdatasync(file) < 0 || ::fsync(directory) < 0 || ::fsync(root) < 0)
        stop("{}: {}", name, std::strerror(errno));
    ::close(file);
    ::close(directory);
}
void remove_log(int root, const std::string& name) {
    if (::unlinkat(root, (name + "/0.log").c_str(), 0) < 0 ||
        ::unlinkat(root, name.c_str(), AT_REMOVEDIR) < 0)
        stop("{}: {}", name, std::strerror(errno));
}
template <class Work>
double for_each_topic(const Options& options, Work work) {
    Stopwatch all;
    std::atomic<int> next = 0;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < options.threads; ++i)
            threads.emplace_back([&] {
                for (int n; (n = next++) < options.topics;)
                    work(topic_name(n) + "-0.dGhlIGlkIG9mIGEgdG9waWM");
            });
    }
    return all.seconds();
}
void limit(const Options& options) {
    int root = ::open(options.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) stop("{}: {}", options.directory, std::strerror(errno));
    std::string batch(180, 'x');
    auto made = for_each_topic(options, [&](const std::string& name) { make_log(root, name, batch); });
    auto removed = for_each_topic(options, [&](const std::string& name) { remove_log(root, name); });
    fmt::print("{{\"made\": {:.3f}, \"removed\": {:.3f}}}\n", made, removed);
}

}  // namespace

}  // namespace fulmar::bench

int main(int argc, char** argv) {
    using namespace fulmar::bench;
    Options options;
    CLI::App app("Measures a Kafka broker with many topics.");
    app.require_subcommand(1);
    app.add_option("--topics", options.topics, "of one partition each")
        ->check(CLI::Range(1, 100'000))
        ->capture_default_str();
    app.add_option("--cpu", options.cpu, "the core to run on");
    auto verb = [&](const char* name, const char* what, void (*work)(const Options&)) {
        auto* command = app.add_subcommand(name, what);
        command->callback([&options, work] {
            if (options.cpu >= 0) pin_to(options.cpu);
            work(options);
        });
        return command;
    };
    auto* creates = verb("create", "creates them and sends a message to each", create);
    auto* asks = verb("metadata", "asks for all of them", metadata);
    auto* deletes = verb("delete", "deletes them, and waits until the files are gone", remove);
    auto* limits = verb("limit", "makes and removes as many logs on the disk", limit);
    for (auto* command : {creates, asks, deletes}) {
        command->add_option("--host", options.host, "IPv4 address of the broker")->capture_default_str();
        command->add_option("--port", options.port)->capture_default_str();
    }
    creates->add_option("--connections", options.connections)
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    creates->add_option("--depth", options.depth, "requests under way on each")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    deletes->add_option("--data", options.directory, "of the broker")->required();
    limits->add_option("--directory", options.directory, "to make them in")->required();
    limits->add_option("--threads", options.threads)->check(CLI::Range(1, 64))->capture_default_str();
    CLI11_PARSE(app, argc, argv);
}
