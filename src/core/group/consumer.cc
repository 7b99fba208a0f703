#include "core/group/consumer.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/planted.h"
#include "core/group/advance.h"
#include "core/group/migration.h"
#include "core/group/reconcile.h"

namespace fulmar::group {

static Millis set_for(const cluster::Image& image, const std::string& group, std::string_view key,
                      const ConsumerRules::Bounded& rule) {
    auto& set = image.configs({cluster::ConfigOwner::Kind::group, group});
    auto at = set.find(key);
    std::int64_t millis = rule.usual.count();
    if (at != set.end()) {
        auto& text = at->second;
        std::from_chars(text.data(), text.data() + text.size(), millis);
    }
    return rule.within(Millis(millis));
}
Millis Setting::session_timeout(const std::string& group) const {
    return set_for(image, group, "consumer.session.timeout.ms", rules.session_timeout);
}
Millis Setting::heartbeat_interval(const std::string& group) const {
    return set_for(image, group, "consumer.heartbeat.interval.ms", rules.heartbeat_interval);
}

namespace {

struct Refusal {
    GroupError error{};
    std::string why{};
};

Refusal no_such_member(const ConsumerBeat& beat) {
    return {GroupError::unknown_member,
            fmt::format("Member {} is not a member of group {}.", beat.member_id, beat.group)};
}

// As whom a member speaks.
struct Speaker {
    const ConsumerMember* member = nullptr;  // Null: it is new.
    const std::string* was = nullptr;        // Its id until now.
};
std::expected<Speaker, Refusal> find(const ConsumerGroup& group, const ConsumerBeat& beat) {
    bool joins = beat.epoch == join_epoch;
    auto* by_id = group.find(beat.member_id);
    auto* id = beat.instance_id ? group.static_member(*beat.instance_id) : nullptr;
    if (!beat.instance_id || !id) {
        if (by_id && !beat.instance_id) return Speaker{by_id, nullptr};
        if (joins) return Speaker{by_id, nullptr};
        return std::unexpected(no_such_member(beat));
    }
    if (*id == beat.member_id) return Speaker{by_id, nullptr};
    auto* other = group.find(*id);
    if (!joins)
        return std::unexpected(
            Refusal{GroupError::fenced_instance,
                    fmt::format("Static member {} with instance id {} was fenced by member {}.",
                                beat.member_id, *beat.instance_id, *id)});
    // By the classic protocol a static member goes without a word.
    if (other->current.epoch != away_epoch && !other->said.classic)
        return std::unexpected(Refusal{
            GroupError::unreleased_instance,
            fmt::format("Static member {} with instance id {} cannot join: the instance id is in use by "
                        "member {}.",
                        beat.member_id, *beat.instance_id, *id)});
    return Speaker{other, id};
}

std::optional<Refusal> check_epoch(const ConsumerBeat& beat, const Current& current) {
    if (beat.epoch == join_epoch || beat.epoch == current.epoch) return std::nullopt;
    // It may have lost the answer that told it of the next one.
    bool lost = beat.epoch == current.previous_epoch && beat.owned && within(*beat.owned, current.assigned);
    if (beat.epoch < current.epoch && lost && !planted(Bug::lost_answer_fences)) return std::nullopt;
    return Refusal{
        GroupError::fenced_member_epoch,
        fmt::format("The member's epoch {} is {} than the group coordinator's {}. It must give up all "
                    "its partitions and join again.",
                    beat.epoch, beat.epoch > current.epoch ? "greater" : "smaller", current.epoch)};
}

bool says_anew(const ConsumerBeat& beat, const ConsumerMember& before) {
    auto& said = before.said;
    return beat.topics || beat.pattern || beat.assignor || beat.rebalance_timeout || said.classic ||
           (beat.instance_id && beat.instance_id != said.instance_id) ||
           (beat.rack_id && beat.rack_id != said.rack_id) || beat.client_id != said.client_id ||
           beat.client_host != said.client_host;
}
Said said_in(const ConsumerBeat& beat, const ConsumerMember* before) {
    auto said = before ? before->said : Said{};
    if (beat.instance_id) said.instance_id = beat.instance_id;
    if (beat.rack_id) said.rack_id = beat.rack_id;
    said.client_id = beat.client_id;
    said.client_host = beat.client_host;
    if (beat.topics) said.topics = *beat.topics;
    if (beat.pattern) said.pattern = beat.pattern->empty() ? std::nullopt : beat.pattern;
    if (beat.rebalance_timeout) said.rebalance_timeout = *beat.rebalance_timeout;
    if (beat.assignor) said.assignor = beat.assignor;
    // Who comes with the newer protocol has left the classic one behind.
    said.classic.reset();
    return said;
}

class Beat {
public:
    Beat(const Known& known, const ConsumerBeat& beat, Ticket ticket, const Setting& setting)
        : known_(known), beat_(beat), ticket_(ticket), setting_(setting) {}

