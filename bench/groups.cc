// What the group coordinator costs, without network and disk: a large group that changes, many groups that
// commit, and a log of offsets that is read again. One line of JSON; times in CPU of this thread.
//
//   members    a group of so many, over ten times as many partitions: they join, the leader assigns, each
//   asks
//              for its own; then one leaves, and all join again: the change
//   consumers  a group of KIP-848 of so many over ten times as many partitions, of ten topics or, by a
//              pattern, of as many topics as partitions: they join and come to rest; then one leaves, and all
//              come to rest again: the change
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
    explicit Stage(CoordinatorRules rules, const cluster::Image* image = nullptr)
        : machine_(std::move(rules), image) {}
    void ask(const Coordinator::Command& command) {
        settle();
        take(machine_.decide(command, Ticket{++ticket_}, clocks_));
        settle();
    }
    void pass(Millis time) {
        clocks_.now = clocks_.now + time;
        clocks_.wall = clocks_.wall + time;
        settle();
    }
    const ConsumerGroup& consumers() const { return *machine_.find_consumer("g"); }
    std::size_t answers = 0, logged_bytes = 0;
    std::string last_id;
    std::int32_t generation = -1;
    ConsumerBeaten beaten;

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
            if (auto* told = std::get_if<ConsumerBeaten>(&answer)) beaten = *told;
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

// Members of a group of the newer protocol, each with what it was told last.
class Consumers {
public:
    Consumers(int count, bool by_pattern) : by_pattern_(by_pattern) {
        int topics = by_pattern ? 10 * count : 10;
        for (int n = 0; n < topics; ++n) {
            cluster::Topic topic{uuid_from(std::uint64_t(n) + 1, 7), fmt::format("topic-{:05}", n), {}, {}};
            topic.partitions.resize(std::size_t(10 * count / topics));
            names_.insert(topic.name);
            image_.apply(cluster::TopicIs{std::make_shared<const cluster::Topic>(std::move(topic))});
        }
        for (int n = 0; n < count; ++n) members_.push_back({fmt::format("member-{:06}", n), 0, {}});
    }
    // Until nobody has anything to give back or to get; heartbeats of all, a second apart.
    void settle() {
        for (int rounds = 0; rounds == 0 || stage_.consumers().phase() != ConsumerPhase::stable; ++rounds) {
            CHECK(rounds < 20);
            for (auto& member : members_) beat(member);
            stage_.pass(Millis(1'000));
        }
    }
    void leave() {
        ConsumerBeat command{.group = "g", .member_id = members_.back().id, .epoch = leave_epoch};
        stage_.ask(command);
        members_.pop_back();
    }
    std::size_t logged_bytes() const { return stage_.logged_bytes; }

private:
    struct Member {
        std::string id;
        std::int32_t epoch;
        Partitions owned;
    };
    void beat(Member& member) {
        ConsumerBeat command{.group = "g", .member_id = member.id, .epoch = member.epoch};
        command.client_id = "bench";
        command.owned = member.owned;
        if (member.epoch == join_epoch) {
            command.rebalance_timeout = Millis(300'000);
            if (by_pattern_) command.pattern = "topic-.*";
            else command.topics = names_;
        }
        stage_.ask(command);
        CHECK(stage_.beaten.error == GroupError::none);
        member.epoch = stage_.beaten.epoch;
        if (stage_.beaten.assignment) member.owned = *stage_.beaten.assignment;
    }
    const bool by_pattern_;
    std::set<std::string> names_;
    cluster::Image image_;
    Stage stage_{{}, &image_};
    std::vector<Member> members_;
};
Change change_of_consumers(int count, bool by_pattern) {
    Consumers consumers(count, by_pattern);
    auto begun = cpu_ms();
    consumers.settle();
    Change told{cpu_ms() - begun, 0, consumers.logged_bytes()};
    begun = cpu_ms();
    consumers.leave();
    consumers.settle();
    told.change_ms = cpu_ms() - begun;
    told.logged_bytes = consumers.logged_bytes() - told.logged_bytes;
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
    auto of_topics = change_of_consumers(members, false), of_pattern = change_of_consumers(members, true);
    fmt::print(
        "{{\"first_ms\": {:.1f}, \"change_ms\": {:.1f}, \"change_logged_bytes\": {}, "
        "\"consumers_first_ms\": {:.1f}, \"consumers_change_ms\": {:.1f}, \"consumers_change_logged_bytes\": "
        "{}, "
        "\"pattern_first_ms\": {:.1f}, \"pattern_change_ms\": {:.1f}, "
        "\"commits_ms\": {:.1f}, \"replay_ms\": {:.1f}}}\n",
        changed.first_ms, changed.change_ms, changed.logged_bytes, of_topics.first_ms, of_topics.change_ms,
        of_topics.logged_bytes, of_pattern.first_ms, of_pattern.change_ms, commits(groups), replay(offsets));
}
