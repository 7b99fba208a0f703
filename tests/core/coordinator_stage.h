// What tests of a coordinator stand on. Each turn is held against what every machine promises.
#pragma once

#include <gtest/gtest.h>

#include <ranges>

#include "core/group/coordinator.h"
#include "wire/kafka/consumer_protocol.h"

namespace fulmar::group {

inline std::string subscription(std::initializer_list<std::string_view> topics) {
    std::vector<std::string_view> names(topics);
    kafka::ConsumerProtocolSubscription said;
    said.topics = names;
    auto pieces = kafka::encode_consumer_protocol(said, 0);
    auto bytes = pieces.owned();
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

inline bool same_hard_state(const Group& a, const Group& b) {
    return a.written({}) == b.written({}) && a.since == b.since;
}

// What a coordinator holds, as what it tells of its groups has it.
inline Tally walk(const Coordinator& coordinator) {
    Tally tally;
    auto told = coordinator.decide(Coordinator::List{}, Ticket{}, Clocks{});
    for (auto& [name, type, phase] : std::get<Coordinator::Listed>(told.answers.front().second).groups) {
        ++tally.groups[to_text(phase)];
        auto found = coordinator.look(name);
        tally.members += found.classic ? found.classic->members.size() : found.consumer->members().size();
        for (auto& [topic, partitions] : *found.offsets) tally.offsets += partitions.size();
    }
    return tally;
}

// A host without a log: what is durable is committed at once.
class CoordinatorStage : public testing::Test {
protected:
    template <class A = Joined>
    std::optional<A> answer(Ticket ticket) {
        auto at = answers_.find(ticket);
        if (at == answers_.end()) return std::nullopt;
        return std::get<A>(at->second);
    }
    Ticket ask(const Coordinator::Command& command) {
        auto ticket = Ticket{++tickets_};
        rest();
        take(machine_.decide(command, ticket, clocks_));
        rest();
        return ticket;
    }
    template <class A>
    A now(const Coordinator::Command& command) {
        auto told = answer<A>(ask(command));
        EXPECT_TRUE(told);
        return told.value_or(A{});
    }
    void pass(Millis time) {
        auto end = clocks_.now + time;
        for (auto due = machine_.deadline(); due && *due <= end; due = machine_.deadline()) {
            move(std::max(*due, clocks_.now));
            rest();
        }
        move(end);
        rest();
    }
    void move(Instant to) {
        clocks_.wall = clocks_.wall + (to - clocks_.now);
        clocks_.now = to;
    }

    Coordinator::ForgetTopics topics_gone(const std::vector<std::string>& topics) const {
        Coordinator::GoneTopics gone;
        for (auto& topic : topics) gone.emplace(topic, clocks_.wall);
        return {std::make_shared<const Coordinator::GoneTopics>(std::move(gone))};
    }
    Join join(std::string id = "", std::vector<std::string> protocols = {"range"}) {
        Join wanted{.group = "g",
                    .member_id = std::move(id),
                    .instance_id = std::nullopt,
                    .client_id = "client",
                    .client_host = "/127.0.0.1",
                    .protocol_type = "consumer",
                    .session_timeout = Millis(10'000),
                    .rebalance_timeout = Millis(60'000),
                    .protocols = {},
                    .new_member_id = "m" + std::to_string(++ids_)};
        for (auto& name : protocols) wanted.protocols.push_back({name, subscription({"orders"})});
        return wanted;
    }
    Join join_as(const std::string& instance, std::string id = "") {
        auto wanted = join(std::move(id));
        wanted.instance_id = instance;
        return wanted;
    }
    Sync sync(const Joined& joined) {
        Sync wanted{
            .group = "g", .member_id = joined.member_id, .instance_id = {}, .generation = joined.generation};
        for (auto& member : joined.members)
            wanted.assignments.emplace_back(member.id,
                                            "for " + member.id + " in " + std::to_string(joined.generation));
        return wanted;
    }
    GroupError beat(const std::string& id, std::int32_t generation) {
        return now<Beaten>(Heartbeat{"g", id, {}, generation}).error;
    }
    GroupError leave(const std::string& id) { return now<Left>(Leave{"g", {{id, {}}}}).members.at(0); }
    // A stable group of so many; the leader is the first.
    std::vector<Joined> group_of(int count) {
        std::vector<Ticket> tickets;
        for (int n = 0; n < count; ++n) tickets.push_back(ask(join()));
        pass(Millis(6'000));
        std::vector<Joined> members;
        for (auto ticket : tickets) members.push_back(answer(ticket).value());
        auto leads = std::ranges::find_if(members, [](auto& each) { return each.leader == each.member_id; });
        std::rotate(members.begin(), leads, members.end());
        for (auto& each : std::views::reverse(members)) ask(sync(each));
        EXPECT_EQ(group().phase, Phase::stable);
        return members;
    }
    const Group& group() { return *machine_.find("g"); }
    GroupError commit(const std::string& id, std::int32_t generation, std::int64_t offset,
                      std::string metadata = "", std::optional<Millis> retention = {}) {
        Coordinator::Commit wanted{"g", id, {}, generation, retention, {{{"orders", 0}, {}}}};
        wanted.offsets[0].second = {.offset = Offset{offset}, .metadata = std::move(metadata)};
        return now<Coordinator::Placed>(wanted).places.at(0);
    }
    std::optional<std::int64_t> committed(const std::string& topic = "orders") {
        Coordinator::FetchOffsets wanted{"g", std::vector<Coordinator::Place>{{topic, 0}}};
        auto one = now<Coordinator::Fetched>(wanted).offsets.at(0).second;
        return one ? std::optional(std::to_underlying(one->offset)) : std::nullopt;
    }
    void fail_over() {
        Coordinator again(rules_, &image_);
        for (auto& event : log_) again.apply(event);
        machine_ = std::move(again);
        answers_.clear();
        rest();
    }
    void take(Decision<Coordinator> decision) {
        for (auto& event : decision.events) {
            if (Coordinator::durable(event)) log_.push_back(event);
            rebalances_ += machine_.begins_rebalance(event);
            machine_.apply(event);
        }
        for (auto& [ticket, answer] : decision.answers) {
            EXPECT_LE(std::to_underlying(ticket), tickets_);
            EXPECT_TRUE(answers_.emplace(ticket, std::move(answer)).second) << "answered twice";
        }
    }
    void rest() {
        for (int steps = 0;; ++steps) {
            ASSERT_LT(steps, 10'000) << "it never comes to rest";
            auto step = machine_.settle(clocks_);
            if (step.empty()) break;
            take(std::move(step));
        }
        if (auto due = machine_.deadline()) EXPECT_GT(*due, clocks_.now);
        if (machine_.groups() <= 20) EXPECT_EQ(machine_.tally(), walk(machine_));
    }

    CoordinatorRules rules_;
    cluster::Image image_;
    Coordinator machine_{rules_, &image_};
    Clocks clocks_{Instant{1'000}, Timestamp{1'700'000'000'000}};
    std::vector<Coordinator::Event> log_;
    std::map<Ticket, Coordinator::Answer> answers_;
    std::uint64_t tickets_ = 0, rebalances_ = 0;
    int ids_ = 0;
};

}  // namespace fulmar::group