    ConsumerOutcome run() {
        bool leaves = beat_.epoch == leave_epoch || beat_.epoch == away_epoch;
        auto refusal = leaves ? leave() : go_on();
        if (!refusal) return std::move(outcome_);
        // What had to be so for it is not, either.
        outcome_ = {};
        return answer({.error = refusal->error, .why = std::move(refusal->why)});
    }

private:
    ConsumerOutcome answer(ConsumerBeaten told) {
        outcome_.answers.emplace_back(ticket_, std::move(told));
        return std::move(outcome_);
    }
    void tell(ConsumerBeaten told) { outcome_.answers.emplace_back(ticket_, std::move(told)); }

    // The group, made or brought over from the classic protocol, if need be.
    std::expected<const ConsumerGroup*, Refusal> group() {
        if (known_.consumer) return known_.consumer;
        if (beat_.epoch != join_epoch) {
            auto why = known_.classic ? "Group {} is not a consumer group." : "Consumer group {} not found.";
            return std::unexpected(
                Refusal{GroupError::unknown_group, fmt::format(fmt::runtime(why), beat_.group)});
        }
        auto made = upgrade(beat_.group, known_.classic, setting_);
        if (!made)
            return std::unexpected(
                Refusal{GroupError::unknown_group,
                        fmt::format("Cannot upgrade classic group {} to consumer group because {}.",
                                    beat_.group, made.error())});
        made_ = std::move(made->group);
        outcome_ = std::move(made->outcome);
        return &made_;
    }

    std::optional<Refusal> go_on() {
        auto found = group();
        if (!found) return found.error();
        auto& group = **found;
        auto speaker = find(group, beat_);
        if (!speaker) return speaker.error();
        auto [before, was] = *speaker;
        if (before && before->said.classic && beat_.epoch != join_epoch) return no_such_member(beat_);
        if (before && !was)
            if (auto refusal = check_epoch(beat_, before->current)) return refusal;
        // Most heartbeats say nothing.
        std::optional<Said> anew;
        if (!before || was || says_anew(beat_, *before)) anew = said_in(beat_, before);
        auto& said = anew ? *anew : before->said;
        auto* place = was ? was : before ? &beat_.member_id : nullptr;
        if (anew && !has_room(group, place, beat_.member_id, said, setting_.rules))
            return Refusal{
                GroupError::group_full,
                fmt::format("The consumer group {} has reached its maximum capacity.", beat_.group)};
        auto stepped =
            advance({beat_.group, group, setting_, beat_.member_id, before, was, said, beat_.owned});
        if (!stepped)
            return Refusal{
                GroupError::invalid_pattern,
                fmt::format("SubscribedTopicRegex is not a valid regular expression: {}.", stepped.error())};
        outcome_.add(std::move(stepped->events));
        auto timers = timers_after(before, was, said, stepped->current);
        outcome_.events.emplace_back(ConsumerEvent(std::move(timers)));
        finish(before, was, *stepped);
        return std::nullopt;
    }
    // It is missed after a session without a word; and after its rebalance time-out, if it does not give back
    // what it must.
    TimersSet timers_after(const ConsumerMember* before, const std::string* was, const Said& said,
                           const Current& current) const {
        auto now = setting_.clocks.now;
        TimersSet timers{beat_.group, beat_.member_id, now + setting_.session_timeout(beat_.group),
                         std::nullopt};
        if (current.state != MemberState::unrevoked || planted(Bug::revocation_without_deadline))
            return timers;
        bool same = before && !was && before->act_by && before->current.epoch == current.epoch &&
                    before->current.state == current.state;
        timers.act_by = same ? *before->act_by : now + said.rebalance_timeout;
        return timers;
    }
    void finish(const ConsumerMember* before, const std::string* was, const Stepped& stepped) {
        ConsumerBeaten told{.member_id = beat_.member_id,
                            .epoch = stepped.current.epoch,
                            .interval = setting_.heartbeat_interval(beat_.group)};
        bool changed = !before || was || before->current.assigned != stepped.current.assigned;
        if (beat_.epoch == join_epoch || beat_.is_full() || changed)
            told.assignment = stepped.current.assigned;
        tell(std::move(told));
    }

