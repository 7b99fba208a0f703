// Coordinator: the machine (core/machine.h) behind one partition of __consumer_offsets: the groups whose
// names hash to it, of the classic protocol and of the newer one, and all committed offsets of these. What it
// says is durable are that topic's own records: a group as it is now, an offset as it is now.
//
// Ids of members come with the commands. What topics there are it looks up in an image that its host keeps,
// as it looks at the time that it is told: what it decides is in its events. Of wall time it only stamps;
// offsets lapse when `Expire` is asked for, by a host that believes its clock.
#pragma once

#include <memory>

#include "base/boxed.h"
#include "core/group/consumer.h"
#include "core/group/offsets.h"
#include "core/group/tally.h"

namespace fulmar::group {

struct CoordinatorRules : Rules {
    std::size_t metadata_bytes_max = 4'096;       // offset.metadata.max.bytes
    Millis offsets_retention{43'200 * 60'000LL};  // offsets.retention.minutes
    // Of what no log knows, and anybody may make as much of as he likes: ids given out to join with, and
    // groups that have nothing else; beyond that the oldest are forgotten, since who means it joins at once.
    // And members, as far as they hold more than when their group was written last; who would make that more
    // is refused while it is as much as this: forgetting others would only end groups that gather.
    std::size_t reserved_bytes_max = 4 << 20, unwritten_bytes_max = 16 << 20;
    ConsumerRules consumers{};
};

class Coordinator {
public:
    struct Place {
        std::string topic;
        std::int32_t partition = 0;
        auto operator<=>(const Place&) const = default;
    };
    // Without a generation (-1) and a member: from a client that assigns its partitions itself.
    struct Commit {
        std::string group, member_id;
        std::optional<std::string> instance_id;
        std::int32_t generation = -1;  // Of a member of a consumer group, its epoch.
        std::optional<Millis> retention;
        std::vector<std::pair<Place, Committed>> offsets;  // Their stamps are not looked at.
        bool speaks_epochs = false;                        // The request knows them (version 9).
    };
    // What is committed: of these, or of all.
    struct FetchOffsets {
        std::string group;
        std::optional<std::vector<Place>> places;
        // Of who asks in a consumer group's name (version 9).
        std::optional<std::string> member_id{};
        std::int32_t epoch = -1;
    };
    struct ForgetOffsets {
        std::string group;
        std::vector<Place> places;
    };
    struct Describe {
        std::string group;
    };
    struct List {};
    // One after the other, until that has come to so many events; the next are for another turn.
    struct Delete {
        std::vector<std::string> groups;
        std::size_t events_max = 10'000;
    };
    // These topics went at these times: offsets of them are no more, of any group. There may be others of
    // their names by now; what is committed to these stays.
    using GoneTopics = std::map<std::string, Timestamp>;
    struct ForgetTopics {
        std::shared_ptr<const GoneTopics> topics;
        std::string from{};             // The group that is looked at first.
        std::size_t count_max = 1'000;  // So many offsets at once, of which a topic may have millions.
    };
    // What nobody misses any more goes, so much of it at once.
    struct Expire {
        std::size_t count_max = 10'000;
    };
    using Command = std::variant<Join, Sync, Heartbeat, Leave, ConsumerBeat, Commit, FetchOffsets,
                                 ForgetOffsets, Describe, List, Delete, ForgetTopics, Expire>;

    struct Placed {  // Of Commit and ForgetOffsets: one for each place, in their order.
        GroupError error{};
        std::vector<GroupError> places;
    };
    struct Fetched {
        GroupError error{};
        std::vector<std::pair<Place, std::optional<Committed>>> offsets;
    };
    struct Described {  // At most one of them; elsewhere, since it would make all answers as large.
        std::shared_ptr<const Group> group;
        std::shared_ptr<const ConsumerGroup> consumer;
        std::string assignor;  // Of the latter.
    };
    using AnyPhase = std::variant<Phase, ConsumerPhase>;
    struct Listed {
        struct One {
            std::string group, protocol_type;
            AnyPhase phase{};
        };
        std::vector<One> groups;
    };
    struct Deleted {  // In their order, as far as it has come: one at least.
        std::vector<GroupError> groups;
    };
    struct Done {  // Of ForgetTopics and Expire.
        GroupError error{};
        bool more = false;
        std::string next{};  // Of the former: the group to go on from.
    };
    using Answer = std::variant<Joined, Synced, Beaten, Left, ConsumerBeaten, Placed, Fetched, Described,
                                Listed, Deleted, Done>;

    struct WroteOffset {
        std::string group;
        Place place;
        std::optional<Committed> what;  // None: it is no more.
    };
    using Event = std::variant<GroupEvent, ConsumerEvent, WroteOffset>;
    using Duty = int;  // It owes nobody anything.

