#include "core/group/coordinator.h"

#include <algorithm>

#include "base/planted.h"

namespace fulmar::group {

namespace {

// What the rules of classic groups say, among what else there is.
void take(Decision<Coordinator>& decision, Outcome outcome) {
    for (auto& event : outcome.events) decision.events.emplace_back(std::move(event));
    for (auto& [ticket, answer] : outcome.answers)
        std::visit([&](auto& each) { decision.answers.emplace_back(ticket, std::move(each)); }, answer);
}
const std::string& name_of(const GroupEvent& event) {
    return std::visit([](auto& each) -> const std::string& { return each.group; }, event);
}

}  // namespace

const Group* Coordinator::find(const std::string& name) const {
    auto at = all_.find(name);
    return at == all_.end() ? nullptr : &at->second.group;
}
const Offsets* Coordinator::offsets_of(const std::string& name) const {
    auto at = all_.find(name);
    return at == all_.end() ? nullptr : &at->second.offsets;
}

std::set<std::string> Coordinator::topics() const {
    std::set<std::string> topics;
    for (auto& [name, entry] : all_)
        for (auto& [topic, partitions] : entry.offsets) topics.insert(topic);
    return topics;
}

Decision<Coordinator> Coordinator::decide(const Command& command, Ticket ticket, Clocks clocks) const {
    Decision<Coordinator> decision;
    auto answer = [&](Answer told) { decision.answers.emplace_back(ticket, std::move(told)); };
    struct {
        const Coordinator& self;
        Decision<Coordinator>& decision;
        Ticket ticket;
        Clocks clocks;
        decltype(answer)& tell;
        void operator()(const Join& join) const {
            take(decision, group::decide(self.find(join.group), join, ticket, self.rules_, clocks));
        }
        void operator()(const Sync& sync) const {
            take(decision, group::decide(self.find(sync.group), sync, ticket, self.rules_, clocks));
        }
        void operator()(const Heartbeat& beat) const {
            take(decision, group::decide(self.find(beat.group), beat, ticket, clocks));
        }
        void operator()(const Leave& leave) const {
            take(decision, group::decide(self.find(leave.group), leave, ticket));
        }
        void operator()(const Commit& commit) const { self.decide(decision, commit, ticket, clocks); }
        void operator()(const FetchOffsets& wanted) const { tell(self.fetch(wanted)); }
        void operator()(const ForgetOffsets& forget) const { self.decide(decision, forget, ticket); }
        void operator()(const Describe& wanted) const {
            auto group = self.find(wanted.group);
            tell(Described{group ? std::optional(*group) : std::nullopt});
        }
        void operator()(const List&) const {
            Listed listed;
            for (auto& [name, entry] : self.all_)
                listed.groups.push_back({name, entry.group.protocol_type, entry.group.phase});
            tell(std::move(listed));
        }
        void operator()(const Delete& wanted) const { tell(self.remove(decision, wanted)); }
        void operator()(const ForgetTopics& forget) const {
            self.forget(decision, forget.topics);
            tell(Done{});
        }
        void operator()(const Expire& wanted) const { tell(self.expire(decision, wanted, clocks)); }
    } visit{*this, decision, ticket, clocks, answer};
    std::visit(visit, command);
    return decision;
}

// --- offsets -------------------------------------------------------------------------------------

GroupError Coordinator::may_commit(const Commit& commit) const {
    auto group = find(commit.group);
    if (commit.generation < 0) {
        bool alone = !group || group->phase == Phase::empty;
        if (alone) return GroupError::none;
        return group->find(commit.member_id) ? GroupError::illegal_generation : GroupError::unknown_member;
    }
    if (!group) return GroupError::unknown_group;
    auto generation = planted(Bug::old_generation_commits) ? group->generation : commit.generation;
    auto error = check_member(group, commit.member_id, commit.instance_id, generation);
    bool waits = error == GroupError::none && group->phase == Phase::completing_rebalance;
    return waits ? GroupError::rebalance_in_progress : error;
}
void Coordinator::decide(Decision<Coordinator>& decision, const Commit& commit, Ticket ticket,
                         Clocks clocks) const {
    Placed placed{may_commit(commit), {}};
    for (auto& [place, offset] : commit.offsets) {
        auto error = placed.error;
        bool too_large = offset.metadata.size() > rules_.metadata_bytes_max;
        if (error == GroupError::none && too_large) error = GroupError::metadata_too_large;
        placed.places.push_back(error);
        if (error != GroupError::none) continue;
        auto kept = offset;
        kept.at = clocks.wall;
        kept.lapses = commit.retention ? std::optional(clocks.wall + *commit.retention) : std::nullopt;
        decision.events.emplace_back(WroteOffset{commit.group, place, std::move(kept)});
    }
    if (placed.error == GroupError::none && commit.generation >= 0) {
        auto& member = *find(commit.group)->find(commit.member_id);
        decision.events.emplace_back(
            GroupEvent(Renewed{commit.group, member.id, clocks.now + member.session_timeout}));
    }
    decision.answers.emplace_back(ticket, std::move(placed));
}

Coordinator::Fetched Coordinator::fetch(const FetchOffsets& wanted) const {
    Fetched fetched;
    static const Offsets none;
    auto known = offsets_of(wanted.group);
    auto& offsets = known ? *known : none;
    if (!wanted.places) {
        for (auto& [topic, partitions] : offsets)
            for (auto& [partition, committed] : partitions)
                fetched.offsets.emplace_back(Place{topic, partition}, committed);
        return fetched;
    }
    for (auto& place : *wanted.places) {
        auto& one = fetched.offsets.emplace_back(place, std::nullopt).second;
        auto topic = offsets.find(place.topic);
        if (topic == offsets.end()) continue;
        if (auto at = topic->second.find(place.partition); at != topic->second.end()) one = at->second;
    }
    return fetched;
}

void Coordinator::decide(Decision<Coordinator>& decision, const ForgetOffsets& forget, Ticket ticket) const {
    Placed placed;
    auto group = find(forget.group);
    std::optional<std::set<std::string>> wanted;
    if (!group) placed.error = GroupError::unknown_group;
    else if (group->phase != Phase::empty && group->protocol_type != "consumer")
        placed.error = GroupError::not_empty;
    else if (group->phase != Phase::empty) wanted = subscribed_topics(*group);
    for (auto& place : forget.places) {
        auto error = placed.error;
        // Who does not say what it wants may want anything.
        bool used = group && group->phase != Phase::empty && (!wanted || wanted->contains(place.topic));
        if (error == GroupError::none && used) error = GroupError::subscribed;
        placed.places.push_back(error);
        if (error != GroupError::none) continue;
        auto known = fetch({forget.group, std::vector{place}}).offsets.front().second;
        if (known) decision.events.emplace_back(WroteOffset{forget.group, place, std::nullopt});
    }
    decision.answers.emplace_back(ticket, std::move(placed));
}

Coordinator::Done Coordinator::remove(Decision<Coordinator>& decision, const Delete& wanted) const {
    auto at = all_.find(wanted.group);
    if (at == all_.end()) return {GroupError::unknown_group};
    auto& entry = at->second;
    if (entry.group.phase != Phase::empty) return {GroupError::not_empty};
    for (auto& [topic, partitions] : entry.offsets)
        for (auto& [partition, committed] : partitions)
            decision.events.emplace_back(WroteOffset{wanted.group, {topic, partition}, std::nullopt});
    decision.events.emplace_back(GroupEvent(WroteGroup{wanted.group, std::nullopt}));
    return {};
}
void Coordinator::forget(Decision<Coordinator>& decision, const std::set<std::string>& topics) const {
    // Groups have few topics each, and all that there are may go at once.
    for (auto& [name, entry] : all_)
        for (auto& [topic, partitions] : entry.offsets) {
            if (!topics.contains(topic)) continue;
            for (auto& [partition, committed] : partitions)
                decision.events.emplace_back(WroteOffset{name, {topic, partition}, std::nullopt});
        }
}
Coordinator::Done Coordinator::expire(Decision<Coordinator>& decision, const Expire& wanted,
                                      Clocks clocks) const {
    auto left = wanted.count_max;
    for (auto& [name, entry] : all_) {
        if (left == 0) return {GroupError::none, true};
        auto gone = lapsed(entry.group, entry.offsets, clocks.wall, rules_.offsets_retention, left);
        left -= gone.size();
        std::size_t known = 0;
        for (auto& [topic, partitions] : entry.offsets) known += partitions.size();
        for (auto& [topic, partition] : gone)
            decision.events.emplace_back(WroteOffset{name, {topic, partition}, std::nullopt});
        bool over = entry.group.phase == Phase::empty && entry.group.reserved.empty() && gone.size() == known;
        // One that was never written has nothing to be forgotten but itself.
        if (over && entry.written) decision.events.emplace_back(GroupEvent(WroteGroup{name, std::nullopt}));
        left -= std::min<std::size_t>(left, over ? 1 : 0);
    }
    return {};
}

// --- time, and what is so ------------------------------------------------------------------------

Decision<Coordinator> Coordinator::settle(Clocks clocks) const {
    Decision<Coordinator> decision;
    bool due = !due_.empty() && due_.begin()->first <= clocks.now;
    if (!due && restless_.empty()) return decision;
    auto& name = due ? due_.begin()->second : *restless_.begin();
    take(decision, group::settle(name, all_.at(name).group, rules_, clocks));
    return decision;
}
std::optional<Instant> Coordinator::deadline() const {
    return due_.empty() ? std::nullopt : std::optional(due_.begin()->first);
}

bool Coordinator::durable(const Event& event) {
    if (std::holds_alternative<WroteOffset>(event)) return true;
    return std::holds_alternative<WroteGroup>(std::get<GroupEvent>(event));
}

void Coordinator::index(const std::string& name) {
    auto at = all_.find(name);
    auto& entry = at->second;
    if (entry.due) due_.erase({*entry.due, name});
    entry.due = entry.group.deadline();
    if (entry.due) due_.emplace(*entry.due, name);
    if (restless(entry.group)) restless_.insert(name);
    else restless_.erase(name);
    auto& group = entry.group;
    bool nothing = !entry.written && entry.offsets.empty() && group.members.empty() &&
                   group.reserved.empty() && group.phase == Phase::empty && !group.must_rebalance;
    if (nothing) all_.erase(at);
}
void Coordinator::apply(const Event& event) {
    if (auto* wrote = std::get_if<WroteOffset>(&event)) {
        auto& offsets = entry(wrote->group).offsets;
        if (wrote->what) {
            offsets[wrote->place.topic].insert_or_assign(wrote->place.partition, *wrote->what);
        } else if (auto topic = offsets.find(wrote->place.topic); topic != offsets.end()) {
            topic->second.erase(wrote->place.partition);
            if (topic->second.empty()) offsets.erase(topic);
        }
        return index(wrote->group);
    }
    auto& change = std::get<GroupEvent>(event);
    auto& name = name_of(change);
    auto& here = entry(name);
    if (auto* wrote = std::get_if<WroteGroup>(&change)) here.written = wrote->what.has_value();
    group::apply(here.group, change);
    index(name);
}

}  // namespace fulmar::group
