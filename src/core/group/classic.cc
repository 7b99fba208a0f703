#include "core/group/classic.h"

#include <algorithm>

#include "base/check.h"
#include "base/planted.h"

namespace fulmar::group {

namespace {

// A record of the log holds a whole group.
bool too_large(const Group* group, const Join& join, const Rules& rules) {
    auto bytes = join.member_id.size() + join.new_member_id.size() + join.client_id.size() +
                 join.protocol_type.size() + bytes_of_all(join.protocols);
    auto* member = group ? group->find(join.member_id) : nullptr;
    auto others = group ? group->said_bytes - (member ? member->said_bytes() : 0) : 0;
    return others + bytes > rules.group_bytes_max;
}
bool too_large(const Sync& sync, const Rules& rules) {
    std::size_t bytes = 0;
    for (auto& [id, assignment] : sync.assignments) bytes += id.size() + assignment.size();
    return bytes > rules.group_bytes_max;
}

Joined refused(const Join& join, GroupError error) { return {.error = error, .member_id = join.member_id}; }

// What a member is told of the generation that it is in.
Joined current(const Group& group, const Member& member) {
    Joined told{.generation = group.generation,
                .protocol_type = group.protocol_type,
                .protocol = group.protocol,
                .leader = group.leader.value_or(""),
                .member_id = member.id};
    if (told.leader != member.id) return told;
    for (auto& [id, each] : group.members)
        told.members.push_back({id, each.instance_id, each.metadata_for(group.protocol.value_or(""))});
    return told;
}
Synced assignment_of(const Group& group, const Member& member) {
    return {GroupError::none, group.protocol_type, group.protocol, member.assignment};
}

// The one behind an instance id, and whether `member_id` is its id still (KIP-345).
GroupError check_identity(const Group& group, const std::string& member_id,
                          const std::optional<std::string>& instance_id) {
    if (instance_id) {
        auto known = group.static_ids.find(*instance_id);
        if (known == group.static_ids.end()) return GroupError::unknown_member;
        if (known->second != member_id) return GroupError::fenced_instance;
    }
    return group.find(member_id) ? GroupError::none : GroupError::unknown_member;
}

bool fits(const Group* group, const Join& join) {
    if (join.protocol_type.empty() || join.protocols.empty()) return false;
    if (!group || group->members.empty()) return true;
    if (group->protocol_type != join.protocol_type) return false;
    return std::ranges::any_of(join.protocols, [&](auto& each) {
        auto known = group->knowing.find(each.name);
        return known != group->knowing.end() && known->second == group->members.size();
    });
}
bool is_full(const Group* group, const Join& join, const Rules& rules) {
    if (!group || group->phase == Phase::empty) return false;
    auto* member = group->find(join.member_id);
    bool returns = member || (join.instance_id && group->static_ids.contains(*join.instance_id));
    if (group->phase != Phase::preparing_rebalance)
        return !returns && group->members.size() >= rules.members_max;
    if (member && member->joining) return false;
    return group->joining >= rules.members_max;
}

Member member_of(const Join& join, const std::string& id, const Member* before, Ticket ticket) {
    return {.id = id,
            .instance_id = before ? before->instance_id : join.instance_id,
            .client_id = join.client_id,
            .client_host = join.client_host,
            .session_timeout = join.session_timeout,
            .rebalance_timeout = join.rebalance_timeout,
            .protocols = join.protocols,
            .assignment = before ? before->assignment : std::string(),
            .fresh = before ? before->fresh : true,
            .joining = ticket};
}

// Puts the member of `join` among those that wait for the next generation.
void join_next(Outcome& outcome, const Join& join, const std::string& id, const Member* before, Ticket ticket,
               const Rules& rules, Clocks clocks) {
    auto member = member_of(join, id, before, ticket);
    member.expires = clocks.now + (member.fresh ? rules.fresh_member_timeout : join.session_timeout);
    if (before && before->joining)
        outcome.answers.emplace_back(*before->joining, refused(join, GroupError::rebalance_in_progress));
    if (before && before->syncing)
        outcome.answers.emplace_back(*before->syncing, Synced{GroupError::rebalance_in_progress, {}, {}, {}});
    outcome.events.push_back(MemberJoins{join.group, join.protocol_type, std::move(member), std::nullopt});
}

// A static member that has lost its id, as one that was restarted has: it takes its own place.
void come_back(Outcome& outcome, const Group& group, const Join& join, Ticket ticket, const Rules& rules,
               Clocks clocks) {
    auto& old = *group.find(group.static_ids.at(*join.instance_id));
    auto member = member_of(join, join.new_member_id, &old, ticket);
    member.expires = clocks.now + (old.fresh ? rules.fresh_member_timeout : join.session_timeout);
    if (old.joining)
        outcome.answers.emplace_back(*old.joining,
                                     Joined{.error = GroupError::fenced_instance, .member_id = old.id});
    if (old.syncing)
        outcome.answers.emplace_back(*old.syncing, Synced{GroupError::fenced_instance, {}, {}, {}});
    auto as_before = member;
    as_before.id = old.id;
    bool same = group.phase == Phase::stable && group.leader && group.vote(&as_before) == group.protocol;
    if (!same) {
        outcome.events.push_back(MemberJoins{join.group, join.protocol_type, std::move(member), old.id});
        return;
    }
    member.joining.reset();
    member.must_sync = old.must_sync;
    member.expires = clocks.now + join.session_timeout;
    // The generation goes on, with the new id in the place of the old one.
    Group next = group;
    MemberJoins event{join.group, join.protocol_type, std::move(member), old.id, false};
    group::apply(next, event);
    outcome.events.push_back(event);
    outcome.events.push_back(WroteGroup{join.group, next.written(group.since)});
    auto told = current(next, next.members.at(join.new_member_id));
    if (told.leader == join.new_member_id) {
        told.skip_assign = join.can_skip_assign;
        if (!join.can_skip_assign) {  // It must not assign anew: it is told that another one leads.
            told.leader = old.id;
            told.members.clear();
        }
    }
    outcome.answers.emplace_back(ticket, std::move(told));
}

}  // namespace

Outcome decide(const Group* group, const Join& join, Ticket ticket, const Rules& rules, Clocks clocks) {
    Outcome outcome;
    auto refuse = [&](GroupError error) {
        outcome.answers.emplace_back(ticket, refused(join, error));
        return outcome;
    };
    if (join.group.empty()) return refuse(GroupError::invalid_group_id);
    if (join.session_timeout < rules.session_timeout_min || join.session_timeout > rules.session_timeout_max)
        return refuse(GroupError::invalid_session_timeout);
    if (!group && !join.member_id.empty()) return refuse(GroupError::unknown_member);
    // A reserved id counts as its member's own: it changes nothing of what the others know.
    if (!fits(group, join)) return refuse(GroupError::inconsistent_protocol);
    if (is_full(group, join, rules) || too_large(group, join, rules)) return refuse(GroupError::group_full);

    if (join.member_id.empty()) {
        bool known = group && join.instance_id && group->static_ids.contains(*join.instance_id);
        if (known) {
            come_back(outcome, *group, join, ticket, rules, clocks);
        } else if (join.must_know_id && !join.instance_id) {
            auto until = clocks.now + join.session_timeout;
            outcome.events.push_back(Reserved{join.group, join.new_member_id, {until, clocks.now}});
            outcome.answers.emplace_back(
                ticket, Joined{.error = GroupError::member_id_required, .member_id = join.new_member_id});
        } else {
            join_next(outcome, join, join.new_member_id, nullptr, ticket, rules, clocks);
        }
        return outcome;
    }
    if (group->reserved.contains(join.member_id) && !join.instance_id) {
        join_next(outcome, join, join.member_id, nullptr, ticket, rules, clocks);
        return outcome;
    }
    if (auto error = check_identity(*group, join.member_id, join.instance_id); error != GroupError::none)
        return refuse(error);
    auto& member = *group->find(join.member_id);
    bool same = member.protocols == join.protocols;
    // It may have lost the answer that it asks for again. A leader of a stable group asks for a rebalance.
    bool again = (group->phase == Phase::completing_rebalance && same) ||
                 (group->phase == Phase::stable && same && group->leader && group->leader != member.id);
    if (!again) {
        join_next(outcome, join, member.id, &member, ticket, rules, clocks);
        return outcome;
    }
    outcome.events.push_back(Renewed{join.group, member.id, clocks.now + member.session_timeout});
    outcome.answers.emplace_back(ticket, current(*group, member));
    return outcome;
}

GroupError check_member(const Group* group, const std::string& member_id,
                        const std::optional<std::string>& instance_id, std::int32_t generation) {
    if (!group) return GroupError::unknown_member;
    if (auto error = check_identity(*group, member_id, instance_id); error != GroupError::none) return error;
    return group->generation == generation ? GroupError::none : GroupError::illegal_generation;
}

Outcome decide(const Group* group, const Sync& sync, Ticket ticket, const Rules& rules, Clocks clocks) {
    Outcome outcome;
    auto answer = [&](Synced told) {
        outcome.answers.emplace_back(ticket, std::move(told));
        return outcome;
    };
    auto refuse = [&](GroupError error) { return answer({error, {}, {}, {}}); };
    if (sync.group.empty()) return refuse(GroupError::invalid_group_id);
    auto error = check_member(group, sync.member_id, sync.instance_id, sync.generation);
    if (error != GroupError::none) return refuse(error);
    bool differs = (sync.protocol_type && *sync.protocol_type != group->protocol_type) ||
                   (sync.protocol && sync.protocol != group->protocol);
    // Amid a rebalance it may be another than it was, and the next one is not known yet.
    if (differs && group->phase != Phase::preparing_rebalance)
        return refuse(GroupError::inconsistent_protocol);
    if (too_large(sync, rules)) return refuse(GroupError::group_too_large);
    auto& member = *group->find(sync.member_id);
    auto until = clocks.now + member.session_timeout;
    bool replaces =
        planted(Bug::assignment_replaced) && group->phase == Phase::stable && !sync.assignments.empty();
    switch (replaces ? Phase::completing_rebalance : group->phase) {
        case Phase::empty: return refuse(GroupError::unknown_member);
        case Phase::preparing_rebalance: return refuse(GroupError::rebalance_in_progress);
        case Phase::stable:
            outcome.events.push_back(Renewed{sync.group, member.id, until, {}, true});
            return answer(assignment_of(*group, member));
        case Phase::completing_rebalance: break;
    }
    if (member.syncing)
        outcome.answers.emplace_back(*member.syncing, Synced{GroupError::rebalance_in_progress, {}, {}, {}});
    outcome.events.push_back(Renewed{sync.group, member.id, until, ticket});
    if (group->leader != member.id) return outcome;
    Group next = *group;
    group::apply(next, outcome.events.back());
    for (auto& [id, each] : next.members) each.assignment.clear();
    for (auto& [id, bytes] : sync.assignments)
        if (auto at = next.members.find(id); at != next.members.end()) at->second.assignment = bytes;
    outcome.events.push_back(WroteGroup{sync.group, next.written(clocks.wall)});
    for (auto& [id, each] : next.members) {
        if (!each.syncing) continue;
        outcome.events.push_back(Renewed{sync.group, id, clocks.now + each.session_timeout, {}, true});
        outcome.answers.emplace_back(*each.syncing, assignment_of(next, each));
    }
    return outcome;
}

Outcome decide(const Group* group, const Heartbeat& beat, Ticket ticket, Clocks clocks) {
    Outcome outcome;
    auto answer = [&](GroupError error) {
        outcome.answers.emplace_back(ticket, Beaten{error});
        return outcome;
    };
    if (beat.group.empty()) return answer(GroupError::invalid_group_id);
    auto error = check_member(group, beat.member_id, beat.instance_id, beat.generation);
    if (error != GroupError::none) return answer(error);
    if (group->phase == Phase::empty) return answer(GroupError::unknown_member);
    auto& member = *group->find(beat.member_id);
    outcome.events.push_back(Renewed{beat.group, member.id, clocks.now + member.session_timeout});
    bool rebalances = group->phase == Phase::preparing_rebalance;
    return answer(rebalances ? GroupError::rebalance_in_progress : GroupError::none);
}

static void part_with(Outcome& outcome, const std::string& name, const Member& member) {
    outcome.events.push_back(MemberGone{name, member.id});
    if (member.joining)
        outcome.answers.emplace_back(*member.joining,
                                     Joined{.error = GroupError::unknown_member, .member_id = member.id});
    if (member.syncing)
        outcome.answers.emplace_back(*member.syncing, Synced{GroupError::unknown_member, {}, {}, {}});
}

Outcome decide(const Group* group, const Leave& leave, Ticket ticket) {
    Outcome outcome;
    Left left;
    if (leave.group.empty()) left.error = GroupError::invalid_group_id;
    std::set<std::string> gone;
    for (auto& who : leave.members) {
        auto& error = left.members.emplace_back();
        auto id = who.member_id;
        if (group && id.empty() && who.instance_id)  // An operator's removal knows the instance alone.
            if (auto known = group->static_ids.find(*who.instance_id); known != group->static_ids.end())
                id = known->second;
        if (group && group->reserved.contains(id) && !gone.contains(id)) {
            gone.insert(id);
            outcome.events.push_back(Released{leave.group, id});
            continue;
        }
        error = group ? check_identity(*group, id, who.instance_id) : GroupError::unknown_member;
        if (error == GroupError::none && !gone.insert(id).second) error = GroupError::unknown_member;
        if (error == GroupError::none) part_with(outcome, leave.group, *group->find(id));
    }
    if (left.error != GroupError::none) outcome = {};
    outcome.answers.emplace_back(ticket, std::move(left));
    return outcome;
}

// --- what follows by itself ----------------------------------------------------------------------

namespace {

// Of a group of static members that are all away: until their sessions are over.
constexpr Millis rebalance_again_min{1'000};

bool waits(const Member& member) { return (member.joining && !member.fresh) || member.syncing.has_value(); }

void begin_rebalance(Outcome& outcome, const std::string& name, const Group& group, const Rules& rules,
                     Instant now) {
    for (auto& [id, member] : group.members)
        if (member.syncing)
            outcome.answers.emplace_back(*member.syncing,
                                         Synced{GroupError::rebalance_in_progress, {}, {}, {}});
    auto longest = group.rebalance_timeout();
    if (group.phase != Phase::empty) {
        outcome.events.push_back(Rebalances{name, now + longest});
        return;
    }
    auto delay = std::min(rules.initial_delay, longest);
    outcome.events.push_back(Rebalances{name, now + delay, longest - delay});
}

// Who has not come goes, but for static members, whose place is kept until their session is over.
void complete_join(Outcome& outcome, const std::string& name, const Group& group, Clocks clocks) {
    Group next = group;
    for (auto& [id, member] : group.members) {
        if (member.joining || member.instance_id) continue;
        outcome.events.push_back(MemberGone{name, id});
        next.remove(id);
    }
    if (next.members.empty()) {
        next.protocol.reset();
        next.leader.reset();
        next.generation = next.next_generation();
        outcome.events.push_back(WroteGroup{name, next.written(clocks.wall)});
        return;
    }
    auto leads = next.leader ? next.find(*next.leader) : nullptr;
    if (!leads || !leads->joining) {
        auto joined =
            std::ranges::find_if(next.members, [](auto& each) { return bool(each.second.joining); });
        if (joined == next.members.end()) {  // Nobody is there to assign anything.
            auto wait = std::max(next.rebalance_timeout(), rebalance_again_min);
            outcome.events.push_back(Rebalances{name, clocks.now + wait});
            return;
        }
        leads = &joined->second;
    }
    NewGeneration event{name, next.vote(), leads->id, clocks.now};
    group::apply(next, event);
    for (auto& [id, member] : group.members)
        if (member.joining) outcome.answers.emplace_back(*member.joining, current(next, next.members.at(id)));
    outcome.events.push_back(std::move(event));
}

}  // namespace

bool restless(const Group& group) {
    bool gathers = group.delay_left.has_value();
    return group.must_rebalance || group.is_unassigned() ||
           (group.phase == Phase::preparing_rebalance && !gathers && group.all_joined()) ||
           (!group.expiries.empty() && group.expiries.begin()->first == not_armed);
}

Outcome settle(const std::string& name, const Group& group, const Rules& rules, Clocks clocks) {
    Outcome outcome;
    auto now = clocks.now;
    if (!group.expiries.empty() && group.expiries.begin()->first <= now) {
        auto& [at, id] = *group.expiries.begin();
        if (at == not_armed) {
            outcome.events.push_back(Armed{name, now});
        } else if (group.reserved.contains(id)) {
            outcome.events.push_back(Released{name, id});
        } else if (auto& member = *group.find(id);
                   waits(member) && (member.expires == at || !planted(Bug::late_member_timer))) {
            outcome.events.push_back(Renewed{name, id, now + std::max(member.session_timeout, Millis(1))});
        } else {
            part_with(outcome, name, member);
        }
        return outcome;
    }
    if (group.must_rebalance || group.is_unassigned()) {
        begin_rebalance(outcome, name, group, rules, now);
        return outcome;
    }
    bool over = group.phase_ends && *group.phase_ends <= now;
    if (group.phase == Phase::preparing_rebalance) {
        bool gathers_on = over && group.delay_left && group.gathered && *group.delay_left > Millis(0);
        if (gathers_on) {
            auto delay = std::min(rules.initial_delay, *group.delay_left);
            outcome.events.push_back(Rebalances{name, now + delay, *group.delay_left - delay});
        } else if (over || (!group.delay_left && group.all_joined())) {
            complete_join(outcome, name, group, clocks);
        }
    } else if (over) {  // They have not asked for their assignment.
        for (auto& [id, member] : group.members)
            if (member.must_sync) part_with(outcome, name, member);
    }
    return outcome;
}

// --- apply ---------------------------------------------------------------------------------------

namespace {

struct Apply {
    Group& group;

