#include "core/group/group.h"

#include <algorithm>

#include "base/check.h"
#include "base/planted.h"

namespace fulmar::group {

std::string_view to_text(Phase phase) {
    switch (phase) {
        case Phase::empty: return "Empty";
        case Phase::preparing_rebalance: return "PreparingRebalance";
        case Phase::completing_rebalance: return "CompletingRebalance";
        case Phase::stable: return "Stable";
    }
    return "";
}

bool Member::knows(const std::string& protocol) const {
    return std::ranges::find(protocols, protocol, &Protocol::name) != protocols.end();
}
const std::string& Member::metadata_for(const std::string& protocol) const {
    static const std::string none;
    auto at = std::ranges::find(protocols, protocol, &Protocol::name);
    return at == protocols.end() ? none : at->metadata;
}

std::size_t Member::said_bytes() const {
    auto bytes = id.size() + instance_id.value_or("").size() + client_id.size() + client_host.size();
    return bytes + bytes_of_all(protocols);
}
std::size_t bytes_of_all(std::span<const Protocol> protocols) {
    auto bytes = protocols.size_bytes();
    for (auto& each : protocols) bytes += each.name.size() + each.metadata.size();
    return bytes;
}
// Some name one twice.
static std::set<std::string_view> names_of(const Member& member) {
    std::set<std::string_view> names;
    for (auto& each : member.protocols) names.insert(each.name);
    return names;
}

Millis Group::rebalance_timeout() const {
    Millis longest{0};
    for (auto& [id, member] : members) longest = std::max(longest, member.rebalance_timeout);
    return longest;
}
bool Group::all_joined() const { return reserved.empty() && joining == members.size(); }
bool Group::nobody_must_sync() const { return must_sync == 0; }

std::set<std::string> Group::shared_protocols(const Member* instead_of) const {
    auto known = knowing;
    if (instead_of) {
        for (auto name : names_of(members.at(instead_of->id))) --known[std::string(name)];
        for (auto name : names_of(*instead_of)) ++known[std::string(name)];
    }
    std::set<std::string> shared;
    for (auto& [name, count] : known)
        if (count == members.size()) shared.insert(name);
    return shared;
}
std::string Group::vote(const Member* instead_of) const {
    auto shared = shared_protocols(instead_of);
    CHECK(!shared.empty());
    std::map<std::string, std::size_t> votes;
    for (auto& [id, member] : members)
        for (auto& each : (instead_of && instead_of->id == id ? *instead_of : member).protocols)
            if (shared.contains(each.name)) {
                ++votes[each.name];
                break;
            }
    auto most = votes.begin();
    for (auto at = votes.begin(); at != votes.end(); ++at)
        if (at->second >= most->second) most = at;
    return most->first;
}
const Member* Group::find(const std::string& id) const {
    auto at = members.find(id);
    return at == members.end() ? nullptr : &at->second;
}

std::optional<Instant> Group::deadline() const {
    std::optional<Instant> first = phase_ends;
    if (!expiries.empty()) first = std::min(first.value_or(expiries.begin()->first), expiries.begin()->first);
    return first;
}

Written Group::written(Timestamp now) const {
    Written all{protocol_type, generation, protocol, leader, now, {}};
    for (auto& [id, member] : members)
        all.members.push_back({id, member.instance_id, member.client_id, member.client_host,
                               member.session_timeout, member.rebalance_timeout,
                               member.metadata_for(protocol.value_or("")), member.assignment});
    return all;
}

void Group::reserve(const std::string& id, Reservation reservation) {
    release(id);
    said_bytes += id.size();
    reserved_said_bytes += id.size();
    reserved[id] = reservation;
    expiries.emplace(reservation.until, id);
    by_age.emplace(reservation.since, id);
}
void Group::release(const std::string& id) {
    auto at = reserved.find(id);
    if (at == reserved.end()) return;
    auto [until, since] = at->second;
    expiries.erase({until, id});
    by_age.erase({since, id});
    reserved.erase(at);
    said_bytes -= id.size();
    reserved_said_bytes -= id.size();
}
void Group::count(const Member& member, int change) {
    auto by = std::size_t(change);  // Modulo 2^64, so that -1 takes away.
    joining += member.joining ? by : 0;
    must_sync += member.must_sync ? by : 0;
    said_bytes += by * member.said_bytes();
    for (auto name : names_of(member)) {
        auto at = knowing.try_emplace(std::string(name)).first;
        if ((at->second += by) == 0) knowing.erase(at);
    }
}
void Group::set_joining(Member& member, std::optional<Ticket> ticket) {
    joining += std::size_t(ticket.has_value()) - std::size_t(member.joining.has_value());
    member.joining = ticket;
}
void Group::set_must_sync(Member& member, bool must) {
    must_sync += std::size_t(must) - std::size_t(member.must_sync);
    member.must_sync = must;
}
void Group::put(Member member) {
    if (auto old = find(member.id)) {
        expiries.erase({old->expires, old->id});
        count(*old, -1);
    }
    count(member, 1);
    release(member.id);
    if (member.instance_id) static_ids[*member.instance_id] = member.id;
    if (members.empty()) leader = member.id;
    expiries.emplace(member.expires, member.id);
    auto id = member.id;
    members.insert_or_assign(id, std::move(member));
}
void Group::remove(const std::string& id) {
    auto at = members.find(id);
    if (at == members.end()) return;
    auto& member = at->second;
    expiries.erase({member.expires, id});
    count(member, -1);
    if (planted(Bug::late_member_timer))
        std::erase_if(expiries, [&](auto& each) { return each.second == id; });
    if (member.instance_id) {
        auto mine = static_ids.find(*member.instance_id);
        if (mine != static_ids.end() && mine->second == id) static_ids.erase(mine);
    }
    members.erase(at);
    if (leader == id) leader = members.empty() ? std::nullopt : std::optional(members.begin()->first);
}
void Group::expire(Member& member, Instant at) {
    expiries.erase({member.expires, member.id});
    member.expires = at;
    expiries.emplace(at, member.id);
}

// After a replay each has its session's time to come back.
void Group::arm(Instant now) {
    for (auto& [id, member] : members)
        if (member.expires == not_armed) expire(member, now + std::max(member.session_timeout, Millis(1)));
}

void Group::take(const Written& from) {
    protocol_type = from.protocol_type;
    generation = logged_generation = from.generation;
    protocol = from.protocol;
    since = from.since;
    phase = from.members.empty() ? Phase::empty : Phase::stable;
    std::set<std::string> named;
    for (auto& each : from.members) {
        named.insert(each.id);
        auto known = find(each.id);
        auto member = known ? *known : Member{.id = each.id, .fresh = false};
        member.instance_id = each.instance_id;
        member.client_id = each.client_id;
        member.client_host = each.client_host;
        member.session_timeout = each.session_timeout;
        member.rebalance_timeout = each.rebalance_timeout;
        member.assignment = each.assignment;
        auto chosen = from.protocol.value_or("");
        if (!member.knows(chosen) || member.metadata_for(chosen) != each.metadata)
            member.protocols = {{chosen, each.metadata}};
        put(std::move(member));
    }
    for (auto at = members.begin(); at != members.end();) {
        auto id = (at++)->first;
        if (!named.contains(id)) remove(id);
    }
    leader = from.leader;
    if (!members.empty()) return;
    phase_ends.reset();
    delay_left.reset();
    must_rebalance = false;
}

}  // namespace fulmar::group
