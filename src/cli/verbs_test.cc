// The verbs against librdkafka's mock of a cluster: what is produced is consumed, and errors say what to
// do next. What the mock cannot do (make topics, know their ids) is tested against Fulmar itself.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <climits>

#include <nlohmann/json.hpp>
#include <thread>

#include "broker/settings.h"
#include "cli/command.h"
#include "cli/connection.h"
#include "cli/serve.h"

namespace fulmar::cli {
namespace {

using nlohmann::json;
using Words = std::vector<std::string>;

struct Ran {
    int code;
    std::string out, err;
};
Ran run(Words words, std::function<int(const ServeOptions&)> serve = {}) {
    words.insert(words.begin(), "fulmar");
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    int code = run_command(int(argv.size()), argv.data(), serve);
    return {code, testing::internal::GetCapturedStdout(), testing::internal::GetCapturedStderr()};
}

// A socket that listens on a free port, and answers nothing.
class Silent {
public:
    Silent() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        auto* any = reinterpret_cast<sockaddr*>(&at);
        socklen_t size = sizeof at;
        EXPECT_EQ(::bind(fd_, any, size), 0);
        EXPECT_EQ(::listen(fd_, 1), 0);
        EXPECT_EQ(::getsockname(fd_, any, &size), 0);
        port = ntohs(at.sin_port);
    }
    Silent(const Silent&) = delete;
    ~Silent() { ::close(fd_); }
    int accept() const { return ::accept(fd_, nullptr, nullptr); }
    std::uint16_t port = 0;

private:
    int fd_;
};

class Verbs : public testing::Test {
protected:
    Verbs() {
        char why[256];
        auto* conf = rd_kafka_conf_new();
        rd_kafka_conf_set_log_cb(conf, nullptr);
        client_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
        cluster_ = rd_kafka_mock_cluster_new(client_, 1);
        server_ = rd_kafka_mock_cluster_bootstraps(cluster_);
        rd_kafka_mock_topic_create(cluster_, "orders", 1, 1);
        rd_kafka_mock_topic_create(cluster_, "many", 7, 1);
    }
    ~Verbs() override {
        rd_kafka_mock_cluster_destroy(cluster_);
        rd_kafka_destroy(client_);
    }
    Ran verb(Words words) {
        words.insert(words.end(), {"--server", server_});
        return run(std::move(words));
    }
    void expect_failure(Words words, std::string_view text) {
        auto ran = verb(std::move(words));
        EXPECT_EQ(ran.code, exit_failed);
        EXPECT_NE(ran.err.find(text), std::string::npos) << ran.err;
        EXPECT_EQ(ran.out, "");
    }

