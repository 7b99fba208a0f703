// The rules of consumer groups of the newer protocol (KIP-848): ConsumerGroupHeartbeat, what time brings
// about, and what members may commit. Pure: they look at a group and say what is to be so; `apply` alone
// changes it. Members that speak the classic protocol to such a group: core/group/mixed.h.
#pragma once

#include <algorithm>

#include "core/cluster/image.h"
#include "core/group/classic.h"
#include "core/group/consumer_group.h"

namespace fulmar::group {

inline constexpr std::string_view uniform_assignor = "uniform", range_assignor = "range";

struct ConsumerRules {
    // group.consumer.{,min.,max.}{session.timeout,heartbeat.interval}.ms
    struct Bounded {
        Millis usual, least, most;
        Millis within(Millis wanted) const { return std::max(least, std::min(wanted, most)); }
    };
    Bounded session_timeout{Millis(45'000), Millis(45'000), Millis(60'000)};
    Bounded heartbeat_interval{Millis(5'000), Millis(5'000), Millis(15'000)};
    std::size_t members_max = INT32_MAX;  // group.consumer.max.size
    // group.consumer.assignors: what members may name, first what is taken where none does.
    std::vector<std::string_view> assignors{uniform_assignor, range_assignor};
    bool may_upgrade = true, may_downgrade = true;  // group.consumer.migration.policy
    // A large group's partitions are shared out no more often, since that takes a while
    // (group.consumer.assignment.interval.ms); one with fewer members is not kept waiting.
    Millis assignment_interval{1'000};
    std::size_t waits_from_members = 100;
    std::size_t said_bytes_max = 16 << 20;    // What its members say of themselves, all.
    std::set<std::string> internal_topics{};  // No pattern matches them.
};

inline constexpr std::int32_t join_epoch = 0, leave_epoch = -1;

struct ConsumerBeat {
    std::string group, member_id;  // The latter is never empty.
    std::int32_t epoch = join_epoch;
    // What is none is as it was.
    std::optional<std::string> instance_id{}, rack_id{};
    std::string client_id{}, client_host{};
    std::optional<Millis> rebalance_timeout{};
    std::optional<std::set<std::string>> topics{};
    std::optional<std::string> pattern{}, assignor{};
    std::optional<Partitions> owned{};
    bool is_full() const { return rebalance_timeout && (topics || pattern) && owned; }
};
struct ConsumerBeaten {
    GroupError error{};
    std::string why{};  // For people; only of an error.
    std::string member_id{};
    std::int32_t epoch = 0;
    Millis interval{};
    std::optional<Partitions> assignment{};  // None: as it was told last.
};

// --- What becomes so, all durable but the last four; none: it is no more.
struct WroteConsumerGroup {
    std::string group;
    std::optional<GroupEpoch> what;
};
struct WroteConsumerMember {
    std::string group, member_id;
    std::optional<Said> what;
};
struct WroteTargetEpoch {
    std::string group;
    std::optional<TargetEpoch> what;
};
struct WroteTarget {
    std::string group, member_id;
    std::optional<Partitions> what;
};
struct WroteCurrent {
    std::string group, member_id;
    std::optional<Current> what;
};
struct WrotePattern {
    std::string group, pattern;
    std::optional<Matched> what;
};
struct TimersSet {
    std::string group, member_id;
    Instant expires{};
    std::optional<Instant> act_by{};
};
struct LookedAtTopics {
    std::string group;
    std::uint64_t version = 0;
};
struct MatchedTopics {
    std::string group;
    MatchingRound round{};
};
struct ConsumersArmed {
    std::string group;
    Instant now{};
    Millis session_timeout{};  // Of those that do not say themselves.
};
using ConsumerEvent =
    std::variant<WroteConsumerGroup, WroteConsumerMember, WroteTargetEpoch, WroteTarget, WroteCurrent,
                 WrotePattern, TimersSet, LookedAtTopics, MatchedTopics, ConsumersArmed>;
bool durable(const ConsumerEvent& event);

// What one name stands for: null where there is no group of that kind. Where there are both, as after a crash
// amid a migration, it is the consumer group.
struct Known {
    const Group* classic = nullptr;
    const ConsumerGroup* consumer = nullptr;
};
struct Setting {
    const Rules& classic;
    const ConsumerRules& rules;
    const cluster::Image& image;  // What topics there are, and what is set for single groups.
    Clocks clocks;
    // Of that group: what is set for it, or else for all.
    Millis session_timeout(const std::string& group) const;
    Millis heartbeat_interval(const std::string& group) const;
};
using MixedEvent = std::variant<GroupEvent, ConsumerEvent>;
struct ConsumerOutcome {
    std::vector<MixedEvent> events;
    std::vector<std::pair<Ticket, std::variant<GroupAnswer, ConsumerBeaten>>> answers;
    void add(std::vector<ConsumerEvent> more) {
        for (auto& event : more) events.emplace_back(std::move(event));
    }
    void add(ConsumerOutcome more) {
        std::ranges::move(more.events, std::back_inserter(events));
        std::ranges::move(more.answers, std::back_inserter(answers));
    }
    bool empty() const { return events.empty() && answers.empty(); }
};

ConsumerOutcome decide(const Known& known, const ConsumerBeat& beat, Ticket ticket, const Setting& setting);
// One step of what is due.
ConsumerOutcome settle(const std::string& name, const ConsumerGroup& group, const Setting& setting);
// Whether `settle` has to look at it before its deadline.
bool restless(const ConsumerGroup& group, const ConsumerRules& rules);
// REQUIRES: the event is about this group. Of `WroteConsumerGroup` with none, whoever holds the group is to
// drop it.
void apply(ConsumerGroup& group, const ConsumerEvent& event);

// Whether what a member says fits beside what the others say. `was`: the id of the one whose place it takes,
// itself perhaps; null: it is new.
bool has_room(const ConsumerGroup& group, const std::string* was, const std::string& id, const Said& said,
              const ConsumerRules& rules);
// Whether a member may commit. `speaks_epochs`: its request is of a version that knows them.
GroupError check_commit(const ConsumerGroup& group, const std::string& member_id,
                        const std::optional<std::string>& instance_id, std::int32_t epoch,
                        bool speaks_epochs);
// Whether it may ask what is committed, in its own name.
GroupError check_fetch(const ConsumerGroup& group, const std::string& member_id, std::int32_t epoch);

// The group and all that hangs on it is no more, in the order in which that is to be written.
std::vector<ConsumerEvent> forget(const std::string& name, const ConsumerGroup& group);

}  // namespace fulmar::group
