// What a classic consumer group is: who its members are, which of their protocols they share, and where it
// stands in a rebalance (KIP-62, KIP-345, KIP-394, KIP-814). A value; the rules are in core/group/classic.h.
//
// Hard, because the log tells it: what is in `Written`. The rest is soft: who waits, and until when.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/machine.h"

namespace fulmar::group {

// A way to assign partitions that a member knows, and what it says of itself for that: bytes for whoever
// assigns.
struct Protocol {
    std::string name, metadata;
    bool operator==(const Protocol&) const = default;
};
// What they take. An empty one takes more than its letters.
std::size_t bytes_of_all(std::span<const Protocol> protocols);

// Of a member that the log told of: nobody knows yet when it was heard of last.
inline constexpr Instant not_armed{std::numeric_limits<std::int64_t>::min()};

struct Member {
    std::string id;
    std::optional<std::string> instance_id{};  // Of a static member: it may go and come back under it.
    std::string client_id{}, client_host{};
    Millis session_timeout{}, rebalance_timeout{};
    std::vector<Protocol> protocols{};  // The one that it likes best first.
    std::string assignment{};

    // --- soft
    bool fresh = true;            // It has not been in a generation yet.
    Instant expires = not_armed;  // Unless it is heard of, or waits.
    std::optional<Ticket> joining{}, syncing{};
    bool must_sync = false;  // In this generation it has not asked for its assignment yet.

    bool knows(const std::string& protocol) const;
    const std::string& metadata_for(const std::string& protocol) const;  // Empty when it knows it not.
    std::size_t said_bytes() const;
};

// A member as the log keeps it: of its protocols, only what it said for the one that was chosen.
struct WrittenMember {
    std::string id;
    std::optional<std::string> instance_id;
    std::string client_id, client_host;
    Millis session_timeout{}, rebalance_timeout{};
    std::string metadata, assignment;
    bool operator==(const WrittenMember&) const = default;
};
// What the log says of a group, whole.
struct Written {
    std::string protocol_type;
    std::int32_t generation = 0;
    std::optional<std::string> protocol, leader;
    Timestamp since{-1};  // When it came into its state.
    std::vector<WrittenMember> members;
    bool operator==(const Written&) const = default;
};

enum class Phase : std::uint8_t { empty, preparing_rebalance, completing_rebalance, stable };
std::string_view to_text(Phase phase);  // As Kafka's tools show it: "PreparingRebalance".

struct Group {
    Phase phase = Phase::empty;
    std::string protocol_type;
    std::int32_t generation = 0;
    std::optional<std::string> protocol, leader;
    std::map<std::string, Member> members;  // By id.
    Timestamp since{-1};

    // --- soft
    std::map<std::string, std::string> static_ids;  // By instance id, the member's.
    struct Reservation {
        Instant until{}, since{};
    };
    std::map<std::string, Reservation> reserved;         // Ids given out, to join with.
    std::set<std::pair<Instant, std::string>> by_age;    // These, the oldest first.
    std::set<std::pair<Instant, std::string>> expiries;  // Of members and of reserved ids.
    // In `preparing_rebalance` when it ends at the latest, in `completing_rebalance` and `stable` when those
    // go that have not asked for their assignment.
    std::optional<Instant> phase_ends;
    std::optional<Millis> delay_left;    // While the first members gather: how much longer they may.
    bool gathered = false;               // Somebody came since it began to wait for that.
    std::int32_t logged_generation = 0;  // Is ahead of `generation` in a group that comes over (classic.h).
    bool must_rebalance = false;         // A member came, went, or is another now.

    Millis rebalance_timeout() const;  // The longest of its members.
    bool all_joined() const;
    bool nobody_must_sync() const;
    // What each member knows.
    std::set<std::string> shared_protocols(const Member* instead_of = nullptr) const;
    // Each member votes for the first that it likes of those that all know; most votes win, and of equal ones
    // the last by name. `instead_of`: a member that is to take the place of the one with its id. REQUIRES:
    // there is one.
    std::string vote(const Member* instead_of = nullptr) const;
    const Member* find(const std::string& id) const;
    // Nobody waits to join, either.
    bool is_empty() const { return phase == Phase::empty && members.empty(); }
    // The log ended before anybody had assigned anything in it since it came over.
    bool is_unassigned() const { return phase == Phase::stable && !leader; }
    // Neither a member nor the log has one as late.
    std::int32_t next_generation() const { return std::max(generation, logged_generation) + 1; }
    std::optional<Instant> deadline() const;
    Written written(Timestamp since) const;

    // --- counted, since they are asked for with each step of a large group
    std::size_t joining = 0, must_sync = 0;      // Members that are.
    std::map<std::string, std::size_t> knowing;  // Members, by protocol.
    std::size_t said_bytes = 0;                  // What members and reserved ids take.
    std::size_t reserved_said_bytes = 0;         // The latter's share of it.

    // --- for `apply`
    void reserve(const std::string& id, Reservation reservation);
    void release(const std::string& id);
    void put(Member member);
    void remove(const std::string& id);
    void expire(Member& member, Instant at);
    void set_joining(Member& member, std::optional<Ticket> ticket);
    void set_must_sync(Member& member, bool must);
    void arm(Instant now);
    void take(const Written& written);

private:
    void count(const Member& member, int change);
};

}  // namespace fulmar::group
