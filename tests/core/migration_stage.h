// What tests of groups between the two protocols stand on: classic consumers too do as they are told.
#pragma once

#include "core/group/bytes.h"
#include "core/group/migration.h"
#include "core/group/reconcile.h"
#include "tests/core/consumer_stage.h"

namespace fulmar::group {

class MigrationStage : public ConsumerStage {
protected:
    // It keeps what it has while it joins again, and says what that is (KIP-429).
    struct Classic {
        std::string id{};
        std::optional<std::string> instance_id{};
        std::int32_t generation = -1;
        Partitions has{};
    };

    // --- the bytes that they exchange
    template <class Topic>
    struct Listed {
        std::vector<std::vector<std::int32_t>> indexes;
        std::vector<Topic> topics;
    };
    Listed<kafka::ConsumerProtocolTopic> listed(const Partitions& partitions) const {
        Listed<kafka::ConsumerProtocolTopic> all;
        all.indexes.reserve(partitions.size());
        for (auto& [id, of_topic] : partitions) {
            auto& indexes = all.indexes.emplace_back(of_topic.begin(), of_topic.end());
            all.topics.push_back({names_.at(id), indexes});
        }
        return all;
    }
    std::string says(const Partitions& owned, std::vector<std::string_view> topics = {"orders"}) const {
        auto all = listed(owned);
        kafka::ConsumerProtocolSubscription said;
        said.topics = topics;
        said.owned_partitions = all.topics;
        return text_of(kafka::encode_consumer_protocol(said, 1));
    }
    std::string assigns(const Partitions& partitions) const {
        auto all = listed(partitions);
        kafka::ConsumerProtocolAssignment assigned{all.topics, std::nullopt};
        return text_of(kafka::encode_consumer_protocol(assigned, 1));
    }
    Partitions assigned(const std::string& bytes) const {
        if (bytes.empty()) return {};
        Arena arena(1 << 20);
        auto read =
            kafka::decode_consumer_protocol<kafka::ConsumerProtocolAssignment>(bytes_of(bytes), arena);
        EXPECT_TRUE(read);
        Partitions all;
        for (auto& topic : read->assigned_partitions)
            if (auto* known = image_.find(topic.topic))
                all[known->id].insert(topic.partitions.begin(), topic.partitions.end());
        return all;
    }

    // --- what is asked
    Join joining(const Classic& who) {
        auto wanted = CoordinatorStage::join(who.id);
        wanted.instance_id = who.instance_id;
        wanted.protocols = {{"sticky", says(who.has)}};
        return wanted;
    }
    static Sync syncing(const Classic& who) {
        return {
            .group = "g", .member_id = who.id, .instance_id = who.instance_id, .generation = who.generation};
    }
    GroupError beat(const Classic& who) {
        return now<Beaten>(Heartbeat{"g", who.id, who.instance_id, who.generation}).error;
    }
    using ConsumerStage::beat;
    GroupError leave(const Classic& who) {
        return now<Left>(Leave{"g", {{who.id, who.instance_id}}}).members.at(0);
    }
    using ConsumerStage::leave;
    GroupError join(Classic& who) {
        auto told = now<Joined>(joining(who));
        if (told.error != GroupError::none) return told.error;
        who.id = told.member_id;
        who.generation = told.generation;
        return told.error;
    }
    using ConsumerStage::join;
    GroupError sync(Classic& who) {
        auto told = now<Synced>(syncing(who));
        if (told.error == GroupError::none) who.has = assigned(told.assignment);
        return told.error;
    }
    using ConsumerStage::sync;
    // As its heartbeat goes: it joins when it is told to.
    void turn(Classic& who) {
        if (beat(who) != GroupError::rebalance_in_progress) return;
        EXPECT_EQ(join(who), GroupError::none);
        sync(who);
    }
    void share(std::initializer_list<Consumer*> consumers, std::initializer_list<Classic*> classic = {}) {
        for (int n = 0; n < 4; ++n) {
            for (auto* each : consumers) EXPECT_EQ(beat(*each).error, GroupError::none);
            for (auto* each : classic) turn(*each);
        }
        EXPECT_EQ(phase(), "Stable");
        for (auto* each : classic) EXPECT_EQ(beat(*each), GroupError::none);
    }

    // A classic group of two, in its first generation, with the first two partitions and the last two. The
    // first leads.
    void begin() {
        auto first = ask(joining(m1_)), second = ask(joining(m2_));
        pass(Millis(6'000));
        for (auto [ticket, who] : {std::pair{first, &m1_}, {second, &m2_}}) {
            who->id = answer(ticket)->member_id;
            who->generation = answer(ticket)->generation;
        }
        auto leads = syncing(m1_);
        leads.assignments = {{m1_.id, assigns(parts("orders-0 orders-1"))},
                             {m2_.id, assigns(parts("orders-2 orders-3"))}};
        ask(leads);
        EXPECT_EQ(sync(m1_), GroupError::none);
        EXPECT_EQ(sync(m2_), GroupError::none);
        EXPECT_EQ(group().phase, Phase::stable);
    }

    Classic m1_, m2_;
    Consumer a_{"a"}, b_{"b"};
};

}  // namespace fulmar::group
