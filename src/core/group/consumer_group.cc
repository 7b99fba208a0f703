#include "core/group/consumer_group.h"

#include <algorithm>

#include "base/check.h"

namespace fulmar::group {

std::string_view to_text(ConsumerPhase phase) {
    switch (phase) {
        case ConsumerPhase::empty: return "Empty";
        case ConsumerPhase::assigning: return "Assigning";
        case ConsumerPhase::reconciling: return "Reconciling";
        case ConsumerPhase::stable: return "Stable";
    }
    return "";
}

std::size_t Said::bytes() const {
    auto of = [](const std::optional<std::string>& text) { return text ? text->size() : 0; };
    auto bytes = of(instance_id) + of(rack_id) + of(pattern) + of(assignor) + client_id.size();
    bytes += client_host.size();
    for (auto& topic : topics) bytes += topic.size() + name_cost_bytes;
    return classic ? bytes + bytes_of_all(classic->protocols) : bytes;
}

std::size_t Matched::bytes() const {
    std::size_t bytes = 0;
    for (auto& topic : topics) bytes += topic.size() + name_cost_bytes;
    return bytes;
}

const ConsumerMember* ConsumerGroup::find(const std::string& id) const {
    auto at = members_.find(id);
    return at == members_.end() ? nullptr : &at->second;
}
const std::string* ConsumerGroup::static_member(const std::string& instance_id) const {
    auto at = static_ids_.find(instance_id);
    return at == static_ids_.end() ? nullptr : &at->second;
}
const Partitions& ConsumerGroup::target(const std::string& id) const {
    static const Partitions none;
    auto at = targets_.find(id);
    return at == targets_.end() ? none : at->second;
}
const std::string* ConsumerGroup::owner(const TopicId& topic, std::int32_t partition) const {
    auto of_topic = owners_.find(topic);
    if (of_topic == owners_.end()) return nullptr;
    auto at = of_topic->second.find(partition);
    return at == of_topic->second.end() ? nullptr : &at->second;
}

ConsumerPhase ConsumerGroup::phase() const {
    if (members_.empty()) return ConsumerPhase::empty;
    if (epoch.epoch > target_epoch.epoch) return ConsumerPhase::assigning;
    return behind_ > 0 ? ConsumerPhase::reconciling : ConsumerPhase::stable;
}
std::set<std::string> ConsumerGroup::subscribed() const {
    std::set<std::string> topics;
    for (auto& [topic, count] : named_) topics.insert(topic);
    for (auto& [pattern, count] : patterned_)
        if (auto at = patterns_.find(pattern); at != patterns_.end())
            topics.insert(at->second.topics.begin(), at->second.topics.end());
    return topics;
}
bool ConsumerGroup::subscribes(std::string_view topic) const {
    if (named_.contains(topic)) return true;
    return std::ranges::any_of(patterned_, [&](auto& each) {
        auto at = patterns_.find(each.first);
        return at != patterns_.end() && at->second.topics.contains(std::string(topic));
    });
}
std::size_t ConsumerGroup::naming(const std::string& pattern) const {
    auto at = patterned_.find(pattern);
    return at == patterned_.end() ? 0 : at->second;
}
std::optional<Instant> ConsumerGroup::deadline() const {
    std::optional<Instant> first;
    if (!expiries_.empty()) first = expiries_.begin()->first;
    if (!acts_.empty()) first = std::min(first.value_or(acts_.begin()->first), acts_.begin()->first);
    return first;
}

bool ConsumerGroup::is_behind(const ConsumerMember& member) const {
    auto& current = member.current;
    return current.state != MemberState::stable || current.epoch != target_epoch.epoch;
}
static void count_name(auto& counts, const std::string& name, int change) {
    auto at = counts.try_emplace(name).first;
    if ((at->second += std::size_t(change)) == 0) counts.erase(at);
}
void ConsumerGroup::count(const std::string& id, const ConsumerMember& member, int change) {
    auto by = std::size_t(change);  // Modulo 2^64, so that -1 takes away.
    auto& said = member.said;
    behind_ += is_behind(member) ? by : 0;
    classic_ += said.classic ? by : 0;
    said_bytes_ += by * (id.size() + said.bytes());
    for (auto& topic : said.topics) count_name(named_, topic, change);
    if (said.pattern) count_name(patterned_, *said.pattern, change);
}
void ConsumerGroup::own(const std::string& id, const Partitions& partitions) {
    for (auto& [topic, indexes] : partitions)
        for (auto index : indexes) owners_[topic][index] = id;
}
// What another one has taken meanwhile stays its.
void ConsumerGroup::disown(const std::string& id, const Partitions& partitions) {
    for (auto& [topic, indexes] : partitions) {
        auto of_topic = owners_.find(topic);
        if (of_topic == owners_.end()) continue;
        for (auto index : indexes) {
            auto at = of_topic->second.find(index);
            if (at != of_topic->second.end() && at->second == id) of_topic->second.erase(at);
        }
        if (of_topic->second.empty()) owners_.erase(of_topic);
    }
}

void ConsumerGroup::put(const std::string& id, Said said) {
    auto [at, fresh] = members_.try_emplace(id);
    auto& member = at->second;
    if (fresh) expiries_.emplace(member.expires, id);
    else count(id, member, -1);
    forget_instance(id, member);
    member.said = std::move(said);
    count(id, member, 1);
    if (member.said.instance_id) static_ids_[*member.said.instance_id] = id;
}
void ConsumerGroup::forget_instance(const std::string& id, const ConsumerMember& member) {
    if (!member.said.instance_id) return;
    auto at = static_ids_.find(*member.said.instance_id);
    if (at != static_ids_.end() && at->second == id) static_ids_.erase(at);
}
void ConsumerGroup::remove(const std::string& id) {
    auto at = members_.find(id);
    if (at == members_.end()) return;
    auto& member = at->second;
    count(id, member, -1);
    disown(id, member.current.assigned);
    disown(id, member.current.revoking);
    expiries_.erase({member.expires, id});
    if (member.act_by) acts_.erase({*member.act_by, id});
    forget_instance(id, member);
    members_.erase(at);
}
void ConsumerGroup::put(const std::string& id, Current current) {
    auto [at, fresh] = members_.try_emplace(id);
    auto& member = at->second;
    if (fresh) {
        expiries_.emplace(member.expires, id);
        count(id, member, 1);
    }
    behind_ -= is_behind(member) ? 1 : 0;
    disown(id, member.current.assigned);
    disown(id, member.current.revoking);
    member.current = std::move(current);
    own(id, member.current.assigned);
    own(id, member.current.revoking);
    behind_ += is_behind(member) ? 1 : 0;
}
void ConsumerGroup::put_target(const std::string& id, Partitions target) {
    targets_.insert_or_assign(id, std::move(target));
}
void ConsumerGroup::put_pattern(const std::string& pattern, Matched matched) {
    remove_pattern(pattern);
    matched_bytes_ += matched.bytes();
    patterns_.emplace(pattern, std::move(matched));
}
void ConsumerGroup::remove_pattern(const std::string& pattern) {
    auto at = patterns_.find(pattern);
    if (at == patterns_.end()) return;
    matched_bytes_ -= at->second.bytes();
    patterns_.erase(at);
}
void ConsumerGroup::put_target_epoch(TargetEpoch to) {
    target_epoch = to;
    behind_ =
        std::size_t(std::ranges::count_if(members_, [&](auto& each) { return is_behind(each.second); }));
}
void ConsumerGroup::set_timers(const std::string& id, Instant expires, std::optional<Instant> act_by) {
    auto& member = members_.at(id);
    expiries_.erase({member.expires, id});
    if (member.act_by) acts_.erase({*member.act_by, id});
    member.expires = expires;
    member.act_by = act_by;
    expiries_.emplace(expires, id);
    if (act_by) acts_.emplace(*act_by, id);
}

}  // namespace fulmar::group
