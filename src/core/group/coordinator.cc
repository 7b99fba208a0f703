#include "core/group/coordinator.h"

#include <algorithm>

#include "base/planted.h"
#include "core/clock_watch.h"
#include "core/group/advance.h"
#include "core/group/mixed.h"
#include "core/group/weigh.h"

namespace fulmar::group {

// At the end of a rebalance there is one for each member of a group, all at once.
static_assert(sizeof(Coordinator::Answer) <= 256);

namespace {

// What the rules of classic groups say, among what else there is.
void take(Decision<Coordinator>& decision, Outcome outcome) {
    for (auto& event : outcome.events) decision.events.emplace_back(std::move(event));
    for (auto& [ticket, answer] : outcome.answers)
        std::visit([&](auto& each) { decision.answers.emplace_back(ticket, std::move(each)); }, answer);
}
void take(Decision<Coordinator>& decision, ConsumerOutcome outcome) {
    for (auto& event : outcome.events)
        std::visit([&](auto& each) { decision.events.emplace_back(std::move(each)); }, event);
    struct {
        Decision<Coordinator>& decision;
        Ticket ticket;
        void operator()(ConsumerBeaten& told) const {
            decision.answers.emplace_back(ticket, std::move(told));
        }
        void operator()(GroupAnswer& told) const {
            std::visit([this](auto& each) { decision.answers.emplace_back(ticket, std::move(each)); }, told);
        }
    } visit{decision, Ticket{}};
    for (auto& [ticket, answer] : outcome.answers) {
        visit.ticket = ticket;
        std::visit(visit, answer);
    }
}

}  // namespace

std::string_view to_text(const Coordinator::AnyPhase& phase) {
    return std::visit([](auto each) { return to_text(each); }, phase);
}
const std::string& name_of(const Coordinator::Event& event) {
    auto name = [](auto& each) -> const std::string& { return each.group; };
    if (auto* change = std::get_if<GroupEvent>(&event)) return std::visit(name, *change);
    if (auto* change = std::get_if<ConsumerEvent>(&event)) return std::visit(name, *change);
    return std::get<Coordinator::WroteOffset>(event).group;
}

const Group& Coordinator::Entry::group() const {
    static const Group nobody;
    return classic ? *classic : nobody;
}
Coordinator::Found Coordinator::look(const std::string& name) const {
    auto at = all_.find(name);
    if (at == all_.end()) return {};
    auto& entry = at->second;
    auto* consumer = entry.consumer ? &*entry.consumer : nullptr;
    return {consumer ? nullptr : &entry.group(), consumer, &entry.offsets, entry.metadata_bytes};
}
Setting Coordinator::setting(Clocks clocks) const {
    static const cluster::Image none;
    return {rules_, rules_.consumers, image_ ? *image_ : none, clocks};
}

std::set<std::string> Coordinator::topics() const {
    std::set<std::string> topics;
    for (auto& [name, entry] : all_)
        for (auto& [topic, partitions] : entry.offsets) topics.insert(topic);
    return topics;
}

std::size_t Coordinator::weigh(const Describe& wanted) const {
    auto found = look(wanted.group);
    if (found.consumer) return group::weigh(*found.consumer);
    return found.classic ? group::weigh(*found.classic) : 0;
}
std::size_t Coordinator::weigh(const List&) const {
    std::size_t bytes = 0;
    for (auto& [name, entry] : all_)
        bytes += weigh_listed(name, entry.consumer ? std::string_view() : entry.group().protocol_type);
    return bytes;
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
        void operator()(const Join& join) const { self.decide(decision, join, ticket, clocks); }
        void operator()(const Sync& sync) const {
            auto [classic, consumer] = self.known(sync.group);
            if (consumer) take(decision, group::decide(*consumer, sync, ticket, self.setting(clocks)));
            else take(decision, group::decide(classic, sync, ticket, self.rules_, clocks));
        }
        void operator()(const Heartbeat& beat) const {
            auto [classic, consumer] = self.known(beat.group);
            if (consumer) take(decision, group::decide(*consumer, beat, ticket, self.setting(clocks)));
            else take(decision, group::decide(classic, beat, ticket, clocks));
        }
        void operator()(const Leave& leave) const {
            auto [classic, consumer] = self.known(leave.group);
            if (consumer) take(decision, group::decide(*consumer, leave, ticket, self.setting(clocks)));
            else take(decision, group::decide(classic, leave, ticket));
        }
        void operator()(const ConsumerBeat& beat) const {
            take(decision, group::decide(self.known(beat.group), beat, ticket, self.setting(clocks)));
        }
        void operator()(const Commit& commit) const { self.decide(decision, commit, ticket, clocks); }
        void operator()(const FetchOffsets& wanted) const { tell(self.fetch(wanted)); }
        void operator()(const ForgetOffsets& forget) const { self.decide(decision, forget, ticket); }
        void operator()(const Describe& wanted) const {
            auto [classic, consumer] = self.known(wanted.group);
            Described described;
            if (classic) described.group = std::make_shared<const Group>(*classic);
            if (consumer) described.consumer = std::make_shared<const ConsumerGroup>(*consumer);
            if (consumer) described.assignor = assignor_of(*consumer, self.rules_.consumers.assignors);
            tell(std::move(described));
        }
        void operator()(const List&) const {
            Listed listed;
            for (auto& [name, entry] : self.all_)
                if (entry.consumer) listed.groups.push_back({name, "consumer", entry.consumer->phase()});
                else listed.groups.push_back({name, entry.group().protocol_type, entry.group().phase});
            tell(std::move(listed));
        }
        void operator()(const Delete& wanted) const { tell(self.remove(decision, wanted)); }
        void operator()(const ForgetTopics& forget) const { tell(self.forget(decision, forget)); }
        void operator()(const Expire& wanted) const { tell(self.expire(decision, wanted, clocks)); }
    } visit{*this, decision, ticket, clocks, answer};
    std::visit(visit, command);
    return decision;
}

