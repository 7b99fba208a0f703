#include "tests/sim/groups.h"

#include <fmt/format.h>

#include <deque>

#include "wire/kafka/describe_groups.h"
#include "wire/kafka/find_coordinator.h"
#include "wire/kafka/offset_fetch.h"

namespace fulmar::sim {

using namespace kafka;

bool is_away(ErrorCode error) {
    return error == ErrorCode::coordinator_load_in_progress ||
           error == ErrorCode::coordinator_not_available || error == ErrorCode::not_coordinator;
}

Task<Result<ErrorCode>> find_coordinator(Client& client, const std::string& group, int version) {
    std::string_view name = group;
    FindCoordinatorRequest request;
    request.coordinator_key = name;
    request.coordinator_keys = std::span(&name, 1);
    Arena arena(1 << 16);
    Frame frame;
    auto told = co_await co_await ask<FindCoordinatorRequest, FindCoordinatorResponse>(client, request,
                                                                                       version, arena, frame);
    if (version < 4) co_return told.error_code;
    if (told.coordinators.size() != 1) co_return std::unexpected(Error::damaged);
    co_return told.coordinators[0].error_code;
}

Task<Result<CommittedOffsets>> fetch_offsets(Client& client, const std::string& group,
                                             const std::vector<Place>& places, int version) {
    std::map<std::string, std::vector<std::int32_t>> wanted;
    for (auto& place : places) wanted[place.topic].push_back(place.partition);
    std::vector<OffsetFetchRequest::Topic> topics;
    std::vector<OffsetFetchRequest::GroupTopic> group_topics;
    for (auto& [topic, partitions] : wanted) {
        topics.push_back({topic, partitions});
        group_topics.push_back({topic, {}, partitions});
    }
    OffsetFetchRequest::Group one{group, std::nullopt, -1, group_topics};
    OffsetFetchRequest request;
    request.group_id = group;
    request.topics = topics;
    request.groups = std::span(&one, 1);
    Arena arena(1 << 18);
    Frame frame;
    auto told = co_await co_await ask<OffsetFetchRequest, OffsetFetchResponse>(client, request, version,
                                                                               arena, frame);
    CommittedOffsets committed{told.error_code};
    auto take = [&](std::string_view topic, std::span<OffsetFetchResponse::Partition> partitions) {
        for (auto& each : partitions) {
            if (each.error_code != ErrorCode::none) committed.error = each.error_code;
            committed.offsets.push_back({{std::string(topic), each.partition_index},
                                         each.committed_offset,
                                         std::string(each.metadata.value_or(""))});
        }
    };
    for (auto& topic : told.topics) take(topic.name, topic.partitions);
    for (auto& each : told.groups) {
        committed.error = each.error_code;
        for (auto& topic : each.topics) take(topic.name, topic.partitions);
    }
    if (committed.error == ErrorCode::none && committed.offsets.size() != places.size())
        co_return std::unexpected(Error::damaged);
    co_return committed;
}

Task<> read_offsets(Seam& seam, Workload& work, ConsumerGroup& group, bool damaged) {
    Client client(seam, work.server);
    for (;;) {
        auto connected = client.connected() ? Result<>() : co_await client.connect();
        GroupLedger::Asked asked{work.world.now, work.broker.lives};
        auto told = connected ? co_await fetch_offsets(client, group.name, group.places, 8)
                              : std::unexpected(connected.error());
        if (told && damaged && told->error == ErrorCode::coordinator_not_available) co_return;
        if (told && !is_away(told->error)) {
            if (told->error != ErrorCode::none)
                group.ledger.complain(
                    fmt::format("unreadable: its offsets give {} at the end", kafka::to_text(told->error)));
            for (auto& [place, offset, tag] : told->offsets) {
                if (offset == Offset{-1}) group.ledger.missing(place, asked, std::nullopt);
                else group.ledger.fetched(place, offset, tag, asked, work.world.now);
            }
            co_return;
        }
        if (!told) client.disconnect();
        co_await Timer(seam.loop, Millis(20));
    }
}

namespace {

struct State {
    std::string text;
    std::set<std::string> members;
};
Task<Result<State>> describe(Client& client, const std::string& group) {
    std::string_view name = group;
    DescribeGroupsRequest request;
    request.groups = std::span(&name, 1);
    Arena arena(1 << 18);
    Frame frame;
    auto told = co_await co_await ask<DescribeGroupsRequest, DescribeGroupsResponse>(client, request, 5,
                                                                                     arena, frame);
    if (told.groups.size() != 1) co_return std::unexpected(Error::damaged);
    auto& one = told.groups[0];
    State state{std::string(one.error_code == ErrorCode::none ? one.group_state : to_text(one.error_code)),
                {}};
    for (auto& member : one.members) state.members.emplace(member.member_id);
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

bool whole(const ConsumerGroup& group, const State& state) {
    std::set<std::string> expected;
    for (auto& [number, id] : group.in_it) expected.insert(id);
    auto members = group.alone ? 0 : group.members;
    bool stands = state.text == (group.alone ? "Dead" : "Stable") || (group.alone && state.text == "Empty");
    return stands && int(group.in_it.size()) == members && state.members == expected;
}

}  // namespace

Task<> watch_group(Seam& seam, Workload& work, ConsumerGroup& group) {
    // Of what is left: rebalances that go on, and sessions of those that are gone.
    auto patience =
        10 * (group.rebalance_timeout + group.session_timeout) + group.initial_delay + Millis(60'000);
    Client client(seam, work.server);
    std::optional<Instant> since, calm_since;
    std::string last = "never described";
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
        auto state = connected ? co_await describe(client, group.name) : std::unexpected(connected.error());
        if (!state) client.disconnect();
        else last = fmt::format("{} with {} members", state->text, state->members.size());
        group.released = state && whole(group, *state);
        if (group.released || now - *since < patience) continue;
        group.ledger.complain(fmt::format("stuck: it is {}, and {} of {} know their assignment", last,
                                          group.in_it.size(), group.members));
        group.released = true;
    }
    ++work.clients_done;
}

}  // namespace fulmar::sim
