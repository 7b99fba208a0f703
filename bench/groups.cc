// What the group coordinator costs, without network and disk: a large group that changes, many groups that
// commit, and a log of offsets that is read again. One line of JSON; times in CPU of this thread.
//
//   members    a group of so many, over ten times as many partitions: they join, the leader assigns, each
//   asks
//              for its own; then one leaves, and all join again: the change
//   commits    so many groups commit one offset each: a round
//   replay     so many committed offsets, from records as the log holds them
#include <fmt/format.h>
#include <time.h>

#include <CLI/CLI.hpp>

#include "base/check.h"
#include "core/group/stored.h"

using namespace fulmar;
using namespace fulmar::group;

namespace {

double cpu_ms() {
    timespec at{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return double(at.tv_sec) * 1e3 + double(at.tv_nsec) / 1e6;
}

// Takes turns as the host does (broker/machine_host.h), and counts what would be logged.
class Stage {
public:
    explicit Stage(CoordinatorRules rules) : machine_(rules) {}
    void ask(const Coordinator::Command& command) {
        settle();
        take(machine_.decide(command, Ticket{++ticket_}, clocks_));
        settle();
    }
    void pass(Millis time) {
        clocks_.now = clocks_.now + time;
        settle();
    }
    std::size_t answers = 0, logged_bytes = 0;
    std::string last_id;
    std::int32_t generation = -1;

private:
    void settle() {
        for (auto step = machine_.settle(clocks_); !step.empty(); step = machine_.settle(clocks_)) take(step);
    }
    void take(const Decision<Coordinator>& decision) {
        for (auto& event : decision.events) {
            machine_.apply(event);
            if (Coordinator::durable(event)) logged_bytes += Stored::write(event).bytes();
        }
        for (auto& [ticket, answer] : decision.answers) {
            ++answers;
            auto* joined = std::get_if<Joined>(&answer);
            if (joined && joined->error == GroupError::none) generation = joined->generation;
        }
    }
    Coordinator machine_;
    Clocks clocks_{Instant{1'000'000}, Timestamp{1'700'000'000'000}};
    std::uint64_t ticket_ = 0;
};

struct Change {
    double first_ms = 0, change_ms = 0;
    std::size_t logged_bytes = 0;
};
Change change(int count) {
    CoordinatorRules rules;
    rules.initial_delay = Millis(0);
    Stage stage(rules);
    auto id = [](int n) { return fmt::format("member-{:06}", n); };
    auto join = [&](int n, bool known) {
        Join command{
            .group = "g",
            .member_id = known ? id(n) : "",
            .instance_id = {},
            .client_id = "bench",
            .client_host = "/127.0.0.1",
            .protocol_type = "consumer",
            .session_timeout = Millis(45'000),
            .rebalance_timeout = Millis(300'000),
            .protocols = {{"range", std::string(60, 'm')}, {"cooperative-sticky", std::string(200, 'm')}},
            .new_member_id = id(n)};
        stage.ask(command);
    };
    auto sync_all = [&](int from) {
        for (int n = from + 1; n < count; ++n)
            stage.ask(
                Sync{.group = "g", .member_id = id(n), .instance_id = {}, .generation = stage.generation});
        Sync leaders{.group = "g", .member_id = id(from), .instance_id = {}, .generation = stage.generation};
        for (int n = from; n < count; ++n) leaders.assignments.emplace_back(id(n), std::string(120, 'a'));
        stage.ask(leaders);
    };
    auto begun = cpu_ms();
    for (int n = 0; n < count; ++n) join(n, false);
    for (int n = 0; n < count; ++n) join(n, true);  // The first was alone in its generation.
    sync_all(0);
    Change told{cpu_ms() - begun, 0, 0};
    stage.logged_bytes = 0;
    begun = cpu_ms();
    stage.ask(Leave{"g", {{id(count - 1), {}}}});
    --count;
    for (int n = 0; n < count; ++n) join(n, true);
    sync_all(0);
    told.change_ms = cpu_ms() - begun;
    told.logged_bytes = stage.logged_bytes;
    return told;
}

double commits(int groups) {
    Stage stage({});
    auto round = [&] {
        for (int n = 0; n < groups; ++n) {
            Coordinator::Commit commit;
            commit.group = fmt::format("group-{}", n);
            commit.offsets.push_back({{"orders", n % 100}, {.offset = Offset{n}}});
            stage.ask(commit);
        }
    };
    round();
    auto begun = cpu_ms();
    round();
    return cpu_ms() - begun;
}

double replay(int offsets) {
    std::vector<StoredRecord> records;
    for (int n = 0; n < offsets; ++n) {
        Committed committed{.offset = Offset{n}, .at = Timestamp{1'700'000'000'000}};
        records.push_back(Stored::write(Coordinator::WroteOffset{
            fmt::format("group-{}", n / 100), {fmt::format("topic-{}", n % 100 / 10), n % 10}, committed}));
    }
    auto begun = cpu_ms();
    Coordinator machine;
    for (auto& record : records) {
        auto event = Stored::read(record.key, Bytes(*record.value));
        CHECK(event && *event);
        machine.apply(**event);
    }
    auto took = cpu_ms() - begun;
    CHECK(machine.groups() == std::size_t((offsets + 99) / 100));
    return took;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"What the group coordinator costs"};
    int members = 1'000, groups = 10'000, offsets = 1'000'000;
    app.add_option("--members", members)->check(CLI::Range(2, 100'000));
    app.add_option("--groups", groups)->check(CLI::Range(1, 1'000'000));
    app.add_option("--offsets", offsets)->check(CLI::Range(1, 10'000'000));
    CLI11_PARSE(app, argc, argv);
    auto changed = change(members);
    fmt::print(
        "{{\"first_ms\": {:.1f}, \"change_ms\": {:.1f}, \"change_logged_bytes\": {}, "
        "\"commits_ms\": {:.1f}, \"replay_ms\": {:.1f}}}\n",
        changed.first_ms, changed.change_ms, changed.logged_bytes, commits(groups), replay(offsets));
}
