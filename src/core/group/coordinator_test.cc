#include "core/group/coordinator.h"

#include <random>

#include "tests/core/coordinator_stage.h"

namespace fulmar::group {
namespace {

class Coordinators : public CoordinatorStage {};

// Whatever clients do, in whatever order, and wherever a coordinator begins anew.
TEST_F(Coordinators, any_run_comes_to_rest_and_answers_all) {
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        SCOPED_TRACE(testing::Message() << "seed " << seed);
        std::mt19937_64 random(seed);
        auto below = [&](std::uint64_t n) { return random() % n; };
        machine_ = Coordinator(rules_);
        log_.clear();
        answers_.clear();
        std::set<Ticket> open;
        std::int32_t generation = 0;
        for (int n = 0; n < 150; ++n) {
            auto* group = machine_.find("g");
            std::vector<std::string> ids{"nobody", ""};
            if (group)
                for (auto& [id, member] : group->members) ids.insert(ids.end(), 2, id);
            auto id = ids[below(ids.size())];
            std::optional<std::string> instance;
            if (below(4) == 0) instance = std::string(1, char('a' + below(3)));
            auto now_in = group ? group->generation - std::int32_t(below(8) == 0) : 1;
            Coordinator::Command command = Heartbeat{"g", id, instance, now_in};
            switch (below(9)) {
                case 0:
                case 1: {
                    auto wanted = join(id, below(2) ? std::vector<std::string>{"range", "sticky"}
                                                    : std::vector<std::string>{"sticky", "range"});
                    wanted.instance_id = instance;
                    wanted.must_know_id = below(2);
                    wanted.can_skip_assign = below(2);
                    wanted.rebalance_timeout = Millis(std::int64_t(below(20'000)) - 10);
                    command = wanted;
                    break;
                }
                case 2: {
                    Sync wanted{"g", id, instance, now_in, {}, {}, {}};
                    for (auto& each : ids) wanted.assignments.emplace_back(each, "part of " + each);
                    command = wanted;
                    break;
                }
                case 3: command = Leave{"g", {{id, instance}, {"nobody", {}}}}; break;
                case 4:
                    command = Coordinator::Commit{"g",      id,
                                                  instance, now_in - std::int32_t(below(3)),
                                                  {},       {{{"t", 0}, {.offset = Offset{n}}}}};
                    break;
                case 5: command = Coordinator::Expire{}; break;
                case 6:
                    if (below(5) == 0) command = Coordinator::Delete{{"g"}};
                    break;
                case 7: pass(Millis(std::int64_t(below(5'000)))); break;
                default: break;
            }
            open.insert(ask(command));
            auto* after = machine_.find("g");
            if (after) {
                EXPECT_TRUE(!after->members.empty() || after->phase == Phase::empty ||
                            after->phase == Phase::preparing_rebalance);
                if (after->leader) EXPECT_TRUE(after->find(*after->leader));
                for (auto& [known, member] : after->static_ids) EXPECT_TRUE(after->find(member));
                EXPECT_GE(after->generation, generation);
                generation = after->generation;
            } else {
                generation = 0;
            }
            if (below(40) == 0) {
                // What the log knows is what another coordinator has, but for a generation under way.
                bool settled = after && (after->phase == Phase::stable || after->phase == Phase::empty);
                auto before = after ? *after : Group{};
                for (auto& [ticket, answer] : answers_) open.erase(ticket);
                fail_over();
                if (settled && machine_.find("g")) EXPECT_TRUE(same_hard_state(before, this->group()));
                open.clear();  // Who waited fails with the role.
                generation = 0;
            }
            if (HasFailure()) return;
        }
        pass(Millis(1'000'000));
        for (auto ticket : open) EXPECT_TRUE(answers_.contains(ticket)) << std::to_underlying(ticket);
        auto* group = machine_.find("g");
        EXPECT_TRUE(!group || (group->phase == Phase::empty && group->members.empty()));
        EXPECT_EQ(machine_.deadline(), std::nullopt);
        if (HasFailure()) return;
    }
}

}  // namespace
}  // namespace fulmar::group