// Whether a member would hold more than it does, while all hold too much that was not written.
bool Coordinator::adds_too_much(const Group* group, const Outcome& outcome) const {
    if (held_.unwritten < rules_.unwritten_bytes_max) return false;
    return std::ranges::any_of(outcome.events, [&](auto& event) {
        auto* joins = std::get_if<MemberJoins>(&event);
        if (!joins) return false;
        auto* before = group ? group->find(joins->replaces.value_or(joins->member.id)) : nullptr;
        return !before || joins->member.said_bytes() > before->said_bytes();
    });
}
void Coordinator::decide(Decision<Coordinator>& decision, const Join& join, Ticket ticket,
                         Clocks clocks) const {
    auto [classic, consumer] = known(join.group);
    if (consumer && !consumer->members().empty())
        return take(decision, group::decide(*consumer, join, ticket, setting(clocks)));
    auto outcome = group::decide(classic, join, ticket, rules_, clocks);
    if (adds_too_much(classic, outcome)) {
        decision.answers.emplace_back(ticket,
                                      Joined{.error = GroupError::no_room, .member_id = join.member_id});
        return;
    }
    // One without members is of whichever kind comes next.
    if (consumer && !outcome.events.empty()) forget_group(decision, join.group, all_.at(join.group));
    take(decision, std::move(outcome));
}

// --- offsets -------------------------------------------------------------------------------------

