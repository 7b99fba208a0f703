// The rules of classic groups: JoinGroup, SyncGroup, Heartbeat and LeaveGroup, and what time brings about
// (KIP-62, KIP-134, KIP-345, KIP-394, KIP-800, KIP-814, and what Kafka does where these are silent). Pure:
// they look at a group and say what is to be so; `apply` alone changes it.
#pragma once

#include <variant>

#include "core/group/group.h"

namespace fulmar::group {

enum class GroupError : std::uint8_t {
    none,
    invalid_group_id,
    unknown_group,  // Of what names one for good; else a group that is unknown has no members.
    unknown_member,
    fenced_instance,
    illegal_generation,
    inconsistent_protocol,
    invalid_session_timeout,
    rebalance_in_progress,
    member_id_required,
    group_full,
    not_empty,
    subscribed,
    metadata_too_large,
    group_too_large,  // Its assignments do not fit into a record.
    no_room,          // Too much is held already that no log knows of; it may be different soon.
    // --- of consumer groups (KIP-848)
    fenced_member_epoch,
    stale_member_epoch,
    unreleased_instance,
    invalid_pattern,
    unsupported_version,  // The request's is older than what its member needs.
};

struct Rules {
    Millis session_timeout_min{6'000}, session_timeout_max{1'800'000};  // group.{min,max}.session.timeout.ms
    Millis initial_delay{3'000};           // group.initial.rebalance.delay.ms (KIP-134)
    std::size_t members_max = INT32_MAX;   // group.max.size (KIP-389)
    Millis fresh_member_timeout{300'000};  // Of one whose first rebalance takes long, as Kafka has it.
    // What its members say of themselves, and what they are assigned, each: the log keeps both of a group in
    // one record.
    std::size_t group_bytes_max = 16 << 20;
};

struct Join {
    std::string group, member_id;
    std::optional<std::string> instance_id;
    std::string client_id, client_host, protocol_type;
    Millis session_timeout{}, rebalance_timeout{};
    std::vector<Protocol> protocols;
    std::string new_member_id;     // For one that has none yet: nobody else has it.
    bool must_know_id = false;     // It is told its id first, and joins with that (version 4).
    bool can_skip_assign = false;  // A leader can be told to keep what is assigned (version 9).
};
struct Sync {
    std::string group, member_id;
    std::optional<std::string> instance_id;
    std::int32_t generation = -1;
    std::optional<std::string> protocol_type{}, protocol{};          // As far as it names them (version 5).
    std::vector<std::pair<std::string, std::string>> assignments{};  // From the leader: by member id.
};
struct Heartbeat {
    std::string group, member_id;
    std::optional<std::string> instance_id;
    std::int32_t generation = -1;
};
struct Leave {
    struct Who {
        std::string member_id;
        std::optional<std::string> instance_id;
    };
    std::string group;
    std::vector<Who> members;
};

struct Joined {
    GroupError error{};
    std::int32_t generation = -1;
    std::string protocol_type{};
    std::optional<std::string> protocol{};
    std::string leader{}, member_id{};
    bool skip_assign = false;
    struct Of {
        std::string id;
        std::optional<std::string> instance_id;
        std::string metadata;
        bool operator==(const Of&) const = default;
    };
    std::vector<Of> members{};  // For the leader alone.
};
struct Synced {
    GroupError error{};
    std::string protocol_type;
    std::optional<std::string> protocol;
    std::string assignment;
};
struct Beaten {
    GroupError error{};
};
struct Left {
    GroupError error{};
    std::vector<GroupError> members;  // As they were asked for.
};

// --- What becomes so. All but `WroteGroup` is soft.
struct WroteGroup {
    std::string group;
    std::optional<Written> what;  // None: it is no more.
};
struct Reserved {
    std::string group, member_id;
    Group::Reservation reservation{};
};
struct Released {
    std::string group, member_id;
};
// A member waits for the next generation; it may be new, or be another now than it was.
struct MemberJoins {
    std::string group, protocol_type;
    Member member;
    std::optional<std::string> replaces;  // The id that a static member had.
    bool rebalances = true;
};
struct MemberGone {
    std::string group, member_id;
};
struct Renewed {
    std::string group, member_id;
    Instant until{};
    std::optional<Ticket> syncs{};  // It waits for its assignment.
    bool has_synced = false;        // It has been given it.
};
struct Rebalances {
    std::string group;
    Instant until{};
    std::optional<Millis> delay_left{};  // While the first members gather.
};
struct NewGeneration {
    std::string group, protocol;
    std::string leader;
    Instant now{};
};
struct Armed {
    std::string group;
    Instant now{};
};
// One that was of the other kind goes on in this generation, which its members know, while they join another.
// The log has a later one: where this is forgotten, no member's generation is right any more, and so they
// join anew, too.
struct ComesOver {
    std::string group;
    std::int32_t generation = 0;
};
using GroupEvent = std::variant<WroteGroup, Reserved, Released, MemberJoins, MemberGone, Renewed, Rebalances,
                                NewGeneration, Armed, ComesOver>;
using GroupAnswer = std::variant<Joined, Synced, Beaten, Left>;

struct Outcome {
    std::vector<GroupEvent> events;
    std::vector<std::pair<Ticket, GroupAnswer>> answers;
    bool empty() const { return events.empty() && answers.empty(); }
};

// `group`: null when there is none of that name.
Outcome decide(const Group* group, const Join& join, Ticket ticket, const Rules& rules, Clocks clocks);
Outcome decide(const Group* group, const Sync& sync, Ticket ticket, const Rules& rules, Clocks clocks);
Outcome decide(const Group* group, const Heartbeat& beat, Ticket ticket, Clocks clocks);
Outcome decide(const Group* group, const Leave& leave, Ticket ticket);
// One step of what is due, or follows from how things stand.
Outcome settle(const std::string& name, const Group& group, const Rules& rules, Clocks clocks);
// Whether `settle` has to look at it before its deadline.
bool restless(const Group& group);
// REQUIRES: the event is about this group.
void apply(Group& group, const GroupEvent& event);

// Whether a member may commit, or ask in its group's name: it is one, and of this generation. In the same
// order as a heartbeat's.
GroupError check_member(const Group* group, const std::string& member_id,
                        const std::optional<std::string>& instance_id, std::int32_t generation);

}  // namespace fulmar::group