    std::optional<Refusal> leave() {
        auto* group = known_.consumer;
        if (!group) {
            auto why = known_.classic ? "Group {} is not a consumer group." : "Consumer group {} not found.";
            return Refusal{GroupError::unknown_group, fmt::format(fmt::runtime(why), beat_.group)};
        }
        auto speaker = find(*group, beat_);
        if (!speaker) return speaker.error();
        auto& member = *speaker->member;
        if (member.said.classic) return no_such_member(beat_);
        if (beat_.epoch == away_epoch) {
            auto current = member.current;
            current.previous_epoch = current.epoch == away_epoch ? current.previous_epoch : current.epoch;
            current.epoch = away_epoch;
            outcome_.events.emplace_back(ConsumerEvent(WroteCurrent{beat_.group, beat_.member_id, current}));
            outcome_.events.emplace_back(ConsumerEvent(
                TimersSet{beat_.group, beat_.member_id,
                          setting_.clocks.now + setting_.session_timeout(beat_.group), std::nullopt}));
        } else {
            outcome_.add(part_with(beat_.group, *group, {beat_.member_id}, setting_));
        }
        tell({.member_id = beat_.member_id, .epoch = beat_.epoch});
        return std::nullopt;
    }

    const Known& known_;
    const ConsumerBeat& beat_;
    const Ticket ticket_;
    const Setting& setting_;
    ConsumerGroup made_;
    ConsumerOutcome outcome_;
};

}  // namespace

bool has_room(const ConsumerGroup& group, const std::string* was, const std::string& id, const Said& said,
              const ConsumerRules& rules) {
    auto before = was ? was->size() + group.find(*was)->said.bytes() : 0;
    auto now = id.size() + said.bytes();
    // One that was taken over may be fuller than it could have become; who says no more than before stays.
    bool room = now <= before || group.said_bytes() - before + now <= rules.said_bytes_max;
    return room && (was || group.members().size() < rules.members_max);
}

ConsumerOutcome decide(const Known& known, const ConsumerBeat& beat, Ticket ticket, const Setting& setting) {
    return Beat(known, beat, ticket, setting).run();
}

// --- commits -------------------------------------------------------------------------------------

GroupError check_commit(const ConsumerGroup& group, const std::string& member_id,
                        const std::optional<std::string>& instance_id, std::int32_t epoch,
                        bool speaks_epochs) {
    if (epoch < 0 && group.members().empty()) return GroupError::none;
    auto* member = group.find(member_id);
    if (!member) return GroupError::unknown_member;
    bool classic = member->said.classic.has_value();
    if (classic && instance_id) {
        auto* id = group.static_member(*instance_id);
        if (!id) return GroupError::unknown_member;
        if (*id != member_id) return GroupError::fenced_instance;
    }
    if (!classic && !speaks_epochs) return GroupError::unsupported_version;
    if (epoch == member->current.epoch) return GroupError::none;
    if (planted(Bug::old_epoch_commits) && epoch >= 0 && epoch < member->current.epoch)
        return GroupError::none;
    return classic ? GroupError::illegal_generation : GroupError::stale_member_epoch;
}
GroupError check_fetch(const ConsumerGroup& group, const std::string& member_id, std::int32_t epoch) {
    auto* member = group.find(member_id);
    if (!member) return GroupError::unknown_member;
    if (epoch == member->current.epoch) return GroupError::none;
    return member->said.classic ? GroupError::illegal_generation : GroupError::stale_member_epoch;
}

// --- what follows by itself ----------------------------------------------------------------------

static bool is_unarmed(const ConsumerGroup& group) {
    return !group.expiries().empty() && group.expiries().begin()->first == not_armed;
}
bool restless(const ConsumerGroup& group, const ConsumerRules& rules) {
    return is_unarmed(group) || falls_to_classic(group, {}, rules);
}
ConsumerOutcome settle(const std::string& name, const ConsumerGroup& group, const Setting& setting) {
    ConsumerOutcome outcome;
    auto now = setting.clocks.now;
    if (falls_to_classic(group, {}, setting.rules)) return downgrade(name, group, {}, setting);
    if (is_unarmed(group)) {
        outcome.add({ConsumersArmed{name, now, setting.session_timeout(name)}});
        return outcome;
    }
    // All that are due go at once: each of them alone would be a change of the group.
    std::set<std::string> gone;
    for (auto* timers : {&group.expiries(), &group.acts()})
        for (auto at = timers->begin(); at != timers->end() && at->first <= now; ++at)
            gone.insert(at->second);
    if (!gone.empty()) outcome.add(part_with(name, group, gone, setting));
    return outcome;
}

// --- apply ---------------------------------------------------------------------------------------

bool durable(const ConsumerEvent& event) {
    if (std::holds_alternative<WroteCurrent>(event) && planted(Bug::epochs_not_logged)) return false;
    return !std::holds_alternative<TimersSet>(event) && !std::holds_alternative<LookedAtTopics>(event) &&
           !std::holds_alternative<MatchedTopics>(event) && !std::holds_alternative<ConsumersArmed>(event);
}

namespace {

struct Apply {
    ConsumerGroup& group;

