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

Millis Group::rebalance_timeout() const {
    Millis longest{0};
    for (auto& [id, member] : members) longest = std::max(longest, member.rebalance_timeout);
    return longest;
}
bool Group::all_joined() const {
    return reserved.empty() &&
           std::ranges::all_of(members, [](auto& each) { return bool(each.second.joining); });
}
bool Group::nobody_must_sync() const {
    return std::ranges::none_of(members, [](auto& each) { return each.second.must_sync; });
}

std::set<std::string> Group::shared_protocols(const Member* instead_of) const {
    std::map<std::string, std::size_t> known;
    for (auto& [id, member] : members) {
        std::set<std::string> once;  // Some name one twice.
        for (auto& each : (instead_of && instead_of->id == id ? *instead_of : member).protocols)
            if (once.insert(each.name).second) ++known[each.name];
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

void Group::reserve(const std::string& id, Instant until) {
    release(id);
    reserved[id] = until;
    expiries.emplace(until, id);
}
void Group::release(const std::string& id) {
    auto at = reserved.find(id);
    if (at == reserved.end()) return;
    expiries.erase({at->second, id});
    reserved.erase(at);
}
void Group::put(Member member) {
    if (auto old = find(member.id)) expiries.erase({old->expires, old->id});
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
    generation = from.generation;
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
