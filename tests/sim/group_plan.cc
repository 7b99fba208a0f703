#include <fmt/format.h>

#include "tests/sim/groups.h"

namespace fulmar::sim {

static void plan_settings(Chance& chance, Settings& settings, bool much, bool lapse) {
    // Times are short, as a broker's lives are.
    settings.group_min_session_timeout = Millis(1);
    settings.group_initial_rebalance_delay = Millis(chance.one_in(2) ? 0 : chance.between(1, 150));
    settings.offsets_topic_partitions = chance.between(1, 4);
    // Its segments hold a megabyte at least: they are full for their age, so that they are compacted.
    if (much && chance.one_in(2))
        settings.topic_defaults["log.roll.ms"] = std::to_string(chance.between(200, 3'000));
    // So that batches straddle the ends of what is read at once.
    if (!chance.one_in(4)) settings.offsets_load_buffer_bytes = chance.between(200, 4'000);
    if (!lapse) return;
    settings.offsets_retention_minutes = 0;
    settings.offsets_retention_check_interval = Millis(chance.between(10, 200));
}

static void plan_newer(Chance& chance, ConsumerGroup& group) {
    if (group.alone || chance.one_in(2)) return;
    group.kind = chance.one_in(2) ? GroupKind::mixed : GroupKind::newer;
}
// What is the broker's for all groups of the newer protocol is theirs.
static void plan_newer_settings(World& world, Settings& settings, std::deque<ConsumerGroup>& groups) {
    auto& chance = world.consumers;
    // Unlike those of the classic protocol, its heartbeats may wait for the disk.
    auto least = std::max<std::int64_t>(80, 10 * world.job_delay_max / 1'000);
    auto session = Millis(chance.between(least, 2 * least + 300));
    auto interval = session / chance.between(4, 8);
    settings.consumer_min_session_timeout = settings.consumer_min_heartbeat_interval = Millis(1);
    settings.consumer_session_timeout = session;
    settings.consumer_heartbeat_interval = interval;
    for (auto& group : groups) {
        // What tells members of the classic one to join again, or how, may wait for it too.
        group.rebalance_timeout = std::max(group.rebalance_timeout, Millis(least));
        if (group.kind == GroupKind::classic) continue;
        group.session_timeout = session;
        group.heartbeat_interval = interval;
    }
}

void plan_groups(World& world, Settings& settings, Ledger& ledger, const std::vector<Place>& places,
                 std::deque<ConsumerGroup>& groups) {
    auto& chance = world.groups;
    bool much = world.profile.focus == Profile::Focus::groups;
    bool lapse = chance.one_in(3);
    plan_settings(chance, settings, much, lapse);
    auto count = much ? chance.between(1, 2) : 1;
    for (std::int64_t n = 0; n < count; ++n) {
        auto name = fmt::format("group.{}", n);
        auto& group = groups.emplace_back(
            ConsumerGroup{.name = name, .ledger = {ledger, name}, .holdings = {ledger, name}});
        for (auto& place : places)
            if (place.topic == places.front().topic || chance.one_in(2)) group.places.push_back(place);
        group.session_timeout = Millis(chance.between(60, 600));
        group.rebalance_timeout = Millis(chance.between(60, chance.one_in(3) ? 2'000 : 500));
        group.initial_delay = settings.group_initial_rebalance_delay;
        group.alone = chance.one_in(much ? 5 : 3);
        group.members = int(group.alone ? chance.between(1, 2) : chance.between(2, much ? 5 : 3));
        group.ledger.offsets_lapse = lapse;
        plan_newer(world.consumers, group);
        group.administered = world.consumers.one_in(3);
    }
    plan_newer_settings(world, settings, groups);
}

Task<> be_member(Seam& seam, Workload& work, ConsumerGroup& group, MemberPlan plan) {
    auto& chance = work.world.consumers;
    // Mixed groups mostly begin with the classic protocol.
    bool newer = group.kind == GroupKind::newer || (group.kind == GroupKind::mixed && chance.one_in(4));
    for (; !group.released; newer = !newer)
        if (newer) co_await be_consumer(seam, work, group, plan);
        else co_await be_classic(seam, work, group, plan);
    ++work.clients_done;
}

int clients_of(const std::deque<ConsumerGroup>& groups) {
    int clients = 0;
    for (auto& group : groups) clients += group.members + 1 + (group.administered ? 1 : 0);
    return clients;
}

void employ_groups(Seam& seam, Workload& work, std::deque<ConsumerGroup>& groups) {
    auto& chance = work.world.groups;
    for (auto& group : groups) {
        for (int n = 0; n < group.members; ++n) {
            MemberPlan plan{.number = n, .is_static = !group.alone && chance.one_in(3)};
            plan.steps_least = int(chance.between(5, 20));
            seam.loop.spawn(be_member(seam, work, group, plan));
        }
        seam.loop.spawn(watch_group(seam, work, group));
        if (group.administered) seam.loop.spawn(administer_group(seam, work, group));
    }
}

}  // namespace fulmar::sim
