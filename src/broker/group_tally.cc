#include "broker/group_tally.h"

namespace fulmar {

using group::Coordinator;

namespace {

// What can be counted of one group.
struct Seen {
    std::string_view phase{};  // Empty: there is no such group.
    std::size_t members = 0;
    bool offset = false;  // Something is committed at the place in question.
};
Seen look(const Coordinator& coordinator, const std::string& name, const Coordinator::Place* place) {
    Seen seen;
    auto found = coordinator.look(name);
    auto* group = found.classic;
    auto* consumer = found.consumer;
    if (!group && !consumer) return seen;
    seen.phase = group ? to_text(group->phase) : to_text(consumer->phase());
    seen.members = group ? group->members.size() : consumer->members().size();
    if (!place) return seen;
    auto topic = found.offsets->find(place->topic);
    seen.offset = topic != found.offsets->end() && topic->second.contains(place->partition);
    return seen;
}

}  // namespace

GroupTally GroupTally::of(const Coordinator& coordinator) {
    GroupTally tally;
    auto told = coordinator.decide(Coordinator::List{}, Ticket{}, Clocks{});
    for (auto& [name, type, phase] : std::get<Coordinator::Listed>(told.answers.front().second).groups) {
        ++tally.groups[to_text(phase)];
        tally.members += look(coordinator, name, nullptr).members;
        for (auto& [topic, partitions] : *coordinator.offsets_of(name)) tally.offsets += partitions.size();
    }
    return tally;
}

bool GroupTally::apply(Coordinator& coordinator, const Coordinator::Event& event) {
    auto* wrote = std::get_if<Coordinator::WroteOffset>(&event);
    auto* change = std::get_if<group::GroupEvent>(&event);
    auto* of_consumers = std::get_if<group::ConsumerEvent>(&event);
    // By far the most frequent ones: that a member was heard of.
    bool heard = (change && std::holds_alternative<group::Renewed>(*change)) ||
                 (of_consumers && !group::durable(*of_consumers));
    if (heard) {
        coordinator.apply(event);
        return false;
    }
    auto& name = name_of(event);
    auto* place = wrote ? &wrote->place : nullptr;
    auto before = look(coordinator, name, place);
    coordinator.apply(event);
    auto after = look(coordinator, name, place);
    if (before.phase != after.phase) {
        if (!before.phase.empty() && --groups[before.phase] == 0) groups.erase(before.phase);
        if (!after.phase.empty()) ++groups[after.phase];
    }
    members += after.members - before.members;
    offsets += std::uint64_t(after.offset) - std::uint64_t(before.offset);
    // One begins where members are to join anew, or partitions have been shared out anew.
    if (of_consumers) return std::holds_alternative<group::WroteTargetEpoch>(*of_consumers);
    return before.phase != after.phase && after.phase == to_text(group::Phase::preparing_rebalance);
}

void GroupTally::add(const GroupTally& other) {
    for (auto& [phase, count] : other.groups) groups[phase] += count;
    members += other.members;
    offsets += other.offsets;
}

}  // namespace fulmar