    void operator()(const WroteGroup& event) const {
        if (event.what) group.take(*event.what);
        else group = {};
    }
    void operator()(const Reserved& event) const { group.reserve(event.member_id, event.reservation); }
    void operator()(const Released& event) const { group.release(event.member_id); }
    void operator()(const MemberJoins& event) const {
        if (event.replaces) {
            bool led = group.leader == *event.replaces;
            auto expires = group.members.at(*event.replaces).expires;
            group.remove(*event.replaces);
            group.put(event.member);
            if (planted(Bug::late_member_timer)) group.expiries.emplace(expires, event.member.id);
            if (led) group.leader = event.member.id;
        } else {
            group.gathered |= !group.find(event.member.id);
            group.put(event.member);
        }
        group.protocol_type = event.protocol_type;
        if (event.rebalances && group.phase != Phase::preparing_rebalance) group.must_rebalance = true;
    }
    void operator()(const MemberGone& event) const {
        group.remove(event.member_id);
        if (group.phase == Phase::stable || group.phase == Phase::completing_rebalance)
            group.must_rebalance = true;
    }
    void operator()(const Renewed& event) const {
        auto& member = group.members.at(event.member_id);
        group.expire(member, event.until);
        if (event.syncs) member.syncing = event.syncs;
        if (event.has_synced) member.syncing.reset();
        if (event.syncs || event.has_synced) group.set_must_sync(member, false);
        if (group.phase != Phase::preparing_rebalance && group.nobody_must_sync()) group.phase_ends.reset();
    }
    void operator()(const Rebalances& event) const {
        for (auto& [id, member] : group.members) {
            member.syncing.reset();
            group.set_must_sync(member, false);
            if (group.phase == Phase::completing_rebalance) member.assignment.clear();
        }
        group.phase = Phase::preparing_rebalance;
        group.must_rebalance = false;
        group.phase_ends = event.until;
        group.delay_left = event.delay_left;
        if (planted(Bug::rebalance_without_deadline) && !event.delay_left) group.phase_ends.reset();
        group.gathered = false;
    }
    void operator()(const NewGeneration& event) const {
        group.generation = group.next_generation();
        group.phase = Phase::completing_rebalance;
        group.protocol = event.protocol;
        group.leader = event.leader;
        group.delay_left.reset();
        for (auto& [id, member] : group.members) {
            group.set_joining(member, std::nullopt);
            member.fresh = false;
            group.set_must_sync(member, true);
            group.expire(member, event.now + member.session_timeout);
        }
        group.phase_ends = event.now + group.rebalance_timeout();
    }
    void operator()(const Armed& event) const { group.arm(event.now); }
    void operator()(const ComesOver& event) const { group.generation = event.generation; }
};

}  // namespace

void apply(Group& group, const GroupEvent& event) { std::visit(Apply{group}, event); }

}  // namespace fulmar::group