    Coordinator() = default;
    // `image` outlives it; null: there are no topics.
    explicit Coordinator(CoordinatorRules rules, const cluster::Image* image = nullptr)
        : rules_(std::move(rules)), image_(image) {}
    void set_rules(CoordinatorRules rules) { rules_ = std::move(rules); }

    Decision<Coordinator> decide(const Command& command, Ticket ticket, Clocks clocks) const;
    Decision<Coordinator> settle(Clocks clocks) const;
    std::optional<Instant> deadline() const;
    std::vector<Duty> owed() const { return {}; }
    void apply(const Event& event);
    static bool durable(const Event& event);
    // Whether with this one members are to join anew, or partitions have been shared out anew.
    bool begins_rebalance(const Event& event) const;

    // What there is of that name: a group of one kind, or of the other, with its offsets. Null: none.
    struct Found {
        const Group* classic = nullptr;
        const ConsumerGroup* consumer = nullptr;
        const Offsets* offsets = nullptr;
        std::size_t metadata_bytes = 0;  // Of what is said with these.
    };
    Found look(const std::string& name) const;
    const Group* find(const std::string& name) const { return look(name).classic; }
    const ConsumerGroup* find_consumer(const std::string& name) const { return look(name).consumer; }
    const Offsets* offsets_of(const std::string& name) const { return look(name).offsets; }
    std::size_t groups() const { return all_.size(); }
    const Tally& tally() const { return tally_; }
    // Bytes, about: see the rules.
    std::size_t reserved_bytes() const { return held_.reserved; }
    std::size_t unwritten_bytes() const { return held_.unwritten; }
    std::set<std::string> topics() const;  // Those of which offsets are committed.
    // What it takes to answer these, as core/group/weigh.h has it; of a group that is not there, nothing.
    std::size_t weigh(const Describe& wanted) const;
    std::size_t weigh(const List& wanted) const;

private:
    struct Held {  // Of what no log knows, in bytes.
        std::size_t reserved = 0, unwritten = 0;
    };
    // Most groups of many have members of one kind, or none: what only commits takes some 200 bytes here.
    struct Entry {
        Boxed<Group> classic;           // None: as one is that nobody has joined.
        Boxed<ConsumerGroup> consumer;  // In its place.
        Offsets offsets;
        std::size_t offsets_count = 0, metadata_bytes = 0;
        Tally::One counted;
        std::optional<Instant> due;             // As it stands in `due_`.
        std::optional<Instant> reserved_since;  // As it stands in `reserved_`: the oldest id's.
        bool written = false;                   // The log knows of the group itself.
        std::size_t members_written = 0;        // What its members held then.
        Held held;                              // As it is counted.
        const Group& group() const;
    };
    using Entries = std::map<std::string, Entry>;
    Known known(const std::string& name) const {
        auto found = look(name);
        return {found.classic, found.consumer};
    }
    Setting setting(Clocks clocks) const;
    void index(Entries::iterator at);
    static Held held_by(const std::string& name, const Entry& entry);
    static Tally::One count(const Entry& entry);
    static void apply(Entry& here, const WroteOffset& wrote);
    static void apply(Entry& here, const GroupEvent& event);
    static void apply(Entry& here, const ConsumerEvent& event);
    static void forget_group(Decision<Coordinator>& decision, const std::string& name, const Entry& entry);
    void decide(Decision<Coordinator>& decision, const Commit& commit, Ticket ticket, Clocks clocks) const;
    void decide(Decision<Coordinator>& decision, const Join& join, Ticket ticket, Clocks clocks) const;
    bool adds_too_much(const Group* group, const Outcome& outcome) const;
    static GroupError may_commit(const Known& known, const Commit& commit);
    Fetched fetch(const FetchOffsets& wanted) const;
    void decide(Decision<Coordinator>& decision, const ForgetOffsets& forget, Ticket ticket) const;
    GroupError remove(Decision<Coordinator>& decision, const std::string& name) const;
    Deleted remove(Decision<Coordinator>& decision, const Delete& wanted) const;
    Done forget(Decision<Coordinator>& decision, const ForgetTopics& wanted) const;
    Done expire(Decision<Coordinator>& decision, const Expire& wanted, Clocks clocks) const;

    CoordinatorRules rules_;
    const cluster::Image* image_ = nullptr;
    Entries all_;
    std::set<std::pair<Instant, std::string>> due_, reserved_;
    Held held_;
    Tally tally_;
    std::set<std::string> restless_;
};

static_assert(Machine<Coordinator>);

std::string_view to_text(const Coordinator::AnyPhase& phase);
// The group that an event is about.
const std::string& name_of(const Coordinator::Event& event);

}  // namespace fulmar::group
