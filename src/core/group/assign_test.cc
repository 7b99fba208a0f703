#include "core/group/assign.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace fulmar::group {
namespace {

TopicId topic(int n) { return uuid_from(std::uint64_t(n), 7); }

// A group whose members are named as they come, and what they have.
struct Group {
    std::map<TopicId, std::int32_t> topics;
    struct Member {
        std::string id;
        std::optional<std::string> instance_id;
        std::set<TopicId> topics;
        Partitions has;
    };
    std::vector<Member> members;
    int named = 0;

    void add(std::set<TopicId> subscribed, std::optional<std::string> instance_id = {}) {
        members.push_back(
            {fmt::format("m{:04}", ++named), std::move(instance_id), std::move(subscribed), {}});
    }
    std::set<TopicId> all_topics() const {
        std::set<TopicId> all;
        for (auto& [id, count] : topics) all.insert(id);
        return all;
    }
    // Gives how many partitions moved from one member to another.
    std::size_t share(std::vector<Partitions> (*by)(const Sharing&)) {
        Sharing sharing{topics, {}};
        for (auto& member : members) {
            Subscriber subscriber{.id = member.id, .topics = {}, .current = &member.has};
            if (member.instance_id) subscriber.instance_id = *member.instance_id;
            auto known = std::make_shared<std::set<TopicId>>();
            for (auto& each : member.topics)
                if (topics.contains(each)) known->insert(each);
            subscriber.topics = known;
            sharing.members.push_back(std::move(subscriber));
        }
        auto shared = by(sharing);
        EXPECT_EQ(shared.size(), members.size());
        auto before = owners();
        for (std::size_t n = 0; n < shared.size(); ++n) members[n].has = std::move(shared[n]);
        auto after = owners();
        std::size_t moved = 0;
        for (auto& [partition, owner] : after)
            moved += before.contains(partition) && before[partition] != owner;
        return moved;
    }
    std::map<std::pair<TopicId, std::int32_t>, std::string> owners() const {
        std::map<std::pair<TopicId, std::int32_t>, std::string> all;
        for (auto& member : members)
            for (auto& [id, indexes] : member.has)
                for (auto index : indexes) {
                    EXPECT_TRUE(all.emplace(std::pair(id, index), member.id).second) << "two owners";
                }
        return all;
    }
    std::size_t count(std::size_t member) const {
        std::size_t count = 0;
        for (auto& [id, indexes] : members[member].has) count += indexes.size();
        return count;
    }
    void expect_complete() const {
        auto all = owners();
        std::size_t expected = 0;
        for (auto& [id, partitions] : topics) {
            auto takes = [&](auto& member) { return member.topics.contains(id); };
            if (std::ranges::any_of(members, takes)) expected += std::size_t(partitions);
        }
        EXPECT_EQ(all.size(), expected);
        for (auto& member : members)
            for (auto& [id, indexes] : member.has) {
                EXPECT_TRUE(member.topics.contains(id));
                EXPECT_GE(*indexes.begin(), 0);
                EXPECT_LT(*indexes.rbegin(), topics.at(id));
            }
    }
    void expect_even() const {
        std::size_t least = SIZE_MAX, most = 0;
        for (std::size_t n = 0; n < members.size(); ++n)
            least = std::min(least, count(n)), most = std::max(most, count(n));
        EXPECT_LE(most, least + 1);
    }
};

Group seven_by_three() {
    Group group{{{topic(1), 4}, {topic(2), 3}}, {}};
    for (int n = 0; n < 3; ++n) group.add(group.all_topics());
    return group;
}

TEST(Assign, uniform_shares_are_even_and_move_only_what_must) {
    auto group = seven_by_three();
    EXPECT_EQ(group.share(share_uniformly), 0U);
    group.expect_complete();
    group.expect_even();
    EXPECT_EQ(group.share(share_uniformly), 0U);  // And stay as they are.
    group.add(group.all_topics());
    EXPECT_EQ(group.share(share_uniformly), 1U);  // 3, 2, 2 and 0 become 2, 2, 2 and 1.
    group.expect_complete();
    group.expect_even();
    group.members.erase(group.members.begin());
    EXPECT_EQ(group.share(share_uniformly), 0U);  // What is free goes to who has less.
    group.expect_complete();
    group.expect_even();
}

TEST(Assign, a_range_is_of_one_piece_and_alike_in_topics_of_one_size) {
    Group group{{{topic(1), 7}, {topic(2), 7}}, {}};
    for (int n = 0; n < 2; ++n) group.add(group.all_topics());
    group.add(group.all_topics(), "an instance");
    group.share(share_by_range);
    group.expect_complete();
    using Indexes = std::set<std::int32_t>;
    for (auto& id : {topic(1), topic(2)}) {
        EXPECT_EQ(group.members[2].has[id], (Indexes{0, 1, 2}));  // Static members come first.
        EXPECT_EQ(group.members[0].has[id], (Indexes{3, 4}));
        EXPECT_EQ(group.members[1].has[id], (Indexes{5, 6}));
    }
}

TEST(Assign, who_is_alone_has_all_and_nobody_has_what_nobody_wants) {
    for (auto by : {share_uniformly, share_by_range}) {
        Group group{{{topic(1), 3}, {topic(2), 2}}, {}};
        EXPECT_EQ(group.share(by), 0U);
        group.add({topic(1), topic(9)});  // Of the latter there is none.
        group.share(by);
        group.expect_complete();
        EXPECT_EQ(group.count(0), 3U);
        group.topics.erase(topic(1));
        group.share(by);
        EXPECT_EQ(group.count(0), 0U);
    }
}

TEST(Assign, a_member_that_only_one_topic_is_for_gets_its_part) {
    Group group{{{topic(1), 6}, {topic(2), 2}}, {}};
    group.add({topic(1)});
    group.add({topic(1), topic(2)});
    group.share(share_uniformly);
    group.expect_complete();
    EXPECT_EQ(group.count(0), 4U);
    EXPECT_EQ(group.count(1), 4U);
    group.add({topic(2)});
    group.share(share_uniformly);
    group.expect_complete();
    EXPECT_EQ(group.count(2), 2U);
    EXPECT_EQ(group.count(0), 3U);
}

// Whatever comes and goes: complete, with one owner each, even where all want the same, and what is shared
// again without a change stays.
TEST(Assign, random_groups) {
    for (unsigned seed = 0; seed < 300; ++seed) {
        SCOPED_TRACE(seed);
        std::mt19937 random(seed);
        auto below = [&](int n) { return int(random() % unsigned(n)); };
        bool alike = below(2) == 0;
        Group group;
        for (int n = 0; n <= below(5); ++n) group.topics[topic(n)] = 1 + below(12);
        auto subscribed = [&] {
            auto all = group.all_topics();
            if (!alike) std::erase_if(all, [&](auto&) { return below(3) == 0; });
            return all;
        };
        auto by = below(3) > 0 ? share_uniformly : share_by_range;
        for (int change = 0; change < 12; ++change) {
            auto size = int(group.members.size());
            if (size == 0 || below(3) > 0) group.add(subscribed());
            else group.members.erase(group.members.begin() + below(size));
            if (below(4) == 0) group.topics[topic(below(6))] += 1 + below(3);
            if (alike)
                for (auto& member : group.members) member.topics = group.all_topics();
            group.share(by);
            group.expect_complete();
            if (alike && by == share_uniformly && !group.members.empty()) group.expect_even();
            EXPECT_EQ(group.share(by), 0U);
        }
        if (HasFailure()) break;
    }
}

}  // namespace
}  // namespace fulmar::group
