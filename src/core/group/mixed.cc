#include "core/group/mixed.h"

#include <algorithm>

#include "core/group/advance.h"
#include "core/group/migration.h"
#include "core/group/reconcile.h"

namespace fulmar::group {

namespace {

struct Found {
    GroupError error{};
    const ConsumerMember* member = nullptr;
};
// The classic member that asks.
Found find(const ConsumerGroup& group, const std::string& member_id,
           const std::optional<std::string>& instance_id) {
    if (instance_id) {
        auto* id = group.static_member(*instance_id);
        if (!id) return {GroupError::unknown_member};
        if (*id != member_id) return {GroupError::fenced_instance};
    }
    auto* member = group.find(member_id);
    if (!member || !member->said.classic) return {GroupError::unknown_member};
    return {GroupError::none, member};
}

// Whether by joining again it would come nearer to what it is to have.
bool must_join(const ConsumerGroup& group, const std::string& id, const ConsumerMember& member,
               const Setting& setting) {
    auto& current = member.current;
    bool behind = current.epoch < group.target_epoch.epoch ||
                  (group.epoch.epoch > group.target_epoch.epoch && may_share_out(group, setting));
    if (behind || current.state == MemberState::unrevoked) return true;
    if (current.state != MemberState::unreleased) return false;
    Others others{group, id};
    auto lacks = [&](auto& topic, auto index) {
        auto at = current.assigned.find(topic);
        return at == current.assigned.end() || !at->second.contains(index);
    };
    for (auto& [topic, indexes] : group.target(id))
        for (auto index : indexes)
            if (lacks(topic, index) && others.hold(topic, index)) return false;
    return true;
}

// Whether what it can do goes with the other classic members.
bool fits(const ConsumerGroup& group, const Join& join) {
    std::set<std::string_view> common;
    for (auto& protocol : join.protocols) common.insert(protocol.name);
    for (auto& [id, member] : group.members()) {
        bool self = id == join.member_id || (join.instance_id && member.said.instance_id == join.instance_id);
        if (!member.said.classic || self) continue;
        std::set<std::string_view> known;
        for (auto& protocol : member.said.classic->protocols)
            if (common.contains(protocol.name)) known.insert(protocol.name);
        common = std::move(known);
        if (common.empty()) return false;
    }
    return true;
}

std::size_t said_bytes(const Join& join) {
    return join.member_id.size() + join.client_id.size() + bytes_of_all(join.protocols);
}

TimersSet timers(const std::string& group, const std::string& id, const Said& said, Instant now,
                 std::optional<Instant> act_by) {
    return {group, id, now + std::max(said.classic->session_timeout, Millis(1)), act_by};
}

}  // namespace

ConsumerOutcome decide(const ConsumerGroup& group, const Join& join, Ticket ticket, const Setting& setting) {
    ConsumerOutcome outcome;
    auto refuse = [&](GroupError error, const std::string& id) {
        outcome = {};
        outcome.answers.emplace_back(ticket, Joined{.error = error, .member_id = id});
        return outcome;
    };
    auto refused = [&](GroupError error) { return refuse(error, join.member_id); };
    if (join.group.empty()) return refused(GroupError::invalid_group_id);
    auto& bounds = setting.classic;
    if (join.session_timeout < bounds.session_timeout_min ||
        join.session_timeout > bounds.session_timeout_max)
        return refused(GroupError::invalid_session_timeout);
    bool allowed = setting.rules.may_upgrade || setting.rules.may_downgrade;
    if (!allowed || join.protocol_type != consumer_protocol_type || join.protocols.empty() ||
        !fits(group, join))
        return refused(GroupError::inconsistent_protocol);
    auto* known = join.instance_id ? group.static_member(*join.instance_id) : nullptr;
    bool nameless = join.member_id.empty();
    if (nameless && !known && !join.instance_id && join.must_know_id)
        return refuse(GroupError::member_id_required, join.new_member_id);
    if (!nameless && join.instance_id) {
        if (!known) return refused(GroupError::unknown_member);
        if (*known != join.member_id) return refused(GroupError::fenced_instance);
    }
    auto& id = nameless ? join.new_member_id : join.member_id;
    auto* was = nameless ? known : nullptr;
    auto* before = group.find(was ? *was : id);
    auto full = GroupError::group_full;
    // To read it takes memory and time by its size.
    if (said_bytes(join) > setting.rules.said_bytes_max) return refused(full);
    auto subscription = subscription_of(join.protocols.front().metadata, setting.image);
    if (!subscription) return refused(GroupError::inconsistent_protocol);
    auto said = said_of(join, *subscription);
    if (!has_room(group, before ? (was ? was : &id) : nullptr, id, said, setting.rules)) return refused(full);
    auto stepped = advance({join.group, group, setting, id, before, was, said, subscription->owned});
    if (!stepped) return refused(GroupError::inconsistent_protocol);
    outcome.add(std::move(stepped->events));
    auto now = setting.clocks.now;
    outcome.add({timers(join.group, id, said, now, now + join.rebalance_timeout)});
    outcome.answers.emplace_back(ticket, Joined{.generation = stepped->current.epoch,
                                                .protocol_type = std::string(consumer_protocol_type),
                                                .protocol = join.protocols.front().name,
                                                .member_id = id});
    return outcome;
}

ConsumerOutcome decide(const ConsumerGroup& group, const Sync& sync, Ticket ticket, const Setting& setting) {
    ConsumerOutcome outcome;
    auto refuse = [&](GroupError error) {
        outcome.answers.emplace_back(ticket, Synced{error, {}, {}, {}});
        return outcome;
    };
    if (sync.group.empty()) return refuse(GroupError::invalid_group_id);
    auto [error, member] = find(group, sync.member_id, sync.instance_id);
    if (error != GroupError::none) return refuse(error);
    if (member->current.epoch != sync.generation) return refuse(GroupError::illegal_generation);
    auto& protocol = member->said.classic->protocols.front().name;
    bool differs = (sync.protocol_type && *sync.protocol_type != consumer_protocol_type) ||
                   (sync.protocol && *sync.protocol != protocol);
    if (differs) return refuse(GroupError::inconsistent_protocol);
    auto now = setting.clocks.now;
    // What it must give back it learns from what it is told that it has.
    bool joins =
        member->current.state != MemberState::unrevoked && must_join(group, sync.member_id, *member, setting);
    auto act_by = joins ? std::optional(now + member->said.rebalance_timeout) : std::nullopt;
    outcome.add({timers(sync.group, sync.member_id, member->said, now, act_by)});
    if (joins) return refuse(GroupError::rebalance_in_progress);
    outcome.answers.emplace_back(ticket, Synced{GroupError::none, std::string(consumer_protocol_type),
                                                protocol, assignment_of(*member, setting.image)});
    return outcome;
}

ConsumerOutcome decide(const ConsumerGroup& group, const Heartbeat& beat, Ticket ticket,
                       const Setting& setting) {
    ConsumerOutcome outcome;
    auto answer = [&](GroupError error) {
        outcome.answers.emplace_back(ticket, Beaten{error});
        return outcome;
    };
    if (beat.group.empty()) return answer(GroupError::invalid_group_id);
    auto [error, member] = find(group, beat.member_id, beat.instance_id);
    if (error != GroupError::none) return answer(error);
    if (member->current.epoch != beat.generation) return answer(GroupError::illegal_generation);
    auto now = setting.clocks.now;
    auto act_by = member->act_by;
    bool joins = must_join(group, beat.member_id, *member, setting);
    if (joins && !act_by) act_by = now + member->said.rebalance_timeout;
    outcome.add({timers(beat.group, beat.member_id, member->said, now, act_by)});
    return answer(joins ? GroupError::rebalance_in_progress : GroupError::none);
}

ConsumerOutcome decide(const ConsumerGroup& group, const Leave& leave, Ticket ticket,
                       const Setting& setting) {
    ConsumerOutcome outcome;
    Left left;
    if (leave.group.empty()) {
        left.error = GroupError::invalid_group_id;
        outcome.answers.emplace_back(ticket, std::move(left));
        return outcome;
    }
    std::set<std::string> gone;
    for (auto& who : leave.members) {
        auto& error = left.members.emplace_back();
        // An operator's removal knows the instance alone, and may be of any kind of member.
        auto* id = who.member_id.empty() && who.instance_id ? group.static_member(*who.instance_id) : nullptr;
        if (!id) {
            error = find(group, who.member_id, who.instance_id).error;
            id = &who.member_id;
        }
        if (error == GroupError::none && !gone.insert(*id).second) error = GroupError::unknown_member;
    }
    if (!gone.empty()) outcome.add(part_with(leave.group, group, gone, setting));
    outcome.answers.emplace_back(ticket, std::move(left));
    return outcome;
}

}  // namespace fulmar::group
