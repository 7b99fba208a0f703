#include "tests/sim/coordination.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/coord/contract.h"
#include "tests/support/test_loop.h"

namespace fulmar::sim {
namespace {

using namespace coord;
using namespace coord::contract;

class Ensemble : public testing::Test {
protected:
    ModelStore::World world() {
        return {.random = [this] { return random_(); }};
    }
    std::unique_ptr<ModelStore> open(ModelStore::World world) {
        return std::make_unique<ModelStore>(loop_, state_, std::move(world));
    }
    std::unique_ptr<ModelStore> open() { return open(world()); }

    std::mt19937_64 random_{11};
    ModelStore::State state_;
    TestLoop loop_;
};

TEST_F(Ensemble, keeps_the_contract) {
    for (int round = 0; round < 5; ++round) loop_.run(store_contract(loop_, [&] { return open(); }));
}

TEST_F(Ensemble, keeps_the_contract_without_latency) {
    auto fast = world();
    fast.latency_max = Millis(0);
    loop_.run(store_contract(loop_, [&] { return open(fast); }));
}

TEST_F(Ensemble, one_nodes_commit_is_seen_by_another_and_its_end_takes_its_ephemerals) {
    auto a = open(), b = open();
    loop_.run(expect_applied(*a, {ephemeral("/brokers"), create("/state", "s")}, {0, 0}));
    loop_.run(expect_refused(*b, {ephemeral("/brokers")}, StoreError::exists, 0));
    a.reset();
    loop_.run(expect_applied(*b, {ephemeral("/brokers"), check("/state", 0)}, {0, 0}));
}

TEST_F(Ensemble, an_unknown_outcome_may_be_either) {
    auto fault = CommitFault::before;
    auto faulty = world();
    faulty.fault = [&](std::span<const Change>) { return fault; };
    auto store = open(faulty);
    loop_.run(expect_refused(*store, {create("/before")}, StoreError::unknown_outcome, -1));
    fault = CommitFault::after;
    loop_.run(expect_refused(*store, {create("/after")}, StoreError::unknown_outcome, -1));
    fault = CommitFault::none;
    loop_.run(expect_missing(*store, "/before"));
    loop_.run(expect_data(*store, "/after", "", 0));
}

TEST_F(Ensemble, after_its_session_every_call_of_a_node_hears_expired) {
    auto store = open(), other = open();
    loop_.run(expect_applied(*store, {ephemeral("/e"), create("/p")}, {0, 0}));
    state_.expire(store->session());
    loop_.run(expect_refused(*store, {create("/x")}, StoreError::expired, -1));
    auto read = [](Store& s) -> Task<> {
        auto entry = co_await s.get("/p");
        EXPECT_TRUE(!entry && entry.error() == StoreError::expired);
        EXPECT_EQ(co_await names(s, "/"), "(the session is over)");
    };
    loop_.run(read(*store));
    EXPECT_EQ(state_.live(), std::set<Tree::Session>{other->session()});
    loop_.run(expect_missing(*other, "/e"));
    loop_.run(expect_missing(*other, "/x"));
    loop_.run(expect_data(*other, "/p", "", 0));
}

TEST_F(Ensemble, a_node_that_dies_before_the_answer_has_committed_all_the_same) {
    Tree::Session session = 0;
    {
        TestLoop node;
        bool dead = false;
        auto killing = world();
        killing.applied = [&] { dead = true; };
        ModelStore store(node, state_, killing);
        session = store.session();
        auto commit = [](Store& s) -> Task<> {
            (void)co_await s.commit({create("/done"), ephemeral("/mine")});
            ADD_FAILURE() << "the dead heard an answer";
        };
        node.spawn(commit(store));
        while (!dead && node.turn_if_any()) {}
        EXPECT_TRUE(dead);
        node.die();
        store.abandon();
    }
    auto survivor = open();
    loop_.run(expect_data(*survivor, "/done", "", 0));
    loop_.run(expect_data(*survivor, "/mine", "", 0));
    state_.expire(session);
    loop_.run(expect_missing(*survivor, "/mine"));
    loop_.run(expect_data(*survivor, "/done", "", 0));
}

Task<> note_outcomes(Store& store, std::string& history) {
    for (int n = 0; n < 50; ++n) {
        auto answer = co_await store.commit({create("/n" + std::to_string(n))});
        history += answer ? '+' : '?';
    }
}
TEST_F(Ensemble, one_seed_is_one_history) {
    std::string histories[2];
    Instant ends[2];
    for (int run = 0; run < 2; ++run) {
        std::mt19937_64 random(5);
        ModelStore::State state;
        TestLoop loop;
        ModelStore::World world{.random = [&] { return random(); }};
        world.fault = [&](std::span<const Change>) { return CommitFault(random() % 3); };
        ModelStore store(loop, state, world);
        loop.run(note_outcomes(store, histories[run]));
        ends[run] = loop.now();
    }
    EXPECT_EQ(histories[0], histories[1]);
    EXPECT_EQ(ends[0], ends[1]);
    EXPECT_NE(histories[0].find('?'), std::string::npos);
    EXPECT_NE(histories[0].find('+'), std::string::npos);
}

}  // namespace
}  // namespace fulmar::sim
