#include "core/group/tally.h"

#include <random>

#include "tests/core/coordinator_stage.h"

namespace fulmar::group {
namespace {

class Tallied : public CoordinatorStage {
protected:
    Join join_to(const std::string& group, std::string id = "") {
        auto wanted = join(std::move(id));
        wanted.group = group;
        wanted.rebalance_timeout = Millis(20'000);
        wanted.protocols = {{"range", ""}};
        return wanted;
    }
    std::uint64_t in(Phase phase) const {
        auto at = tally_.groups.find(to_text(phase));
        return at == tally_.groups.end() ? 0 : at->second;
    }

    const Tally& tally_ = machine_.tally();
};

TEST_F(Tallied, groups_members_offsets_and_rebalances_are_counted) {
    ask(Coordinator::Commit{"idle", "", {}, -1, {}, {{{"t", 0}, {}}, {{"t", 1}, {}}}});
    ask(Coordinator::Commit{"idle", "", {}, -1, {}, {{{"t", 1}, {}}, {{"u", 0}, {}}}});
    EXPECT_EQ(tally_.offsets, 3U);
    EXPECT_EQ(in(Phase::empty), 1U);
    ask(join_to("busy"));
    ask(join_to("busy"));
    EXPECT_EQ(in(Phase::preparing_rebalance), 1U);
    EXPECT_EQ(tally_.members, 2U);
    EXPECT_EQ(rebalances_, 1U);
    pass(Millis(60'000));
    ask(topics_gone({"t"}));
    EXPECT_EQ(tally_.offsets, 1U);
    ask(Coordinator::Delete{{"idle"}});
    EXPECT_EQ(tally_.offsets, 0U);
    pass(Millis(1'000'000));
    EXPECT_EQ(tally_.members, 0U);
    EXPECT_EQ(tally_, walk(machine_));
}

TEST_F(Tallied, whatever_happens_it_is_what_a_walk_finds) {
    std::uint64_t most_members = 0, most_offsets = 0;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        SCOPED_TRACE(testing::Message() << "seed " << seed);
        std::mt19937_64 random(seed);
        auto below = [&](std::uint64_t n) { return random() % n; };
        machine_ = Coordinator(CoordinatorRules{});
        EXPECT_EQ(tally_, Tally());
        for (int n = 0; n < 300; ++n) {
            auto name = std::string(1, char('a' + below(4)));
            auto* group = machine_.find(name);
            std::vector<std::string> ids{""};
            if (group)
                for (auto& [id, member] : group->members) ids.push_back(id);
            auto id = ids[below(ids.size())];
            auto generation = group ? group->generation : -1;
            auto place = Coordinator::Place{std::string(1, char('t' + below(3))), std::int32_t(below(3))};
            switch (below(10)) {
                case 0:
                case 1: {
                    auto wanted = join_to(name, id);
                    if (below(3) == 0) wanted.instance_id = std::string(1, char('x' + below(2)));
                    wanted.must_know_id = below(2);
                    ask(wanted);
                    break;
                }
                case 2: ask(Sync{name, id, {}, generation, {}, {}, {{id, "all"}}}); break;
                case 3: ask(Leave{name, {{id, {}}}}); break;
                case 4: ask(Coordinator::Commit{name, id, {}, generation, {}, {{place, {}}}}); break;
                case 5: ask(Coordinator::Commit{name, "", {}, -1, Millis(5'000), {{place, {}}}}); break;
                case 6: ask(Coordinator::ForgetOffsets{name, {place}}); break;
                case 7: ask(Heartbeat{name, id, {}, generation}); break;
                case 8: pass(Millis(std::int64_t(below(8'000)))); break;
                default:
                    if (below(4) == 0) ask(Coordinator::Delete{{name}});
                    if (below(4) == 0) ask(topics_gone({place.topic}));
                    ask(Coordinator::Expire{3});
            }
            most_members = std::max(most_members, tally_.members);
            most_offsets = std::max(most_offsets, tally_.offsets);
            ASSERT_EQ(tally_, walk(machine_)) << n;
        }
    }
    EXPECT_GT(most_members, 3U);
    EXPECT_GT(most_offsets, 10U);
    EXPECT_GT(rebalances_, 100U);
}

}  // namespace
}  // namespace fulmar::group
