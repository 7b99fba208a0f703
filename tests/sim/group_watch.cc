#include <fmt/format.h>

#include "tests/sim/groups.h"
#include "wire/kafka/consumer_group_describe.h"
#include "wire/kafka/describe_groups.h"

namespace fulmar::sim {

using namespace kafka;

namespace {

struct State {
    std::string text;
    struct Of {
        std::set<Place> has{};
        std::int32_t epoch = 0;
    };
    std::map<std::string, Of> members{};
    std::int32_t epoch = 0, target_epoch = 0;
    bool newer = false;
};
std::string text_of(ErrorCode error, std::string_view state) {
    return std::string(error == ErrorCode::none ? state : to_text(error));
}
Task<Result<State>> describe_classic(Client& client, const std::string& group) {
    std::string_view name = group;
    DescribeGroupsRequest request;
    request.groups = std::span(&name, 1);
    Arena arena(1 << 18);
    Frame frame;
    auto told = co_await co_await ask<DescribeGroupsRequest, DescribeGroupsResponse>(client, request, 5,
                                                                                     arena, frame);
    if (told.groups.size() != 1) co_return std::unexpected(Error::damaged);
    auto& one = told.groups[0];
    State state{.text = text_of(one.error_code, one.group_state)};
    for (auto& member : one.members) state.members.try_emplace(std::string(member.member_id));
    co_return state;
}
Task<Result<State>> describe(Client& client, const ConsumerGroup& group) {
    if (group.kind == GroupKind::classic) co_return co_await describe_classic(client, group.name);
    std::string_view name = group.name;
    ConsumerGroupDescribeRequest request;
    request.group_ids = std::span(&name, 1);
    Arena arena(1 << 18);
    Frame frame;
    auto told = co_await co_await ask<ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse>(
        client, request, 1, arena, frame);
    if (told.groups.size() != 1) co_return std::unexpected(Error::damaged);
    auto& one = told.groups[0];
    // It may have gone back.
    bool classic = one.error_code == ErrorCode::group_id_not_found && group.kind == GroupKind::mixed;
    if (classic) co_return co_await describe_classic(client, group.name);
    State state{.text = text_of(one.error_code, one.group_state),
                .epoch = one.group_epoch,
                .target_epoch = one.assignment_epoch,
                .newer = true};
    for (auto& member : one.members) {
        auto& known = state.members[std::string(member.member_id)];
        known.epoch = member.member_epoch;
        for (auto& topic : member.assignment.topic_partitions)
            for (auto partition : topic.partitions)
                known.has.insert({std::string(topic.topic_name), partition});
    }
    co_return state;
}

void look_for_waits(Workload& work, ConsumerGroup& group) {
    auto& broker = work.broker;
    // A disk that is lost or full answers when it is there again.
    if (!work.calm && work.disks_fill) return;
    for (auto& [number, wait] : group.waits) {
        bool here = broker.alive() && !broker.stopping() && broker.lives == wait.life;
        auto waited = Millis((work.world.now - wait.since_us) / 1000);
        if (!here || waited <= wait.most) continue;
        group.ledger.complain(fmt::format("unanswered: member {} has waited {} ms for its {}", number,
                                          waited.count(), wait.what));
        group.waits.clear();
        return;
    }
}

// Once no fault comes any more it is there, within what two starts take.
void look_for_answers(Workload& work, ConsumerGroup& group, Instant calm_since, Instant now) {
    constexpr Millis patience{30'000};
    if (now - calm_since < patience) return;
    auto away = Millis((work.world.now - group.answered_us) / 1000);
    if (away <= patience) return;
    group.ledger.complain(fmt::format("away: its coordinator has not been there for {} ms", away.count()));
    group.released = true;
}

// Each partition that somebody wants is somebody's who wants it, and of nobody else.
std::string shared_wrongly(const ConsumerGroup& group) {
    std::map<Place, int> owners;
    std::set<std::string> wanted;
    for (auto& [number, in] : group.in_it) {
        for (auto& place : in.has) {
            ++owners[place];
            if (!in.wants.empty() && !in.wants.contains(place.topic))
                return fmt::format("{} has {}-{}, which it does not want", in.id, place.topic,
                                   place.partition);
        }
        wanted.insert(in.wants.begin(), in.wants.end());
    }
    bool all = std::ranges::any_of(group.in_it, [](auto& each) { return each.second.wants.empty(); });
    for (auto& place : group.places)
        if ((all || wanted.contains(place.topic)) && owners[place] != 1)
            return fmt::format("{}-{} has {} owners", place.topic, place.partition, owners[place]);
    return {};
}
// Empty: everybody is in it, and all is as its members were told; else what is not.
std::string lacking(const ConsumerGroup& group, const State& state) {
    auto members = group.alone ? 0 : group.members;
    bool stands = state.text == (group.alone ? "Dead" : "Stable") || (group.alone && state.text == "Empty");
    if (!stands || int(group.in_it.size()) != members || int(state.members.size()) != members)
        return fmt::format("it is {} with {} members, and {} of {} know their assignment", state.text,
                           state.members.size(), group.in_it.size(), group.members);
    for (auto& [number, in] : group.in_it) {
        auto at = state.members.find(in.id);
        if (at == state.members.end()) return fmt::format("it does not know {}", in.id);
        if (!state.newer) continue;
        auto& known = at->second;
        if (known.epoch != state.epoch || state.target_epoch != state.epoch)
            return fmt::format("{} is in epoch {}, the target in {}, the group in {}", in.id, known.epoch,
                               state.target_epoch, state.epoch);
        if (known.has != in.has)
            return fmt::format("{} has {} partitions, and knows of {}", in.id, known.has.size(),
                               in.has.size());
    }
    return group.kind == GroupKind::classic ? std::string() : shared_wrongly(group);
}

}  // namespace

Task<> watch_group(Seam& seam, Workload& work, ConsumerGroup& group) {
    // Of what is left: rebalances that go on, and sessions of those that are gone.
    auto patience =
        10 * (group.rebalance_timeout + group.session_timeout) + group.initial_delay + Millis(60'000);
    Client client(seam, work.server);
    std::optional<Instant> since, calm_since;
    std::string last = "it cannot be described";
    while (!group.released) {
        co_await Timer(seam.loop, Millis(100));
        look_for_waits(work, group);
        if (!work.calm) continue;
        auto now = seam.loop.now();
        if (!calm_since) calm_since = now;
        if (!group.released) look_for_answers(work, group, *calm_since, now);
        if (group.settling < group.members) continue;
        if (!since) since = now;
        auto connected = client.connected() ? Result<>() : co_await client.connect();
        auto state = connected ? co_await describe(client, group) : std::unexpected(connected.error());
        if (!state) client.disconnect();
        else last = lacking(group, *state);
        group.released = state && last.empty();
        if (group.released || now - *since < patience) continue;
        group.ledger.complain("stuck: " + last);
        group.released = true;
    }
    ++work.clients_done;
}

}  // namespace fulmar::sim