    rd_kafka_t* client_ = nullptr;
    rd_kafka_mock_cluster_t* cluster_ = nullptr;
    std::string server_;
};

TEST_F(Verbs, what_is_produced_is_consumed) {
    auto ran = verb({"produce", "orders", "one"});
    EXPECT_EQ(ran.code, exit_done) << ran.err;
    EXPECT_EQ(ran.err, "1 message to orders: partition 0, offset 0\n");
    EXPECT_EQ(ran.out, "");
    EXPECT_EQ(verb({"produce", "orders", "two", "three", "--codec", "zstd"}).err, "2 messages to orders\n");
    EXPECT_EQ(verb({"consume", "orders", "--until-end"}).out, "one\ntwo\nthree\n");
    EXPECT_EQ(verb({"consume", "orders", "--count", "2"}).out, "one\ntwo\n");
    EXPECT_EQ(verb({"consume", "orders", "--from", "1", "--count", "1"}).out, "two\n");
    EXPECT_EQ(verb({"consume", "orders", "--from", "end", "--until-end"}).out, "");
}

TEST_F(Verbs, json_shows_the_whole_message) {
    auto ran =
        verb({"produce", "orders", "v\n\"", "--key", "k", "--header", "a=1", "--header", "a=2", "--json"});
    EXPECT_EQ(json::parse(ran.out), (json{{"topic", "orders"}, {"partition", 0}, {"offset", 0}}));
    auto message = json::parse(verb({"consume", "orders", "--until-end", "--json"}).out);
    EXPECT_GT(message["timestamp_ms"], 1'600'000'000'000);
    message.erase("timestamp_ms");
    EXPECT_EQ(
        message,
        (json{{"topic", "orders"},
              {"partition", 0},
              {"offset", 0},
              {"key", "k"},
              {"value", "v\n\""},
              {"headers", json::array({{{"name", "a"}, {"value", "1"}}, {{"name", "a"}, {"value", "2"}}})}}));
}

TEST_F(Verbs, one_message_is_shown_with_what_surrounds_it) {
    verb({"produce", "orders", "zero", "one", "--key", "k", "--header", "h=v"});
    auto ran = verb({"consume", "orders", "--at", "1"});
    EXPECT_EQ(ran.code, exit_done) << ran.err;
    for (auto text : {"topic orders, partition 0, offset 1 of 0 to 1\n", "key      k\n", "header   h=v\n",
                      "value    3 bytes\n\none\n"})
        EXPECT_NE(ran.out.find(text), std::string::npos) << ran.out;
    EXPECT_EQ(json::parse(verb({"consume", "orders", "--at", "0", "--json"}).out)["value"], "zero");
    expect_failure({"consume", "orders", "--at", "2"},
                   "offset 2 of partition 0 is not written yet: the next will be 2");
    expect_failure({"consume", "many", "--at", "2"}, "topic many has 7 partitions");
}

TEST_F(Verbs, a_key_goes_where_javas_clients_put_it) {
    // What Java's clients take as the hash of these keys (murmur2 as Kafka has it).
    for (auto& [key, hash] :
         std::vector<std::pair<std::string, int>>{{"21", -973932308},
                                                  {"foobar", -790332482},
                                                  {"a-little-bit-long-string", -985981536},
                                                  {"a-little-bit-longer-string", -1486304829}}) {
        auto ran = verb({"produce", "many", "x", "--key", key, "--json"});
        EXPECT_EQ(json::parse(ran.out)["partition"], (hash & INT_MAX) % 7) << key;
    }
    EXPECT_EQ(json::parse(verb({"produce", "many", "x", "--partition", "2", "--json"}).out)["partition"], 2);
    expect_failure({"produce", "many", "x", "--partition", "7"}, "has no partition 7: it has 7, from 0 to 6");
}

TEST_F(Verbs, topics_are_listed_and_described) {
    EXPECT_EQ(verb({"topic", "list"}).out, "NAME    PARTITIONS\nmany    7\norders  1\n");
    auto described = json::parse(verb({"topic", "describe", "many", "--json"}).out);
    EXPECT_EQ(described["name"], "many");
    EXPECT_EQ(described["partitions"].size(), 7U);
    EXPECT_EQ(described["partitions"][3]["partition"], 3);
    EXPECT_EQ(described["partitions"][3]["isr"].size(), 1U);
    EXPECT_NE(verb({"topic", "describe", "orders"}).out.find("PARTITION  LEADER"), std::string::npos);
}

TEST_F(Verbs, a_mistyped_topic_gets_the_nearest) {
    rd_kafka_mock_topic_set_error(cluster_, "oders", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    expect_failure({"consume", "oders"}, "there is no topic oders; did you mean orders?");
    expect_failure({"topic", "describe", "oders"}, "there is no topic oders; did you mean orders?");
}

TEST(VerbsWithoutABroker, nobody_listening_is_said_with_how_to_start_one) {
    auto server = "127.0.0.1:" + std::to_string(Silent().port);
    for (auto& words :
         std::vector<Words>{{"topic", "list"}, {"produce", "orders", "x"}, {"consume", "orders"}}) {
        auto with = words;
        with.insert(with.end(), {"--server", server});
        auto ran = run(with);
        EXPECT_EQ(ran.code, exit_failed);
        EXPECT_TRUE(ran.err.starts_with("fulmar: nobody listens on " + server + ": start a broker there"))
            << ran.err;
    }
    auto ran = run({"topic", "list", "--server", "no-such-host.invalid:9092"});
    EXPECT_NE(ran.err.find("there is no host no-such-host.invalid"), std::string::npos) << ran.err;
}

TEST(VerbsWithoutABroker, what_is_no_broker_is_told_apart) {
    for (auto& answer : std::vector<std::string>{"HTTP/1.1 400 Bad Request\r\n\r\n", "",
                                                 std::string("\0\0\0\2xx", 6), "\x7f\xff\xff\xff"}) {
        Silent other;
        std::thread answering([&] {
            int fd = other.accept();
            char asked[256];
            EXPECT_GT(::recv(fd, asked, sizeof asked, 0), 0);
            EXPECT_EQ(::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL), ssize_t(answer.size()));
            ::close(fd);
        });
        auto ran = run({"topic", "list", "--server", "127.0.0.1:" + std::to_string(other.port)});
        answering.join();
        EXPECT_EQ(ran.code, exit_failed);
        EXPECT_TRUE(ran.err.find("is it one?") != ran.err.npos || ran.err.find("broke while") != ran.err.npos)
            << ran.err;
    }
}

TEST(Serve, what_was_asked_for_is_handed_on) {
    std::optional<ServeOptions> served;
    auto ran = run({"serve", "--listen", "127.0.0.1:1"}, [&](const ServeOptions& options) {
        served = options;
        return 7;
    });
    EXPECT_EQ(ran.code, 7);
    ASSERT_TRUE(served);
    EXPECT_EQ(served->listen, "127.0.0.1:1");
    ran = run({"serve", "--settings"}, [](const ServeOptions&) { return 9; });
    EXPECT_EQ(ran.code, exit_done);
    EXPECT_EQ(ran.out, describe_settings());
    EXPECT_EQ(run({"version"}).out.substr(0, 9), "fulmar 0.");
    EXPECT_EQ(run({"srve"}).code, exit_usage);
}

TEST(Serve, options_are_settings_of_the_strongest_kind) {
    ServeOptions options;
    options.listen = "127.0.0.1:7";
    options.data = {"/data", "/more"};
    options.sets = {{"listeners", "127.0.0.1:8"}, {"cores", "3"}};
    auto settings = settings_of(options);
    ASSERT_TRUE(settings) << settings.error();
    EXPECT_EQ(settings->listen.port, 7);
    EXPECT_EQ(settings->data_directories, (std::vector<std::string>{"/data", "/more"}));
    EXPECT_EQ(settings->cores, 3);
    options.listen = "10.0.0.1";
    options.sets = {{"core", "3"}};
    settings = settings_of(options);
    ASSERT_FALSE(settings);
    EXPECT_EQ(settings.error(),
              "--set core=3: there is no setting \"core\"; did you mean cores?\n"
              "--listen 10.0.0.1: listeners cannot be \"10.0.0.1\": it takes HOST:PORT");
    options.config = "/no/such/file.toml";
    EXPECT_EQ(settings_of(options).error(),
              "--config /no/such/file.toml: cannot be read: No such file or directory");
}

TEST(Serve, who_holds_a_port_is_found) {
    Silent holder;
    auto text = explain_taken({"127.0.0.1", holder.port});
    EXPECT_NE(text.find("taken by process " + std::to_string(::getpid()) + " ("), text.npos) << text;
    EXPECT_NE(text.find("--listen 127.0.0.1:"), text.npos) << text;
    EXPECT_NE(explain_taken({"127.0.0.1", 1}).find("taken by another process"), std::string::npos);
}

TEST(Serve, the_welcome_can_be_typed_as_it_stands) {
    Settings settings{};
    settings.advertised = {"127.0.0.1", 9092};
    settings.durability = Durability::disk;
    auto text = welcome(settings, "build/release/fulmar");
    EXPECT_NE(text.find(" build/release/fulmar produce orders hello\n"), text.npos) << text;
    EXPECT_NE(text.find("is on disk"), text.npos) << text;
    settings.advertised.port = 7;
    settings.durability = Durability::page_cache;
    text = welcome(settings, "fulmar");
    EXPECT_NE(text.find(" fulmar consume orders --server 127.0.0.1:7\n"), text.npos) << text;
    EXPECT_NE(text.find(" fulmar consume orders --group billing --server 127.0.0.1:7\n"), text.npos) << text;
    EXPECT_EQ(text.find("is on disk"), text.npos) << text;
}

TEST(Serve, a_directory_that_cannot_be_is_explained) {
    EXPECT_EQ(explain_unopened("/proc/version/a/b", Error::failed),
              "the data directory /proc/version/a/b cannot be opened: /proc/version is a file; name a "
              "directory with "
              "--data");
    EXPECT_EQ(
        explain_unopened("/proc/no-such/a", Error::refused),
        "the data directory /proc/no-such/a cannot be opened: this user may not write in /proc; name another "
        "directory with --data");
    EXPECT_EQ(explain_unopened("none/b", Error::full),
              "the data directory none/b cannot be opened: no space left on the disk");
}

TEST(Serve, listening_sockets_are_read_from_the_kernels_table) {
    constexpr auto text =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        "   0: 0100007F:2384 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12345 1 "
        "0 100 0\n"
        "   1: 0100007F:2384 0100007F:A1B2 01 00000000:00000000 00:00000000 00000000     0        0 777 1 0 "
        "20 4\n"
        "   2: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 888 1 0 "
        "100 0\n"
        "   3: short\n";
    EXPECT_EQ(listening_inodes(text, 9092), (std::vector<std::uint64_t>{12345}));
    EXPECT_EQ(listening_inodes(text, 8080), (std::vector<std::uint64_t>{888}));
    EXPECT_TRUE(listening_inodes(text, 1).empty());
    EXPECT_TRUE(listening_inodes("", 9092).empty());
}

}  // namespace
}  // namespace fulmar::cli
