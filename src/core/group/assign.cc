#include "core/group/assign.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace fulmar::group {

namespace {

struct Partition {
    TopicId topic{};
    std::int32_t index = 0;
    auto operator<=>(const Partition&) const = default;
};

// Who has what; at the beginning what each may keep of what it had.
class Shares {
public:
    explicit Shares(const Sharing& sharing) : sharing_(sharing), shares_(sharing.members.size()) {
        for (std::size_t n = 0; n < shares_.size(); ++n) keep(n);
    }
    std::vector<Partition> without_owner() const {
        std::vector<Partition> left;
        for (auto& [topic, count] : sharing_.topics)
            for (std::int32_t index = 0; index < count; ++index)
                if (!owners_.contains({topic, index})) left.push_back({topic, index});
        return left;
    }
    std::size_t count(std::size_t member) const { return shares_[member].size(); }
    const std::set<Partition>& of(std::size_t member) const { return shares_[member]; }
    void give(std::size_t member, const Partition& partition) {
        if (auto at = owners_.find(partition); at != owners_.end()) shares_[at->second].erase(partition);
        owners_[partition] = member;
        shares_[member].insert(partition);
    }
    void drop_last(std::size_t member) {
        auto last = std::prev(shares_[member].end());
        owners_.erase(*last);
        shares_[member].erase(last);
    }
    const std::map<Partition, std::size_t>& owners() const { return owners_; }
    std::vector<Partitions> finish() const {
        std::vector<Partitions> all(shares_.size());
        for (std::size_t n = 0; n < shares_.size(); ++n)
            for (auto& [topic, index] : shares_[n]) all[n][topic].insert(index);
        return all;
    }

private:
    void keep(std::size_t member) {
        auto& subscriber = sharing_.members[member];
        if (!subscriber.current) return;
        for (auto& [topic, indexes] : *subscriber.current) {
            auto known = sharing_.topics.find(topic);
            if (known == sharing_.topics.end() || !subscriber.topics->contains(topic)) continue;
            for (auto index : indexes)
                if (index < known->second && owners_.try_emplace({topic, index}, member).second)
                    shares_[member].insert({topic, index});
        }
    }

    const Sharing& sharing_;
    std::vector<std::set<Partition>> shares_;  // By member.
    std::map<Partition, std::size_t> owners_;
};

bool all_alike(const Sharing& sharing) {
    auto& members = sharing.members;
    auto& first = members.front().topics;
    return std::ranges::all_of(members,
                               [&](auto& each) { return each.topics == first || *each.topics == *first; });
}

// Whoever may have one more than the others is first of all who has it already.
void share_alike(const Sharing& sharing, Shares& shares) {
    auto& topics = *sharing.members.front().topics;
    std::size_t partitions = 0, members = sharing.members.size();
    for (auto& [topic, count] : sharing.topics)
        if (topics.contains(topic)) partitions += std::size_t(count);
    auto each = partitions / members, more = partitions % members;
    std::vector<std::size_t> quota(members, each);
    for (std::size_t n = 0; n < members; ++n)
        if (more > 0 && shares.count(n) > each) ++quota[n], --more;
    for (std::size_t n = 0; n < members; ++n)
        if (more > 0 && quota[n] == each) ++quota[n], --more;
    for (std::size_t n = 0; n < members; ++n)
        while (shares.count(n) > quota[n]) shares.drop_last(n);
    std::size_t next = 0;
    for (auto& partition : shares.without_owner()) {
        if (!topics.contains(partition.topic)) continue;
        while (shares.count(next) == quota[next]) ++next;
        shares.give(next, partition);
    }
}

using Subscribers = std::map<TopicId, std::vector<std::size_t>>;
Subscribers subscribers_of(const Sharing& sharing) {
    Subscribers all;
    for (std::size_t n = 0; n < sharing.members.size(); ++n)
        for (auto& topic : *sharing.members[n].topics) all[topic].push_back(n);
    return all;
}
std::size_t least(const std::vector<std::size_t>& members, const Shares& shares) {
    return *std::ranges::min_element(members, {}, [&](auto member) { return shares.count(member); });
}

// Each step makes shares more alike, so it ends; the bound is for the time it may take.
void share_as_far_as_possible(const Sharing& sharing, Shares& shares) {
    auto subscribers = subscribers_of(sharing);
    auto left = shares.without_owner();
    // Of what few may have first, since there is no choice.
    std::ranges::sort(left, {}, [&](auto& partition) {
        auto at = subscribers.find(partition.topic);
        return std::pair(at == subscribers.end() ? 0 : at->second.size(), partition);
    });
    std::uint64_t steps_left = 20'000'000;
    std::size_t turn = 0;
    for (auto& partition : left) {
        auto at = subscribers.find(partition.topic);
        if (at == subscribers.end()) continue;
        auto& able = at->second;
        bool looks = steps_left >= able.size();  // Else they come in turn.
        steps_left -= looks ? able.size() : 0;
        shares.give(looks ? least(able, shares) : able[turn++ % able.size()], partition);
    }
    for (bool moved = true; moved;) {
        moved = false;
        auto owners = shares.owners();
        for (auto& [partition, owner] : owners) {
            auto& able = subscribers.at(partition.topic);
            if (steps_left < able.size()) return;
            steps_left -= able.size();
            auto to = least(able, shares);
            if (shares.count(owner) < shares.count(to) + 2) continue;
            shares.give(to, partition);
            moved = true;
        }
    }
}

}  // namespace

std::vector<Partitions> share_uniformly(const Sharing& sharing) {
    if (sharing.members.empty()) return {};
    Shares shares(sharing);
    if (all_alike(sharing)) share_alike(sharing, shares);
    else share_as_far_as_possible(sharing, shares);
    return shares.finish();
}

std::vector<Partitions> share_by_range(const Sharing& sharing) {
    std::vector<Partitions> all(sharing.members.size());
    if (sharing.members.empty()) return all;
    auto order = [&](std::size_t n) {
        auto& member = sharing.members[n];
        return std::tuple(!member.instance_id, member.instance_id.value_or(""), member.id);
    };
    auto share = [&](const TopicId& topic, const std::vector<std::size_t>& sorted) {
        auto known = sharing.topics.find(topic);
        if (known == sharing.topics.end()) return;
        auto count = std::size_t(known->second), each = count / sorted.size(), more = count % sorted.size();
        std::int32_t next = 0;
        for (std::size_t n = 0; n < sorted.size(); ++n) {
            auto takes = each + (n < more ? 1 : 0);
            if (takes == 0) return;
            auto& indexes = all[sorted[n]][topic];
            for (std::size_t taken = 0; taken < takes; ++taken) indexes.insert(indexes.end(), next++);
        }
    };
    if (all_alike(sharing)) {
        std::vector<std::size_t> sorted(sharing.members.size());
        std::iota(sorted.begin(), sorted.end(), std::size_t{0});
        std::ranges::sort(sorted, {}, order);
        for (auto& topic : *sharing.members.front().topics) share(topic, sorted);
        return all;
    }
    for (auto& [topic, members] : subscribers_of(sharing)) {
        auto sorted = members;
        std::ranges::sort(sorted, {}, order);
        share(topic, sorted);
    }
    return all;
}

}  // namespace fulmar::group
