#include "tests/sim/group_ledger.h"

#include <fmt/format.h>

namespace fulmar::sim {

std::string GroupLedger::text_of(const Place& place) const {
    return fmt::format("{} in {}-{}", group_, place.topic, place.partition);
}

void GroupLedger::assigned(const Generation& generation, const std::string& who,
                           const std::set<Place>& places) {
    generations_count += !owners_.contains(generation);
    auto [before, fresh] = assignments_.try_emplace({generation, who}, places);
    if (!fresh && before->second != places)
        complain(fmt::format("two assignments: {} was told of {} partitions in generation {}, and then of {}",
                             who, before->second.size(), generation.number, places.size()));
    for (auto& place : places) {
        auto& owner = owners_[generation].try_emplace(place, who).first->second;
        if (owner != who)
            complain(fmt::format("two owners: {}-{} is {}'s and {}'s in generation {}", place.topic,
                                 place.partition, owner, who, generation.number));
    }
}

std::string GroupLedger::commits(const Place& place, Offset offset, const Generation& by, Asked asked) {
    auto tag = fmt::format("commit.{}", ++last_tag_);
    commits_[place][tag] = {.offset = offset, .by = by, .asked = asked};
    return tag;
}
void GroupLedger::told(const Place& place, const std::string& tag, Outcome outcome, std::int64_t now_us) {
    auto& commit = commits_.at(place).at(tag);
    bool seen = commit.outcome == Outcome::taken;
    if (seen && outcome == Outcome::refused)
        complain(fmt::format("refused, and taken: {} of {}", tag, text_of(place)));
    if (seen) return;
    commit.outcome = outcome;
    commit.told_us = now_us;
    taken_count += outcome == Outcome::taken;
}

bool GroupLedger::precedes(const Commit& before, const Commit& after) {
    // One that nobody answered may be on its way for as long as the broker lives that it was sent to.
    if (before.outcome == Outcome::unknown) return before.asked.life < after.asked.life;
    return before.told_us < after.asked.at_us;
}
void GroupLedger::fetched(const Place& place, Offset offset, std::string_view tag, Asked asked,
                          std::int64_t now_us) {
    ++fetched_count;
    auto& all = commits_[place];
    auto at = all.find(std::string(tag));
    if (at == all.end())
        return complain(fmt::format("invented: {} is {}, '{}', which nobody committed", text_of(place),
                                    std::to_underlying(offset), tag));
    auto& commit = at->second;
    if (commit.offset != offset)
        complain(fmt::format("changed: {} is {}, and {} was committed", text_of(place),
                             std::to_underlying(offset), std::to_underlying(commit.offset)));
    if (commit.outcome == Outcome::refused)
        complain(fmt::format("refused, and there: {} is {}", text_of(place), std::to_underlying(offset)));
    if (commit.gone)
        complain(fmt::format("deleted, and there: {} is {}", text_of(place), std::to_underlying(offset)));
    for (auto& [other_tag, other] : all) {
        bool stands = other.outcome == Outcome::taken && other.told_us < asked.at_us;
        if (stands && precedes(commit, other))
            return complain(fmt::format("moved back: {} is {}, and {} was acknowledged behind it",
                                        text_of(place), std::to_underlying(offset),
                                        std::to_underlying(other.offset)));
    }
    if (commit.outcome != Outcome::taken) commit.outcome = Outcome::taken, commit.told_us = now_us;
}
bool GroupLedger::may_be_gone(const Place& place, const Commit& commit) const {
    return commit.may_be_gone || std::ranges::any_of(deletions_, [&](auto& each) {
               auto& deletion = each.second;
               bool here = !deletion.place || *deletion.place == place;
               return here && commit.asked.life <= deletion.asked.life;
           });
}
int GroupLedger::deletes(const std::optional<Place>& place, Asked asked) {
    deletions_[++last_deletion_] = {place, asked};
    return last_deletion_;
}
void GroupLedger::deleted(int number, Outcome outcome, std::int64_t now_us) {
    if (outcome == Outcome::unknown) return;
    auto [place, asked] = deletions_.at(number);
    deletions_.erase(number);
    for (auto& [at, commits] : commits_) {
        if (outcome == Outcome::refused || (place && at != *place)) continue;
        for (auto& [tag, commit] : commits) {
            commit.gone |= commit.outcome == Outcome::taken && commit.told_us < asked.at_us;
            commit.may_be_gone |= commit.asked.at_us < now_us;
        }
    }
}
void GroupLedger::missing(const Place& place, Asked asked, const std::optional<Generation>& during) {
    ++fetched_count;
    for (auto& [tag, commit] : commits_[place]) {
        bool stands = commit.outcome == Outcome::taken && commit.told_us < asked.at_us;
        bool used = !offsets_lapse || (during && commit.by == *during);
        if (stands && used && !may_be_gone(place, commit))
            return complain(fmt::format("forgotten: {} is nothing, and {} was acknowledged", text_of(place),
                                        std::to_underlying(commit.offset)));
    }
}

}  // namespace fulmar::sim
