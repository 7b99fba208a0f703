// A whole node in the simulated world, and somebody who watches it over the simulated network.
#include "door/console/door.h"

#include <gtest/gtest.h>

#include "door/serve.h"
#include "tests/sim/client.h"
#include "tests/sim/coordination.h"
#include "tests/sim/node.h"
#include "wire/kafka/create_topics.h"
#include "wire/kafka/produce.h"

namespace fulmar::console {
namespace {

using sim::ModelStore;

const std::string health = "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string readiness = "GET /readyz HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string metrics = "GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n";

struct Scene {
    explicit Scene(std::uint64_t seed, int cores)
        : world(seed), broker(world, "broker", cores), office(world, "office", 1) {
        world.sends_per_reset = 0;
        auto settings = read_settings({});
        serving.settings = *settings;
        serving.owner = "simulated";
        serving.on_ready = [this](const Broker&) { ready = true; };
        serving.open_store =
            [this](Loop& loop,
                   const std::string&) -> std::expected<std::unique_ptr<coord::Store>, std::string> {
            return std::make_unique<ModelStore>(loop, state,
                                                ModelStore::World{[this] { return world.disk.next(); }});
        };
        broker.program = [this](Host& host) { return serve(host, serving); };
    }
    sim::World world;
    ModelStore::State state;
    Serving serving;
    sim::Node broker, office;
    bool ready = false, told = false;
};

class Visitor {
public:
    Visitor(Scene& scene, Seam& seam) : scene_(scene), seam_(seam) {}
    // Until somebody listens.
    Task<> connect() {
        for (;;) {
            auto socket = co_await seam_.network.connect({"broker", 9644});
            if (socket) {
                socket_ = std::move(*socket);
                co_return;
            }
            co_await Timer(seam_.loop, Millis(1));
        }
    }
    Task<Result<>> send(std::string text) {
        Pieces out;
        out.add(bytes_of(text));
        co_return co_await socket_->send(std::move(out));
    }
    // "200 ok\n"; "gone" when the connection ends first.
    Task<std::string> answer() {
        for (;;) {
            auto end = received_.find("\r\n\r\n");
            if (end != received_.npos) {
                auto at = received_.find("Content-Length: ") + 16;
                auto length = std::size_t(std::stoul(received_.substr(at)));
                if (received_.size() >= end + 4 + length) {
                    auto text = received_.substr(9, 4) + received_.substr(end + 4, length);
                    received_.erase(0, end + 4 + length);
                    co_return text;
                }
            }
            std::array<std::byte, 1000> some;
            auto got = co_await socket_->receive(some);
            if (!got) co_return "gone";
            received_ += text_of(Bytes(some).first(*got));
        }
    }
    Task<std::string> ask(std::string request) {
        auto sent = co_await send(std::move(request));
        if (!sent) co_return "gone";
        auto said = co_await answer();
        co_return said;
    }
    Loop& loop() { return seam_.loop; }
    Scene& scene() { return scene_; }

private:
    Scene& scene_;
    Seam& seam_;
    std::shared_ptr<Socket> socket_;
    std::string received_;
};

using Story = Task<> (*)(Scene& scene, Seam& seam);
Task<> tell_to_end(Story story, Scene& scene, Seam& seam) {
    co_await story(scene, seam);
    scene.told = true;
    if (scene.broker.alive()) scene.broker.request_stop();
}
// Under many seeds; in the end the broker has stopped and left nothing behind.
void tell(Story story) {
    for (std::uint64_t seed = 0; seed < 12 && !testing::Test::HasFailure(); ++seed) {
        SCOPED_TRACE(seed);
        Scene scene(seed, 1 + int(seed % 3));
        scene.office.program = [&](Host& host) { return tell_to_end(story, scene, *host.cores[0]); };
        scene.broker.boot();
        scene.office.boot();
        while (scene.world.step()) {}
        EXPECT_TRUE(scene.told);
        EXPECT_TRUE(scene.broker.ended_by_itself);
        EXPECT_EQ(scene.world.open_sockets, 0);
        EXPECT_EQ(scene.world.open_files, 0);
    }
}

// In all seeds together: in some the end comes before any answer does.
int refusals_seen = 0;

Task<> from_start_to_stop(Scene& scene, Seam& seam) {
    Visitor visitor(scene, seam);
    co_await visitor.connect();
    bool was_starting = false;
    for (;;) {
        bool ready = scene.ready;
        auto said = co_await visitor.ask(readiness);
        if (said == "200 ok\n") break;
        EXPECT_FALSE(ready);
        EXPECT_EQ(said, "503 starting: the logs are being recovered\n");
        was_starting = true;
        auto well = co_await visitor.ask(health);
        EXPECT_EQ(well, "200 ok\n");
        auto text = co_await visitor.ask(metrics);
        EXPECT_NE(text.find("\nfulmar_ready "), text.npos);
    }
    EXPECT_TRUE(was_starting);
    auto text = co_await visitor.ask(metrics);
    EXPECT_NE(text.find("\nfulmar_ready 1\n"), text.npos);
    EXPECT_NE(text.find("\nfulmar_requests_total{api=\"Produce\",error=\"none\"} 0\n"), text.npos);
    scene.broker.request_stop();
    for (std::string said; said != "gone";) {
        said = co_await visitor.ask(readiness);
        if (said != "gone") EXPECT_EQ(said, "503 stopping\n");
        refusals_seen += said != "gone";
    }
}
TEST(ConsoleDoor, readiness_comes_with_the_listener_and_goes_with_the_stop) {
    refusals_seen = 0;
    tell(from_start_to_stop);
    EXPECT_GT(refusals_seen, 0);
}

Task<> failing_disk(Scene& scene, Seam& seam) {
    Visitor visitor(scene, seam);
    co_await visitor.connect();
    for (std::string said; said != "200 ok\n";) said = co_await visitor.ask(readiness);
    sim::Client client(seam, {"broker", 9092});
    auto connected = co_await client.connect();
    EXPECT_TRUE(connected);
    kafka::CreateTopicsRequest::Topic topic;
    topic.name = "orders";
    topic.num_partitions = topic.replication_factor = 1;
    kafka::CreateTopicsRequest request;
    request.topics = std::span(&topic, 1);
    auto asked = co_await client.send(request, 7);
    EXPECT_TRUE(asked);
    Bytes body;
    auto made = co_await client.receive<kafka::CreateTopicsResponse>(7, body);
    EXPECT_TRUE(made);

    wire::BatchBuilder builder;
    builder.add(seam.loop.wall_clock(), std::nullopt, bytes_of("value"));
    auto records = builder.finish(wire::Codec::none, {});
    kafka::ProduceRequest::Partition part;
    part.records = kafka::Records{records, {}};
    kafka::ProduceRequest::Topic to;
    to.name = "orders";
    to.partition_data = std::span(&part, 1);
    kafka::ProduceRequest produce;
    produce.acks = -1;
    produce.timeout_ms = 30'000;
    produce.topic_data = std::span(&to, 1);
    scene.broker.power.fails_at = 1;
    auto sent = co_await client.send(produce, 9);
    EXPECT_TRUE(sent);
    for (std::string said; said != "gone";) {
        said = co_await visitor.ask(health);
        if (said == "gone" || said == "200 ok\n") continue;
        EXPECT_EQ(said, "503 the data directory ./fulmar-data failed\n");
        ++refusals_seen;
        said = co_await visitor.ask(metrics);
        if (said == "gone") continue;
        EXPECT_NE(said.find("\nfulmar_data_directory_failed{directory=\"./fulmar-data\"} 1\n"), said.npos);
        EXPECT_NE(said.find("\nfulmar_storage_failures_total{operation=\"write\"} 1\n"), said.npos);
    }
    EXPECT_TRUE(scene.serving.failure);
}
TEST(ConsoleDoor, a_data_directory_that_failed_shows_until_the_end) {
    refusals_seen = 0;
    tell(failing_disk);
    EXPECT_GT(refusals_seen, 0);
}

Task<> send_all(Visitor& visitor, std::string text) {
    auto sent = co_await visitor.send(std::move(text));
    EXPECT_TRUE(sent);
}
Task<> pipelined(Scene& scene, Seam& seam) {
    Visitor visitor(scene, seam);
    co_await visitor.connect();
    std::string all;
    for (int n = 0; n < 400; ++n) all += n % 7 == 0 ? "GET /x HTTP/1.1\r\nHost: h\r\n\r\n" : health;
    seam.loop.spawn(send_all(visitor, all));  // Who reads nothing meanwhile is not read from either.
    for (int n = 0; n < 400; ++n) {
        auto said = co_await visitor.answer();
        EXPECT_EQ(said.substr(0, 4), n % 7 == 0 ? "404 " : "200 ");
    }
    auto said = co_await visitor.ask("GET /healthz HTTP/1.0\r\n\r\n");
    EXPECT_EQ(said, "200 ok\n");
    said = co_await visitor.answer();
    EXPECT_EQ(said, "gone");
}
TEST(ConsoleDoor, requests_at_once_are_answered_in_their_order) { tell(pipelined); }

Task<> silent(Scene& scene, Seam& seam) {
    Visitor slow(scene, seam);
    co_await slow.connect();
    auto begun = seam.loop.now();
    for (std::string said; said.empty();) {  // A byte now and then does not count.
        auto sent = co_await slow.send("G");
        if (!sent) said = "gone";
        co_await Timer(seam.loop, Millis(1'000));
    }
    auto took = seam.loop.now() - begun;
    EXPECT_GE(took, ConsoleDoor::patience);
    EXPECT_LE(took, ConsoleDoor::patience + Millis(3'000));
}
TEST(ConsoleDoor, a_head_has_its_time) { tell(silent); }

Task<> crowd(Scene& scene, Seam& seam) {
    std::deque<Visitor> visitors;
    for (std::size_t n = 0; n < 3 * ConsoleDoor::connections_max; ++n) {
        visitors.emplace_back(scene, seam);
        co_await visitors.back().connect();
    }
    // Who came first and said nothing has made room.
    auto said = co_await visitors.back().ask(health);
    EXPECT_EQ(said, "200 ok\n");
    said = co_await visitors.front().ask(health);
    EXPECT_EQ(said, "gone");
}
TEST(ConsoleDoor, the_longest_silent_makes_room) { tell(crowd); }

Task<> deaf_crowd(Scene& scene, Seam& seam) {
    std::string more_than_fits;
    for (int n = 0; n < 20; ++n) more_than_fits += metrics;
    std::deque<Visitor> visitors;
    for (std::size_t n = 0; n < 2 * ConsoleDoor::connections_max; ++n) {
        visitors.emplace_back(scene, seam);
        co_await visitors.back().connect();
        (void)co_await visitors.back().send(more_than_fits);
    }
    Visitor late(scene, seam);
    co_await late.connect();
    auto begun = seam.loop.now();
    auto said = co_await late.ask(health);
    EXPECT_EQ(said, "200 ok\n");
    EXPECT_LT(seam.loop.now() - begun, ConsoleDoor::patience);
}
TEST(ConsoleDoor, who_never_reads_makes_room_too) { tell(deaf_crowd); }

Task<> long_head(Scene& scene, Seam& seam) {
    Visitor visitor(scene, seam);
    co_await visitor.connect();
    auto said = co_await visitor.ask(std::string(3 * HttpReader::head_bytes_max, 'G'));
    EXPECT_EQ(said.substr(0, 4), "431 ");
    said = co_await visitor.answer();
    EXPECT_EQ(said, "gone");
}
TEST(ConsoleDoor, an_answer_to_nonsense_arrives_before_the_end) { tell(long_head); }

}  // namespace
}  // namespace fulmar::console
