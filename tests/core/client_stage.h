// Clients of groups that do at random what clients do: mostly what they are told, but they also lose answers,
// change their minds, go, and come back as somebody else.
#pragma once

#include <random>

#include "tests/core/migration_stage.h"

namespace fulmar::group {

class ClientStage : public MigrationStage {
protected:
    struct Client {
        Consumer as;
        std::optional<std::string> instance_id{};
        std::set<std::string> topics{};
        std::optional<std::string> pattern{}, assignor{};
        bool in = false, must_say_all = false;
        int lives = 0;
    };
    struct ClassicClient {
        Classic as;
        std::optional<Ticket> joining, syncing;
        bool in = false;
    };

    std::uint64_t below(std::uint64_t n) { return random_() % n; }
    bool one_in(std::uint64_t n) { return below(n) == 0; }

    // --- consumers
    void choose(Client& client) {
        static const std::vector<std::string> patterns{"t.*", "t1|u.*", ".*", "nothing"};
        client.topics.clear();
        for (auto name : {"t1", "t2", "u1", "u2"})
            if (one_in(2)) client.topics.insert(name);
        client.pattern = one_in(3) ? patterns[below(patterns.size())] : "";
        client.assignor.reset();
        if (one_in(3)) client.assignor = one_in(2) ? range_assignor : uniform_assignor;
    }
    ConsumerBeat all_of(const Client& client, std::int32_t epoch) {
        auto beat = next(client.as.id, epoch);
        beat.instance_id = client.instance_id;
        beat.rebalance_timeout = Millis(20'000);
        beat.topics = client.topics;
        beat.pattern = client.pattern;
        beat.assignor = client.assignor;
        beat.owned = client.as.has;
        return beat;
    }
    void heard(Client& client, const ConsumerBeaten& told) {
        client.in = told.error == GroupError::none;
        if (client.in) {
            take_up(client.as, told);
            return;
        }
        client.as.epoch = 0;
        client.as.has.clear();
        bool another = told.error == GroupError::fenced_instance;
        if (another) be_another(client);
    }
    void be_another(Client& client) {
        if (client.instance_id) client.as = {*client.instance_id + std::to_string(++client.lives % 3)};
    }
    void come_in(Client& client) {
        client.as.has.clear();
        heard(client, tell(all_of(client, join_epoch)));
    }
    void beat_of(Client& client) {
        if (!client.in) return come_in(client);
        auto wanted = all_of(client, client.as.epoch);
        if (!std::exchange(client.must_say_all, false)) {
            wanted.rebalance_timeout.reset();
            wanted.topics.reset();
            wanted.pattern.reset();
        }
        heard(client, tell(wanted));
    }
    void go(Client& client) {
        bool for_a_while = client.instance_id && one_in(2);
        auto wanted = next(client.as.id, for_a_while ? away_epoch : leave_epoch);
        wanted.instance_id = client.instance_id;
        tell(wanted);
        client.in = false;
        client.as = {client.as.id};
        if (one_in(2)) be_another(client);
    }
    void act(Client& client) {
        switch (below(14)) {
            case 0: return go(client);
            case 1: return come_in(client);
            case 2: {
                if (!client.in) return;
                auto told = tell(next(client.as.id, client.as.epoch));
                return heard(client, told);
            }
            case 3: {
                // The answer is lost.
                tell(all_of(client, client.in ? client.as.epoch : join_epoch));
                client.must_say_all = true;
                return;
            }
            case 4: {
                choose(client);
                client.must_say_all = true;
                return beat_of(client);
            }
            case 5: {
                auto stranger = all_of(client, std::int32_t(below(8)) - 2);
                if (stranger.epoch == join_epoch) stranger.owned.emplace();
                if (stranger.epoch <= join_epoch) client.in = false, client.as = {client.as.id};
                tell(stranger);
                client.must_say_all = true;
                return;
            }
            default: return beat_of(client);
        }
    }

    // --- classic ones
    void be_new(ClassicClient& client) {
        client.as.id.clear(), client.as.generation = -1, client.as.has.clear();
    }
    void begin_join(ClassicClient& client) {
        auto wanted = joining(client.as);
        wanted.protocols[0].metadata = says(client.as.has, {"t1", "u1"});
        client.joining = ask(wanted);
        client.in = true;
    }
    void act(ClassicClient& client) {
        if (client.joining) {
            auto told = answer(*client.joining);
            if (!told) return;
            client.joining.reset();
            if (told->error == GroupError::rebalance_in_progress) return begin_join(client);
            if (told->error != GroupError::none) {
                be_new(client);
                client.in = false;
                return;
            }
            client.as.id = told->member_id;
            client.as.generation = told->generation;
            auto wanted = syncing(client.as);
            std::vector<Partitions> shares(told->members.size());
            std::size_t turn = 0;
            for (auto& name : {"t1", "u1"})
                if (auto* topic = image_.find(name); topic && !shares.empty())
                    for (std::size_t n = 0; n < topic->partitions.size(); ++n)
                        shares[turn++ % shares.size()][topic->id].insert(std::int32_t(n));
            for (std::size_t n = 0; n < shares.size(); ++n)
                wanted.assignments.emplace_back(told->members[n].id, assigns(shares[n]));
            client.syncing = ask(wanted);
        } else if (client.syncing) {
            auto told = answer<Synced>(*client.syncing);
            if (!told) return;
            client.syncing.reset();
            if (told->error == GroupError::none) client.as.has = assigned(told->assignment);
            else begin_join(client);
        } else if (!client.in || one_in(12)) {
            begin_join(client);
        } else if (one_in(15)) {
            leave(client.as);
            client.in = false;
            if (!client.as.instance_id || one_in(2)) be_new(client);
        } else {
            auto error = beat(client.as);
            if (error == GroupError::none) return;
            if (error != GroupError::rebalance_in_progress && error != GroupError::illegal_generation)
                be_new(client);
            begin_join(client);
        }
    }

    std::mt19937_64 random_;
    std::vector<Client> clients_;
    std::vector<ClassicClient> classic_;
};

}  // namespace fulmar::group
