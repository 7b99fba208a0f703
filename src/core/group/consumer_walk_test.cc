#include "core/group/stored.h"
#include "tests/core/client_stage.h"

namespace fulmar::group {
namespace {

// Whatever clients of both protocols do, while topics come and go, time passes and coordinators crash: after
// each step the records say all that there is to know, and no partition has two owners.
class ConsumerWalk : public ClientStage {
protected:
    // --- records
    // What was written since: the records say the same, as all do, and as those that compaction leaves do.
    void write() {
        for (auto& event : log_) {
            auto record = Stored::write(event);
            auto& of_key = records_[record.key];
            of_key.emplace_back(++offsets_, record);
            whole_.apply(read(record));
            auto* change = std::get_if<ConsumerEvent>(&event);
            if (change && std::holds_alternative<WroteTargetEpoch>(*change)) has_shared_ = true;
        }
        log_.clear();
    }
    static Coordinator::Event read(const StoredRecord& record) {
        std::optional<Bytes> value;
        if (record.value) value = Bytes(*record.value);
        return Stored::read(record.key, value)->value();
    }
    // The last of each key; of those before it so many in a hundred.
    Coordinator compacted(std::uint64_t also, bool tombstones = true) {
        std::map<std::uint64_t, const StoredRecord*> left;
        for (auto& [key, all] : records_)
            for (auto& [offset, record] : all) {
                bool last = offset == all.back().first;
                if (last ? tombstones || record.value : below(100) < also) left[offset] = &record;
            }
        Coordinator machine(rules_, &image_);
        for (auto& [offset, record] : left) machine.apply(read(*record));
        return machine;
    }
    void crash() {
        machine_ = compacted(one_in(2) ? 30 : 0);
        answers_.clear();
        for (auto& client : clients_) client.must_say_all = true;
        for (auto& client : classic_) client.joining.reset(), client.syncing.reset();
        for (auto at = records_.begin(); at != records_.end();) {
            at->second.erase(at->second.begin(), std::prev(at->second.end()));
            at = at->second.back().second.value ? std::next(at) : records_.erase(at);
        }
        rest();
    }

    // --- what is so
    Coordinator::Described described(const Coordinator& machine) const {
        auto decision = machine.decide(Coordinator::Describe{"g"}, Ticket{1}, clocks_);
        return std::get<Coordinator::Described>(decision.answers.at(0).second);
    }
    void expect_same(const Coordinator& other) {
        auto mine = described(machine_), its = described(other);
        ASSERT_EQ(bool(mine.consumer), bool(its.consumer));
        if (!mine.consumer) {
            auto group = mine.group ? *mine.group : Group{};
            bool settles = group.phase != Phase::stable && group.phase != Phase::empty;
            if (!settles && its.group) EXPECT_TRUE(same_hard_state(group, *its.group));
            return;
        }
        auto &a = *mine.consumer, &b = *its.consumer;
        EXPECT_EQ(mine.assignor, its.assignor);
        EXPECT_EQ(a.epoch, b.epoch);
        EXPECT_EQ(a.target_epoch, b.target_epoch);
        EXPECT_EQ(a.patterns(), b.patterns());
        ASSERT_EQ(a.members().size(), b.members().size());
        for (auto& [id, member] : a.members()) {
            ASSERT_TRUE(b.find(id));
            EXPECT_EQ(member.said, b.find(id)->said);
            EXPECT_EQ(member.current, b.find(id)->current);
            EXPECT_EQ(a.target(id), b.target(id));
            auto& instance_id = member.said.instance_id;
            if (instance_id) EXPECT_EQ(*a.static_member(*instance_id), *b.static_member(*instance_id));
            for (auto& [topic, index] : flat(joined(member.current.assigned, member.current.revoking)))
                EXPECT_EQ(*b.owner(topic, index), id);
        }
        EXPECT_EQ(a.phase(), b.phase());
        EXPECT_EQ(a.subscribed(), b.subscribed());
        EXPECT_EQ(a.said_bytes(), b.said_bytes());
        EXPECT_EQ(a.classic_members(), b.classic_members());
    }
    static std::set<std::pair<TopicId, std::int32_t>> flat(const Partitions& partitions) {
        std::set<std::pair<TopicId, std::int32_t>> all;
        for (auto& [topic, indexes] : partitions)
            for (auto index : indexes) all.emplace(topic, index);
        return all;
    }
    void check() {
        write();
        expect_same(whole_);
        expect_same(compacted(0, one_in(2)));
        if (one_in(3)) expect_same(compacted(50));
        auto* group = machine_.find_consumer("g");
        if (!group) return;
        std::set<std::pair<TopicId, std::int32_t>> taken;
        for (auto& [id, member] : group->members()) {
            auto mine = flat(member.current.assigned), owed = flat(member.current.revoking);
            mine.merge(owed);
            EXPECT_TRUE(owed.empty()) << id << " has what it has given back";
            for (auto& each : mine) EXPECT_TRUE(taken.insert(each).second) << id << " has what another has";
            EXPECT_LE(member.current.epoch, group->target_epoch.epoch);
            bool has_come = member.current.state == MemberState::stable &&
                            member.current.epoch == group->target_epoch.epoch;
            if (has_come) EXPECT_EQ(member.current.assigned, group->target(id)) << id;
            for (auto& [topic, index] : flat(group->target(id))) {
                auto* known = image_.find(topic);
                if (has_shared_) EXPECT_TRUE(known && std::size_t(index) < known->partitions.size()) << id;
            }
        }
        has_shared_ = false;
        EXPECT_LE(group->target_epoch.epoch, group->epoch.epoch);
        // Whatever a client believes that it has, nobody else has.
        for (auto& client : clients_) {
            auto* member = group->find(client.as.id);
            if (!client.in || !member || member->said.classic) continue;
            EXPECT_TRUE(within(client.as.has, joined(member->current.assigned, member->current.revoking)))
                << client.as.id;
        }
    }

