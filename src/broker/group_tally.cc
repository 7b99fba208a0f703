#include "broker/group_tally.h"

namespace fulmar {

using group::Coordinator, group::Phase;

namespace {

// What can be counted of one group.
struct Seen {
    std::optional<Phase> phase;  // None: there is no such group.
    std::size_t members = 0;
    bool offset = false;  // Something is committed at the place in question.
};
Seen look(const Coordinator& coordinator, const std::string& name, const Coordinator::Place* place) {
    Seen seen;
    auto* group = coordinator.find(name);
    if (!group) return seen;
    seen.phase = group->phase;
    seen.members = group->members.size();
    if (!place) return seen;
    auto* offsets = coordinator.offsets_of(name);
    auto topic = offsets->find(place->topic);
    seen.offset = topic != offsets->end() && topic->second.contains(place->partition);
    return seen;
}

}  // namespace

GroupTally GroupTally::of(const Coordinator& coordinator) {
    GroupTally tally;
    auto told = coordinator.decide(Coordinator::List{}, Ticket{}, Clocks{});
    for (auto& [name, type, phase] : std::get<Coordinator::Listed>(told.answers.front().second).groups) {
        ++tally.groups[std::size_t(phase)];
        tally.members += coordinator.find(name)->members.size();
        for (auto& [topic, partitions] : *coordinator.offsets_of(name)) tally.offsets += partitions.size();
    }
    return tally;
}

bool GroupTally::apply(Coordinator& coordinator, const Coordinator::Event& event) {
    auto* wrote = std::get_if<Coordinator::WroteOffset>(&event);
    auto* change = std::get_if<group::GroupEvent>(&event);
    // By far the most frequent ones: that a member was heard of.
    if (change && std::holds_alternative<group::Renewed>(*change)) {
        coordinator.apply(event);
        return false;
    }
    auto& name = wrote ? wrote->group
                       : std::visit([](auto& each) -> const std::string& { return each.group; }, *change);
    auto* place = wrote ? &wrote->place : nullptr;
    auto before = look(coordinator, name, place);
    coordinator.apply(event);
    auto after = look(coordinator, name, place);
    if (before.phase) --groups[std::size_t(*before.phase)];
    if (after.phase) ++groups[std::size_t(*after.phase)];
    members += after.members - before.members;
    offsets += std::uint64_t(after.offset) - std::uint64_t(before.offset);
    return after.phase == Phase::preparing_rebalance && before.phase != after.phase;
}

void GroupTally::add(const GroupTally& other) {
    for (std::size_t n = 0; n < phases; ++n) groups[n] += other.groups[n];
    members += other.members;
    offsets += other.offsets;
}

}  // namespace fulmar
