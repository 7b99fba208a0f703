#include "broker/machine_host.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <variant>

#include "tests/sim/node.h"

namespace fulmar {
namespace {

using kafka::ErrorCode;
const PartitionId notes{uuid_from(7, 7), 0};
const std::string name = partition_directory_name("notes", notes);

// A machine that keeps texts by name, and who waits for the next.
class Notebook {
public:
    struct Write {
        std::string key, text;
        Ticket waits{};  // Not a text, but one who waits.
    };
    struct Read {
        std::string key;
    };
    struct Wait {};
    struct WriteAll {
        std::vector<Write> all;
    };
    using Command = std::variant<Write, Read, Wait, WriteAll>;
    using Answer = std::string;
    using Event = Write;
    using Duty = int;

    Decision<Notebook> decide(const Command& command, Ticket ticket, Clocks) const {
        Decision<Notebook> decision;
        if (auto* write = std::get_if<Write>(&command)) {
            decision.events.push_back(*write);
            decision.answers.emplace_back(ticket, "written");
            for (auto waits : waiting_) decision.answers.emplace_back(waits, write->text);
        } else if (std::holds_alternative<Wait>(command)) {
            decision.events.push_back({"", "", ticket});
        } else if (auto* many = std::get_if<WriteAll>(&command)) {
            decision.events = many->all;
            decision.answers.emplace_back(ticket, "written");
        } else {
            auto at = texts_.find(std::get<Read>(command).key);
            decision.answers.emplace_back(ticket, at == texts_.end() ? "" : at->second);
        }
        return decision;
    }
    Decision<Notebook> settle(Clocks) const { return {}; }
    std::optional<Instant> deadline() const { return std::nullopt; }
    std::vector<Duty> owed() const { return {}; }
    void apply(const Event& event) {
        if (!durable(event)) return waiting_.push_back(event.waits);
        texts_[event.key] = event.text;
        waiting_ = std::vector<Ticket>();
    }
    static bool durable(const Event& event) { return event.waits == Ticket{}; }
    const std::map<std::string, std::string>& texts() const { return texts_; }

private:
    std::map<std::string, std::string> texts_;
    std::vector<Ticket> waiting_;
};
struct NotebookCodec {
    static std::vector<std::byte> owned(std::string_view text) {
        auto bytes = std::as_bytes(std::span(text));
        return {bytes.begin(), bytes.end()};
    }
    static StoredRecord write(const Notebook::Event& event) { return {owned(event.key), owned(event.text)}; }
    static std::expected<std::optional<Notebook::Event>, std::string> read(Bytes key,
                                                                           std::optional<Bytes> value) {
        if (!value) return std::unexpected("it has no text");
        return Notebook::Write{std::string(text_of(key)), std::string(text_of(*value)), {}};
    }
};
using Keeper = MachineHost<Notebook, NotebookCodec>;
using Asked = std::shared_ptr<Reply<Keeper::Answer>>;

// A host on a simulated core, over a partition whose disk outlives it.
struct Stage {
    Stage(Host& host, sim::Node& n)
        : node(n),
          seam(*host.cores[0]),
          directories(),
          budget(directories.emplace_back(0, false, *host.data[0], seam, 1 << 20).budget),
          context{seam, directories},
          partition(std::make_shared<Partition>(
              context, notes, name, 5,
              PartitionRules{cluster::produce_rules({}, {}), cluster::log_rules({}, {})})) {}
    void start(std::size_t read_bytes = 1 << 20) {
        Keeper::Options options{.name = "the notebook",
                                .clocks = [this] { return seam.loop.clocks(); },
                                .make = [] { return Notebook(); },
                                .read_bytes = read_bytes};
        host = std::make_unique<Keeper>(seam, pace, partition, std::move(options));
        seam.loop.spawn(host->run());
    }
    Task<> serving() {
        for (int n = 0; n < 10'000 && !host->serving(); ++n) co_await Timer(seam.loop, Millis(1));
        EXPECT_TRUE(host->serving());
    }
    Task<> stop() {
        host->stop();
        while (host->running()) co_await host->ended().wait();
    }
    // What is said at once, or later.
    Asked submit(const Notebook::Command& command) {
        auto reply = std::make_shared<Reply<Keeper::Answer>>(seam.loop);
        if (auto at_once = host->submit(command, reply)) reply->value = *at_once;
        return reply;
    }
    Task<Keeper::Answer> told(Asked reply) {
        for (int n = 0; n < 10'000 && !reply->value; ++n) co_await Timer(seam.loop, Millis(1));
        EXPECT_TRUE(reply->value);
        co_return reply->value.value_or(std::unexpected(HostRefusal::lost));
    }
    Task<Keeper::Answer> tell(Notebook::Command command) { co_return co_await told(submit(command)); }

    sim::Node& node;
    Seam& seam;
    std::deque<DirectoryShare> directories;
    DiskBudget& budget;
    PartitionContext context;
    WritePace pace{seam.loop};
    std::shared_ptr<Partition> partition;
    std::unique_ptr<Keeper> host;
};

Task<> play(Host& host, sim::Node& node, Task<> (*story)(Stage&), bool& ended) {
    Stage stage(host, node);
    co_await story(stage);
    if (stage.host) co_await stage.stop();
    for (int n = 0; n < 10'000 && !stage.partition->at_rest(); ++n)
        co_await Timer(stage.seam.loop, Millis(1));
    ended = true;
}
void tell(Task<> (*story)(Stage&)) {
    for (std::uint64_t seed = 0; seed < 20 && !testing::Test::HasFailure(); ++seed) {
        SCOPED_TRACE(seed);
        sim::World simulated(seed);
        sim::Node node(simulated, "node", 1);
        bool ended = false;
        node.program = [&](Host& host) { return play(host, node, story, ended); };
        node.boot();
        while (simulated.step()) {}
        EXPECT_TRUE(ended);
    }
}

// Batches of one to a few records, of many sizes.
Task<std::map<std::string, std::string>> write_many(Stage& stage) {
    std::vector<Asked> asked;
    for (int n = 0; n < 60; ++n) {
        auto text = std::string(std::size_t(n * 37 % 300), char('a' + n % 26));
        asked.push_back(stage.submit(Notebook::Write{"key." + std::to_string(n % 40), text, {}}));
        if (n % 4 == 0) co_await Timer(stage.seam.loop, Millis(n % 9));
    }
    for (auto& each : asked) EXPECT_EQ(co_await stage.told(each), "written");
    co_return stage.host->machine().texts();
}
Task<> read_in_pieces(Stage& stage) {
    stage.start();
    co_await stage.serving();
    auto written = co_await write_many(stage);
    EXPECT_EQ(written.size(), 40U);
    co_await stage.stop();
    EXPECT_GT(stage.partition->log_end().position, 5'000U);
    // The end of what is read at once lies on every kind of place in a batch; small ones are less than any.
    for (std::size_t read_bytes = 1; read_bytes < 3'000; read_bytes += 1 + read_bytes / 9) {
        stage.start(read_bytes);
        co_await stage.serving();
        EXPECT_EQ(stage.host->machine().texts(), written) << read_bytes;
        co_await stage.stop();
    }
}
TEST(MachineHost, batches_that_straddle_the_end_of_a_read_come_whole) { tell(read_in_pieces); }

Task<> not_before_it_is_durable(Stage& stage) {
    stage.start();
    co_await stage.serving();
    EXPECT_EQ(co_await stage.tell(Notebook::Write{"a", "1", {}}), "written");
    stage.node.world.job_delay_max = 3'600'000'000;  // The next sync takes its time.
    auto write = stage.submit(Notebook::Write{"a", "2", {}});
    auto read = stage.submit(Notebook::Read{"a"});  // It rests on what is not committed.
    auto durable = stage.partition->durable_end().offset;
    while (stage.partition->durable_end().offset == durable) {
        EXPECT_FALSE(write->value || read->value);
        co_await Timer(stage.seam.loop, Millis(1'000));
    }
    EXPECT_EQ(co_await stage.told(write), "written");
    EXPECT_EQ(co_await stage.told(read), "2");
    EXPECT_TRUE(stage.submit(Notebook::Read{"a"})->value);  // Nothing is under way: at once.
}
TEST(MachineHost, an_answer_waits_until_what_it_rests_on_is_durable) { tell(not_before_it_is_durable); }

// As the members of a large group are at the end of a rebalance.
Task<> many_at_once(Stage& stage) {
    stage.start();
    co_await stage.serving();
    std::size_t before = 0;
    for (int waiting : {1, 20'000}) {
        std::vector<Asked> asked;
        for (int n = 0; n < waiting; ++n) asked.push_back(stage.submit(Notebook::Wait{}));
        EXPECT_EQ(co_await stage.tell(Notebook::Write{"a", "now", {}}), "written");
        for (auto& each : asked) EXPECT_EQ(co_await stage.told(each), "now");
        asked = std::vector<Asked>();
        auto held = mallinfo2();  // All zero with a sanitizer.
        auto bytes = held.uordblks + held.hblkhd;
        if (waiting > 1) EXPECT_LE(bytes, before + 100'000);
        before = bytes;
    }
}
TEST(MachineHost, many_answers_at_once_leave_no_memory_behind) { tell(many_at_once); }

Task<> all_or_none(Stage& stage) {
    stage.start();
    co_await stage.serving();
    stage.node.world.job_delay_max = 50'000;
    std::set<std::int64_t> ends{0};
    std::vector<Asked> asked;
    for (int decisions = 0, records = 0; decisions < 6; ++decisions) {
        Notebook::WriteAll all;
        for (int n = 0; n <= decisions; ++n)
            all.all.push_back({std::to_string(n), std::string(200'000, char('a' + decisions)), {}});
        asked.push_back(stage.submit(all));
        ends.insert(records += decisions + 1);
    }
    auto log_end = [&] { return std::to_underlying(stage.partition->log_end().offset); };
    for (; log_end() < *ends.rbegin(); co_await Timer(stage.seam.loop, Millis(1)))
        EXPECT_TRUE(ends.contains(log_end())) << log_end();
    for (auto& each : asked) EXPECT_EQ(co_await stage.told(each), "written");
}
TEST(MachineHost, what_was_decided_together_is_logged_together) { tell(all_or_none); }

Task<> refused_by_its_log(Stage& stage) {
    stage.start();
    co_await stage.serving();
    EXPECT_EQ(co_await stage.tell(Notebook::Write{"a", "1", {}}), "written");
    std::vector<Asked> asked;
    for (auto text : {"2", "3"}) asked.push_back(stage.submit(Notebook::Write{"a", text, {}}));
    asked.push_back(stage.submit(Notebook::Read{"a"}));
    stage.context.refusing = true;  // Behind their turns, in front of their append.
    for (auto& each : asked) EXPECT_EQ((co_await stage.told(each)).error(), HostRefusal::lost);
    EXPECT_FALSE(stage.host->serving());
    stage.context.refusing = false;
    co_await stage.serving();
    // What was refused is gone from the state too.
    EXPECT_EQ(co_await stage.tell(Notebook::Read{"a"}), "1");
    EXPECT_EQ(co_await stage.tell(Notebook::Write{"a", "4", {}}), "written");
}
TEST(MachineHost, a_log_that_refuses_ends_the_term_and_who_waits_is_told) { tell(refused_by_its_log); }

Task<> not_taken(Stage& stage) {
    stage.start();
    co_await stage.serving();
    EXPECT_EQ(co_await stage.tell(Notebook::Write{"a", "1", {}}), "written");
    stage.context.refusing = true;
    EXPECT_EQ((co_await stage.tell(Notebook::Write{"a", "2", {}})).error(), HostRefusal::unavailable);
    EXPECT_EQ(co_await stage.tell(Notebook::Read{"a"}), "1");
    stage.context.refusing = false;
}
TEST(MachineHost, a_log_that_takes_nothing_leaves_the_state_as_it_is) { tell(not_taken); }

Task<> before_it_is_read(Stage& stage) {
    stage.start();
    co_await stage.serving();
    EXPECT_EQ(co_await stage.tell(Notebook::Write{"a", "1", {}}), "written");
    co_await stage.stop();
    stage.start();
    int times = 0;
    for (; !stage.host->serving(); ++times) {
        auto said = stage.submit(Notebook::Read{"a"});
        EXPECT_TRUE(said->value && said->value->error() == HostRefusal::loading);
        co_await Yield(stage.seam.loop);
    }
    EXPECT_GT(times, 0);
    EXPECT_EQ(co_await stage.tell(Notebook::Read{"a"}), "1");
}
TEST(MachineHost, nothing_is_answered_before_the_log_is_read) { tell(before_it_is_read); }

Task<> from_a_damaged_log(Stage& stage) {
    stage.start();
    co_await stage.serving();
    EXPECT_EQ(co_await stage.tell(Notebook::Write{"a", "1", {}}), "written");
    co_await stage.stop();
    stage.partition->mark_damaged();
    stage.start();
    co_await Timer(stage.seam.loop, Millis(500));
    EXPECT_EQ((co_await stage.tell(Notebook::Read{"a"})).error(), HostRefusal::unavailable);
}
TEST(MachineHost, a_damaged_log_is_not_available_and_no_empty_one) { tell(from_a_damaged_log); }

Task<> lost_while_idle(Stage& stage) {
    stage.start();
    co_await stage.serving();
    EXPECT_EQ(co_await stage.tell(Notebook::Write{"a", "1", {}}), "written");
    stage.partition->mark_damaged();
    EXPECT_EQ((co_await stage.tell(Notebook::Write{"a", "2", {}})).error(), HostRefusal::unavailable);
    co_await Timer(stage.seam.loop, Millis(3'000));
    EXPECT_FALSE(stage.host->serving());
    EXPECT_EQ((co_await stage.tell(Notebook::Read{"a"})).error(), HostRefusal::unavailable);
}
TEST(MachineHost, a_log_that_is_gone_for_good_ends_the_term) { tell(lost_while_idle); }

Task<> stopped_with_work(Stage& stage) {
    stage.start();
    co_await stage.serving();
    auto asked = stage.submit(Notebook::Write{"a", "1", {}});
    co_await stage.stop();
    EXPECT_EQ(co_await stage.told(asked), "written");
    stage.start();
    co_await stage.serving();
    EXPECT_EQ(co_await stage.tell(Notebook::Read{"a"}), "1");
}
TEST(MachineHost, a_stop_writes_what_is_pending_and_answers) { tell(stopped_with_work); }

}  // namespace
}  // namespace fulmar