GroupError Coordinator::may_commit(const Known& known, const Commit& commit) {
    auto [group, consumer] = known;
    if (consumer)
        return check_commit(*consumer, commit.member_id, commit.instance_id, commit.generation,
                            commit.speaks_epochs);
    if (commit.generation < 0) {
        bool alone = !group || group->is_empty();
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
    auto known = this->known(commit.group);
    Placed placed{may_commit(known, commit), {}};
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
    if (placed.error == GroupError::none && commit.generation >= 0 && known.classic) {
        auto& member = *known.classic->find(commit.member_id);
        decision.events.emplace_back(
            GroupEvent(Renewed{commit.group, member.id, clocks.now + member.session_timeout}));
    }
    decision.answers.emplace_back(ticket, std::move(placed));
}

Coordinator::Fetched Coordinator::fetch(const FetchOffsets& wanted) const {
    Fetched fetched;
    static const Offsets none;
    auto* consumer = find_consumer(wanted.group);
    if (consumer && wanted.member_id) fetched.error = check_fetch(*consumer, *wanted.member_id, wanted.epoch);
    if (fetched.error != GroupError::none) return fetched;
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
    auto [group, consumer] = known(forget.group);
    bool active = group && !group->is_empty();
    std::optional<std::set<std::string_view>> wanted;
    if (!group && !consumer) placed.error = GroupError::unknown_group;
    else if (active && group->protocol_type != "consumer") placed.error = GroupError::not_empty;
    else if (active) wanted = subscribed_topics(*group);
    for (auto& place : forget.places) {
        auto error = placed.error;
        // Who does not say what it wants may want anything.
        bool used = consumer ? consumer->subscribes(place.topic)
                             : active && (!wanted || wanted->contains(place.topic));
        if (error == GroupError::none && used) error = GroupError::subscribed;
        placed.places.push_back(error);
        if (error != GroupError::none) continue;
        auto known = fetch({forget.group, std::vector{place}}).offsets.front().second;
        if (known) decision.events.emplace_back(WroteOffset{forget.group, place, std::nullopt});
    }
    decision.answers.emplace_back(ticket, std::move(placed));
}

void Coordinator::forget_group(Decision<Coordinator>& decision, const std::string& name, const Entry& entry) {
    // Where the log ended amid a migration there are both; the one that is hidden goes first.
    if (!entry.consumer || entry.written)
        decision.events.emplace_back(GroupEvent(WroteGroup{name, std::nullopt}));
    if (!entry.consumer) return;
    for (auto& event : group::forget(name, *entry.consumer)) decision.events.emplace_back(std::move(event));
}
GroupError Coordinator::remove(Decision<Coordinator>& decision, const std::string& name) const {
    auto at = all_.find(name);
    if (at == all_.end()) return GroupError::unknown_group;
    auto& entry = at->second;
    bool empty = entry.consumer ? entry.consumer->members().empty() : entry.group().is_empty();
    if (!empty) return GroupError::not_empty;
    for (auto& [topic, partitions] : entry.offsets)
        for (auto& [partition, committed] : partitions)
            decision.events.emplace_back(WroteOffset{name, {topic, partition}, std::nullopt});
    forget_group(decision, name, entry);
    return GroupError::none;
}
Coordinator::Deleted Coordinator::remove(Decision<Coordinator>& decision, const Delete& wanted) const {
    Deleted deleted;
    std::set<std::string_view> gone;  // Named again it is not there any more.
    for (auto& name : wanted.groups) {
        if (decision.events.size() >= wanted.events_max && !deleted.groups.empty()) break;
        auto error = gone.contains(name) ? GroupError::unknown_group : remove(decision, name);
        if (error == GroupError::none) gone.insert(name);
        deleted.groups.push_back(error);
    }
    return deleted;
}
Coordinator::Done Coordinator::forget(Decision<Coordinator>& decision, const ForgetTopics& wanted) const {
    constexpr std::size_t looks_per_offset = 5;  // To look at one that stays costs far less.
    std::size_t looks = 0;
    // Groups have few topics each, and all that there are may go at once.
    for (auto at = all_.lower_bound(wanted.from); at != all_.end(); ++at) {
        auto& [name, entry] = *at;
        if (looks > looks_per_offset * wanted.count_max) return {GroupError::none, true, name};
        looks += 1 + entry.offsets.size();
        for (auto& [topic, partitions] : entry.offsets) {
            auto gone = wanted.topics->find(topic);
            if (gone == wanted.topics->end()) continue;
            looks += partitions.size();
            // While there is none of that name, none can have been committed since.
            bool another = image_ && image_->find(topic);
            for (auto& [partition, committed] : partitions) {
                // A stamp of a clock that was far ahead says nothing.
                bool later =
                    committed.at > gone->second && !ClockWatch::void_stamp(committed.at, gone->second);
                if (another && later) continue;
                if (decision.events.size() >= wanted.count_max) return {GroupError::none, true, name};
                decision.events.emplace_back(WroteOffset{name, {topic, partition}, std::nullopt});
            }
        }
    }
    return {};
}
Coordinator::Done Coordinator::expire(Decision<Coordinator>& decision, const Expire& wanted,
                                      Clocks clocks) const {
    auto left = wanted.count_max;
    for (auto& [name, entry] : all_) {
        if (left == 0) return {GroupError::none, true};
        auto& consumer = entry.consumer;
        auto retention = rules_.offsets_retention;
        auto gone = consumer ? lapsed(*consumer, entry.offsets, clocks.wall, retention, left)
                             : lapsed(entry.group(), entry.offsets, clocks.wall, retention, left);
        left -= gone.size();
        for (auto& [topic, partition] : gone)
            decision.events.emplace_back(WroteOffset{name, {topic, partition}, std::nullopt});
        bool empty = consumer ? consumer->members().empty()
                              : entry.group().is_empty() && entry.group().reserved.empty();
        bool over = empty && gone.size() == entry.offsets_count;
        // One that was never written has nothing to be forgotten but itself.
        if (over && (entry.written || consumer)) forget_group(decision, name, entry);
        left -= std::min<std::size_t>(left, over ? 1 : 0);
    }
    return {};
}

// --- time, and what is so ------------------------------------------------------------------------

Decision<Coordinator> Coordinator::settle(Clocks clocks) const {
    Decision<Coordinator> decision;
    if (held_.reserved > rules_.reserved_bytes_max) {
        auto& name = reserved_.begin()->second;
        auto& oldest = all_.at(name).group().by_age.begin()->second;
        decision.events.emplace_back(GroupEvent(Released{name, oldest}));
        return decision;
    }
    bool due = !due_.empty() && due_.begin()->first <= clocks.now;
    if (!due && restless_.empty()) return decision;
    auto& name = due ? due_.begin()->second : *restless_.begin();
    auto& entry = all_.at(name);
    if (entry.consumer) take(decision, group::settle(name, *entry.consumer, setting(clocks)));
    else take(decision, group::settle(name, entry.group(), rules_, clocks));
    return decision;
}
std::optional<Instant> Coordinator::deadline() const {
    return due_.empty() ? std::nullopt : std::optional(due_.begin()->first);
}

bool Coordinator::durable(const Event& event) {
    if (std::holds_alternative<WroteOffset>(event)) return true;
    if (auto* change = std::get_if<ConsumerEvent>(&event)) return group::durable(*change);
    return std::holds_alternative<WroteGroup>(std::get<GroupEvent>(event));
}

bool Coordinator::begins_rebalance(const Event& event) const {
    if (auto* change = std::get_if<ConsumerEvent>(&event))
        return std::holds_alternative<WroteTargetEpoch>(*change);
    auto* change = std::get_if<GroupEvent>(&event);
    if (!change || !std::holds_alternative<Rebalances>(*change)) return false;
    auto* group = find(name_of(event));
    return !group || group->phase != Phase::preparing_rebalance;
}

Coordinator::Held Coordinator::held_by(const std::string& name, const Entry& entry) {
    auto& group = entry.group();
    Held held{held_by_reserved(group), held_by_members(group)};
    held.unwritten -= std::min(held.unwritten, entry.members_written);
    bool known = entry.written || entry.consumer || !entry.offsets.empty();
    if (known) return held;
    bool nobody = group.members.empty() && !group.reserved.empty();
    (nobody ? held.reserved : held.unwritten) += held_by_group(name);
    return held;
}
void Coordinator::index(Entries::iterator at) {
    auto& [name, entry] = *at;
    auto& consumer = entry.consumer;
    auto& group = entry.group();
    auto keep = [&](auto& index, std::optional<Instant>& known, std::optional<Instant> now) {
        if (now == known) return;
        if (known) index.erase({*known, name});
        if (now) index.emplace(*now, name);
        known = now;
    };
    keep(due_, entry.due, consumer ? consumer->deadline() : group.deadline());
    auto& ids = group.by_age;
    keep(reserved_, entry.reserved_since, ids.empty() ? std::nullopt : std::optional(ids.begin()->first));
    if (consumer ? restless(*consumer, rules_.consumers) : restless(group)) restless_.insert(name);
    else restless_.erase(name);
    bool nothing = !consumer && !entry.written && entry.offsets.empty() && group.members.empty() &&
                   group.reserved.empty() && group.phase == Phase::empty && !group.must_rebalance;
    auto held = nothing ? Held{} : held_by(name, entry);
    held_.reserved += held.reserved - entry.held.reserved;
    held_.unwritten += held.unwritten - entry.held.unwritten;
    entry.held = held;
    auto counted = nothing ? Tally::One{} : count(entry);
    tally_.replace(entry.counted, counted);
    entry.counted = counted;
    if (nothing) all_.erase(at);
}
Tally::One Coordinator::count(const Entry& entry) {
    auto& consumer = entry.consumer;
    auto& group = entry.group();
    return {consumer ? to_text(consumer->phase()) : to_text(group.phase),
            consumer ? consumer->members().size() : group.members.size(), entry.offsets_count};
}
void Coordinator::apply(const Event& event) {
    auto at = all_.try_emplace(name_of(event)).first;
    auto& here = at->second;
    if (auto* wrote = std::get_if<WroteOffset>(&event)) {
        apply(here, *wrote);
    } else if (auto* change = std::get_if<ConsumerEvent>(&event)) {
        apply(here, *change);
    } else {
        apply(here, std::get<GroupEvent>(event));
    }
    index(at);
}
void Coordinator::apply(Entry& here, const WroteOffset& wrote) {
    auto& [topic, partition] = wrote.place;
    if (wrote.what) {
        auto [at, first] = here.offsets[topic].try_emplace(partition);
        auto& committed = at->second;
        here.offsets_count += first;
        here.metadata_bytes += wrote.what->metadata.size() - committed.metadata.size();
        committed = *wrote.what;
        return;
    }
    auto of_topic = here.offsets.find(topic);
    if (of_topic == here.offsets.end()) return;
    auto& partitions = of_topic->second;
    if (auto old = partitions.find(partition); old != partitions.end()) {
        here.metadata_bytes -= old->second.metadata.size();
        --here.offsets_count;
        partitions.erase(old);
    }
    if (partitions.empty()) here.offsets.erase(of_topic);
}
void Coordinator::apply(Entry& here, const GroupEvent& event) {
    auto* wrote = std::get_if<WroteGroup>(&event);
    if (wrote && !wrote->what) here.classic.reset();
    else group::apply(here.classic.made(), event);
    if (!wrote) return;
    here.written = wrote->what.has_value();
    here.members_written = held_by_members(here.group());
}
// Nothing is remembered of one that is no more, nor begun by what says that something is no more.
void Coordinator::apply(Entry& here, const ConsumerEvent& event) {
    auto* wrote = std::get_if<WroteConsumerGroup>(&event);
    if (wrote && !wrote->what) {
        here.consumer.reset();
        return;
    }
    bool tells = std::visit(
        [](auto& each) {
            if constexpr (requires { each.what; }) return each.what.has_value();
            else return true;
        },
        event);
    if (here.consumer || tells) group::apply(here.consumer.made(), event);
}

}  // namespace fulmar::group