    void operator()(const WroteConsumerGroup& event) const {
        group.epoch = event.what.value_or(GroupEpoch{});
    }
    void operator()(const WroteTargetEpoch& event) const {
        group.put_target_epoch(event.what.value_or(TargetEpoch{}));
    }
    void operator()(const WroteConsumerMember& event) const {
        if (event.what) group.put(event.member_id, *event.what);
        else group.remove(event.member_id);
    }
    void operator()(const WroteTarget& event) const {
        if (event.what) group.put_target(event.member_id, *event.what);
        else group.remove_target(event.member_id);
    }
    void operator()(const WroteCurrent& event) const {
        if (event.what) group.put(event.member_id, *event.what);
        else if (group.find(event.member_id)) group.put(event.member_id, Current{});
    }
    void operator()(const WrotePattern& event) const {
        if (event.what) group.put_pattern(event.pattern, *event.what);
        else group.remove_pattern(event.pattern);
    }
    void operator()(const TimersSet& event) const {
        group.set_timers(event.member_id, event.expires, event.act_by);
    }
    void operator()(const LookedAtTopics& event) const { group.looked_at = event.version; }
    void operator()(const MatchedTopics& event) const { group.round = event.round; }
    // After a replay each has its time to come back.
    void operator()(const ConsumersArmed& event) const {
        std::vector<std::string> ids;
        for (auto& [at, id] : group.expiries())
            if (at == not_armed) ids.push_back(id);
        for (auto& id : ids) {
            auto& member = *group.find(id);
            auto& classic = member.said.classic;
            std::optional<Instant> act_by;
            // One that is away gives nothing back until it has returned, or its session is over.
            bool away = member.current.epoch == away_epoch;
            if (member.current.state == MemberState::unrevoked && !away)
                act_by = event.now + std::max(member.said.rebalance_timeout, Millis(0));
            auto session = classic ? classic->session_timeout : event.session_timeout;
            group.set_timers(id, event.now + std::max(session, Millis(1)), act_by);
        }
    }
};

}  // namespace

void apply(ConsumerGroup& group, const ConsumerEvent& event) { std::visit(Apply{group}, event); }

std::vector<ConsumerEvent> forget(const std::string& name, const ConsumerGroup& group) {
    std::vector<ConsumerEvent> events;
    for (auto& [id, member] : group.members()) {
        events.push_back(WroteCurrent{name, id, std::nullopt});
        events.push_back(WroteConsumerMember{name, id, std::nullopt});
    }
    for (auto& [id, target] : group.targets()) events.push_back(WroteTarget{name, id, std::nullopt});
    for (auto& [pattern, matched] : group.patterns())
        events.push_back(WrotePattern{name, pattern, std::nullopt});
    events.push_back(WroteTargetEpoch{name, std::nullopt});
    events.push_back(WroteConsumerGroup{name, std::nullopt});
    return events;
}

}  // namespace fulmar::group