    // --- the walk
    void change_topics() {
        static const std::vector<std::string> names{"t1", "t2", "u1", "u2", "v1"};
        auto& name = names[below(names.size())];
        auto* topic = image_.find(name);
        if (!topic) make(name, 1 + below(5));
        else if (one_in(3)) unmake(name);
        else if (topic->partitions.size() < 12) make(name, topic->partitions.size() + 1 + below(2));
    }
    // For a while there are only classic members, whose leader shares out.
    void rest_consumers() {
        for (auto& client : clients_)
            if (client.in) go(client);
        absent_ = below(60);
    }
    void step() {
        switch (below(30)) {
            case 0: return crash();
            case 1: return change_topics();
            case 2: return pass(Millis(std::int64_t(below(60'000))));
            case 3:
                if (one_in(4)) rest_consumers();
                return;
            case 4:
            case 5: return pass(Millis(std::int64_t(below(4'000))));
            default: break;
        }
        bool classic_acts = absent_ > 0 || one_in(4);
        if (absent_ > 0) --absent_;
        if (classic_acts) act(classic_[below(classic_.size())]);
        else act(clients_[below(clients_.size())]);
    }
    void begin_walk(std::uint64_t seed) {
        random_.seed(seed);
        rules_ = {};
        rules_.consumers.may_downgrade = one_in(2);
        rules_.consumers.waits_from_members = one_in(2) ? 2 : 100;
        image_ = {};
        machine_ = Coordinator(rules_, &image_);
        whole_ = Coordinator(rules_, &image_);
        log_.clear();
        answers_.clear();
        records_.clear();
        change_topics();
        change_topics();
        clients_.clear();
        for (auto name : {"a", "b", "c", "d", "i", "j"}) {
            auto& client = clients_.emplace_back();
            client.as.id = name;
            if (std::string_view(name) >= "i") client.instance_id = name, be_another(client);
            choose(client);
        }
        classic_ = std::vector<ClassicClient>(one_in(2) ? 1 : 2);
        classic_[0].as.instance_id = "k";
        absent_ = one_in(2) ? below(60) : 0;
    }
    // Everybody is there and does as it is told.
    void come_to_rest() {
        for (int round = 0; round < 40; ++round) {
            for (auto& client : clients_) beat_of(client);
            pass(Millis(2'500));
            check();
            if (HasFailure()) return;
        }
        ASSERT_TRUE(machine_.find_consumer("g"));
        EXPECT_EQ(phase(), "Stable");
        auto& group = consumers();
        EXPECT_EQ(group.members().size(), clients_.size());
        std::set<std::pair<TopicId, std::int32_t>> taken, all;
        for (auto& client : clients_)
            for (auto& each : flat(client.as.has)) EXPECT_TRUE(taken.insert(each).second);
        for (auto& name : group.subscribed())
            if (auto* topic = image_.find(name))
                for (std::size_t n = 0; n < topic->partitions.size(); ++n) all.emplace(topic->id, n);
        EXPECT_EQ(taken, all);
    }

    Coordinator whole_;
    std::map<std::vector<std::byte>, std::vector<std::pair<std::uint64_t, StoredRecord>>> records_;
    std::uint64_t offsets_ = 0, absent_ = 0;
    bool has_shared_ = false;
};

TEST_F(ConsumerWalk, records_say_all_and_nothing_is_had_twice_and_it_comes_to_rest) {
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        SCOPED_TRACE(testing::Message() << "seed " << seed);
        begin_walk(seed);
        for (int n = 0; n < 100; ++n) {
            SCOPED_TRACE(testing::Message() << "step " << n);
            step();
            check();
            if (HasFailure()) return;
        }
        come_to_rest();
        if (HasFailure()) return;
    }
}

}  // namespace
}  // namespace fulmar::group
