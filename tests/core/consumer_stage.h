// What tests of consumer groups of the newer protocol stand on: a coordinator that knows topics, and
// consumers that do as they are told.
#pragma once

#include <fmt/format.h>

#include "tests/core/coordinator_stage.h"

namespace fulmar::group {

class ConsumerStage : public CoordinatorStage {
protected:
    // A client. Its epoch and what it has are what it was told last; what it has to give back it gives back
    // at once, and says so with its next heartbeat.
    struct Consumer {
        std::string id;
        std::int32_t epoch = 0;
        Partitions has{};
    };
    ConsumerStage() { make("orders", 4); }

    // --- topics, and partitions as text: "orders-0 orders-1"
    void make(const std::string& name, std::size_t partitions) {
        auto known = image_.share(name);
        cluster::Topic topic{.id = known ? known->id : uuid_from(++topics_, 1),
                             .name = name,
                             .configs = {},
                             .partitions = std::vector<cluster::PartitionState>(partitions)};
        names_[topic.id] = name;
        image_.apply(cluster::TopicIs{std::make_shared<const cluster::Topic>(std::move(topic))});
    }
    void unmake(const std::string& name) {
        auto topic = image_.share(name);
        image_.apply(cluster::TopicGone{topic->id, name, std::int32_t(topic->partitions.size())});
    }
    void set(const std::string& key, const std::string& value) {
        cluster::ConfigOwner owner{cluster::ConfigOwner::Kind::group, "g"};
        auto all = image_.configs(owner);
        all[key] = value;
        image_.apply(cluster::ConfigsAre{owner, all});
    }
    // Of topics of the same name, the last.
    std::string show(const Partitions& partitions) const {
        std::set<std::string> all;
        for (auto& [id, indexes] : partitions)
            for (auto index : indexes) all.insert(fmt::format("{}-{}", names_.at(id), index));
        return fmt::format("{}", fmt::join(all, " "));
    }
    // Of what a heartbeat is answered.
    std::string show(const std::optional<Partitions>& assignment) const {
        return assignment ? show(*assignment) : "as before";
    }
    Partitions parts(std::string_view text) const {
        Partitions all;
        for (auto word : std::views::split(text, ' ')) {
            std::string one(word.begin(), word.end());
            auto dash = one.rfind('-');
            if (dash != std::string::npos)
                all[image_.find(one.substr(0, dash))->id].insert(std::stoi(one.substr(dash + 1)));
        }
        return all;
    }

    // --- what is said
    ConsumerBeat first(const std::string& id, std::set<std::string> topics = {"orders"}) const {
        auto beat = next(id, join_epoch);
        beat.rebalance_timeout = Millis(60'000);
        beat.topics = std::move(topics);
        beat.owned.emplace();
        return beat;
    }
    ConsumerBeat first_as(const std::string& instance, const std::string& id) const {
        auto beat = first(id);
        beat.instance_id = instance;
        return beat;
    }
    // It says nothing new.
    ConsumerBeat next(const std::string& id, std::int32_t epoch) const {
        return {.group = "g",
                .member_id = id,
                .epoch = epoch,
                .client_id = "client",
                .client_host = "/127.0.0.1"};
    }
    ConsumerBeat next_as(const std::string& instance, const std::string& id, std::int32_t epoch) const {
        auto beat = next(id, epoch);
        beat.instance_id = instance;
        return beat;
    }
    ConsumerBeaten tell(const ConsumerBeat& beat) {
        auto told = now<ConsumerBeaten>(beat);
        EXPECT_EQ(told.error != GroupError::none, !told.why.empty());
        return told;
    }
    GroupError refusal(const ConsumerBeat& beat) { return tell(beat).error; }

    // --- consumers
    ConsumerBeaten come(Consumer& consumer, std::set<std::string> topics = {"orders"}) {
        consumer = {consumer.id};
        return take_up(consumer, tell(first(consumer.id, std::move(topics))));
    }
    using CoordinatorStage::beat;
    ConsumerBeaten beat(Consumer& consumer) {
        auto wanted = next(consumer.id, consumer.epoch);
        wanted.owned = consumer.has;
        return take_up(consumer, tell(wanted));
    }
    using CoordinatorStage::leave;
    GroupError leave(const Consumer& consumer) { return refusal(next(consumer.id, leave_epoch)); }
    static ConsumerBeaten take_up(Consumer& consumer, ConsumerBeaten told) {
        if (told.error == GroupError::none) consumer.epoch = told.epoch;
        if (told.assignment) consumer.has = *told.assignment;
        return told;
    }
    // Until each has what it is to have.
    void share(std::initializer_list<Consumer*> consumers) {
        for (int n = 0; n < 4; ++n)
            for (auto* each : consumers) EXPECT_EQ(beat(*each).error, GroupError::none);
        EXPECT_EQ(phase(), "Stable");
    }

    const ConsumerGroup& consumers() {
        static const ConsumerGroup none;
        auto* group = machine_.find_consumer("g");
        EXPECT_TRUE(group);
        return group ? *group : none;
    }
    std::string static_member(const std::string& instance_id) {
        auto* id = consumers().static_member(instance_id);
        return id ? *id : "nobody";
    }
    std::string phase() { return std::string(to_text(consumers().phase())); }
    std::int32_t epoch() { return consumers().epoch.epoch; }
    std::string has(const std::string& id) {
        auto* member = consumers().find(id);
        return member ? show(member->current.assigned) : "no member";
    }
    std::string gives_back(const std::string& id) {
        auto* member = consumers().find(id);
        return member ? show(member->current.revoking) : "no member";
    }
    std::string target(const std::string& id) { return show(consumers().target(id)); }

    std::uint64_t topics_ = 0;
    std::map<TopicId, std::string> names_;
};

}  // namespace fulmar::group
