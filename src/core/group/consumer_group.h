// What a consumer group of the newer protocol is (KIP-848): its members and what each subscribes to, what
// each is to have in the end (its target), and what each has now. A value; the rules are in
// core/group/consumer.h.
//
// Three epochs, each behind or equal to the one before it: the group's grows with its members, what they
// subscribe to, or the topics themselves; the target's is that of the group for which partitions were shared
// out; a member's is that of the target that it has come to.
//
// Hard, because the log tells it: all but what is said to be soft or derived. Records of one group come in
// the order in which they were written, but compaction leaves out what was superseded, so that each may meet
// a group that has not heard of its member yet, or for a while two owners of a partition.
#pragma once

#include "core/group/assign.h"
#include "core/group/group.h"

namespace fulmar::group {

enum class MemberState : std::int8_t {
    stable = 0,      // It has its target.
    unrevoked = 1,   // It has to give back something, and say so.
    unreleased = 2,  // It lacks something that another one has not given back.
};

// Of a static member that has gone for a while.
inline constexpr std::int32_t away_epoch = -2;

// Each name is kept and looked for by itself, so that many short ones cost more than their letters.
inline constexpr std::size_t name_cost_bytes = 64;

// What a member says of itself.
struct Said {
    // Of one that speaks the classic protocol to a consumer group.
    struct Classic {
        Millis session_timeout{};
        std::vector<Protocol> protocols{};
        bool operator==(const Classic&) const = default;
    };
    std::optional<std::string> instance_id{}, rack_id{};
    std::string client_id{}, client_host{};
    std::set<std::string> topics{};
    std::optional<std::string> pattern{};  // A regular expression; what it matches comes to `topics`.
    Millis rebalance_timeout{-1};
    std::optional<std::string> assignor{};
    std::optional<Classic> classic{};
    bool operator==(const Said&) const = default;
    std::size_t bytes() const;
};
struct Current {
    std::int32_t epoch = 0, previous_epoch = 0;
    MemberState state = MemberState::stable;
    Partitions assigned{}, revoking{};
    bool operator==(const Current&) const = default;
};
// Epochs begin with 1, since 0 is that of a member that joins.
struct GroupEpoch {
    std::int32_t epoch = 1;
    std::int64_t topics_hash = 0;  // Of what was known of the topics subscribed to.
    bool operator==(const GroupEpoch&) const = default;
};
struct TargetEpoch {
    std::int32_t epoch = 1;
    Timestamp at{};  // When partitions were shared out.
    bool operator==(const TargetEpoch&) const = default;
};
struct Matched {
    std::set<std::string> topics{};
    std::int64_t version = 0;  // Of the topics that the pattern was held against.
    Timestamp at{};
    bool operator==(const Matched&) const = default;
    std::size_t bytes() const;
};

// Patterns are matched with changed topics in turn, as many at once as may be (core/group/pattern.h).
struct MatchingRound {
    std::uint64_t version = 0;          // Of the image's topics when it began.
    std::optional<std::string> next{};  // The first pattern that is left; none: it is over.
    Instant at = not_armed;             // When some were matched last.
};

struct ConsumerMember {
    Said said{};
    Current current{};

    // --- soft
    Instant expires = not_armed;  // Unless it is heard of.
    std::optional<Instant>
        act_by;  // It has to give back what it must, or (classic) join or sync, until then.
};

enum class ConsumerPhase : std::uint8_t { empty, assigning, reconciling, stable };
std::string_view to_text(ConsumerPhase phase);  // As Kafka's tools show it: "Reconciling".

class ConsumerGroup {
public:
    GroupEpoch epoch{};
    TargetEpoch target_epoch{};

    const std::map<std::string, ConsumerMember>& members() const { return members_; }  // By id.
    const ConsumerMember* find(const std::string& id) const;
    const std::string* static_member(const std::string& instance_id) const;  // Its id; null: there is none.
    const Partitions& target(const std::string& id) const;                   // Empty when it has none yet.
    const std::map<std::string, Partitions>& targets() const { return targets_; }
    const std::map<std::string, Matched>& patterns() const { return patterns_; }
    // The member that has the partition, or has not given it back yet; null: nobody.
    const std::string* owner(const TopicId& topic, std::int32_t partition) const;
    ConsumerPhase phase() const;
    // What its members name, and what their patterns have matched.
    std::set<std::string> subscribed() const;
    // What they name, each by how many.
    const std::map<std::string, std::size_t, std::less<>>& named() const { return named_; }
    bool subscribes(std::string_view topic) const;
    std::size_t naming(const std::string& pattern) const;  // How many members do.
    std::size_t classic_members() const { return classic_; }
    std::size_t said_bytes() const { return said_bytes_; }
    std::size_t matched_bytes() const { return matched_bytes_; }  // Of what its patterns have matched.
    std::optional<Instant> deadline() const;
    const std::set<std::pair<Instant, std::string>>& expiries() const { return expiries_; }
    const std::set<std::pair<Instant, std::string>>& acts() const { return acts_; }

    // --- for `apply`
    void put(const std::string& id, Said said);
    void remove(const std::string& id);
    void put(const std::string& id, Current current);
    void put_target(const std::string& id, Partitions target);
    void remove_target(const std::string& id) { targets_.erase(id); }
    void put_pattern(const std::string& pattern, Matched matched);
    void remove_pattern(const std::string& pattern);
    void put_target_epoch(TargetEpoch to);
    // Soft. REQUIRES: there is such a member.
    void set_timers(const std::string& id, Instant expires, std::optional<Instant> act_by);

    // --- soft; of the image's topics, the version that the group's were compared with last
    std::uint64_t looked_at = 0;
    MatchingRound round{};

private:
    void count(const std::string& id, const ConsumerMember& member, int change);
    void own(const std::string& id, const Partitions& partitions);
    void disown(const std::string& id, const Partitions& partitions);
    void forget_instance(const std::string& id, const ConsumerMember& member);
    bool is_behind(const ConsumerMember& member) const;

    std::map<std::string, ConsumerMember> members_;
    std::map<std::string, Partitions> targets_;
    std::map<std::string, Matched> patterns_;

    // --- derived, since they are asked for with each step of a large group
    std::map<std::string, std::string> static_ids_;                      // By instance id, the member's.
    std::map<TopicId, std::map<std::int32_t, std::string>> owners_;      // By partition, the member's id.
    std::map<std::string, std::size_t, std::less<>> named_, patterned_;  // Members, by what they name.
    std::set<std::pair<Instant, std::string>> expiries_, acts_;          // Of members.
    std::size_t behind_ = 0, classic_ = 0, said_bytes_ = 0, matched_bytes_ = 0;
};

}  // namespace fulmar::group
