#include "core/group/advance.h"

#include <xxhash.h>

#include <algorithm>

#include "core/group/migration.h"
#include "core/group/pattern.h"
#include "core/group/reconcile.h"

namespace fulmar::group {

// Topics come and go in swarms, and to match them all takes a while.
static constexpr Millis matches_again_after{2'000};

std::int64_t hash_of(const std::set<std::string>& topics, const cluster::Image& image) {
    XXH64_hash_t hash = 0;
    for (auto& name : topics) {
        auto* topic = image.find(name);
        if (!topic) continue;
        auto count = std::uint64_t(topic->partitions.size());
        hash = XXH3_64bits_withSeed(name.data(), name.size(), hash);
        hash = XXH3_64bits_withSeed(topic->id.data(), topic->id.size(), hash);
        hash = XXH3_64bits_withSeed(&count, sizeof count, hash);
    }
    // 0 says that it is not known.
    return hash == 0 ? 1 : std::int64_t(hash);
}

// Without what only these say.
static std::set<std::string> named_without(const ConsumerGroup& group, const std::set<const Said*>& gone) {
    std::map<std::string_view, std::size_t> less;
    for (auto* said : gone)
        for (auto& topic : said->topics) ++less[topic];
    std::set<std::string> names;
    for (auto& [topic, count] : group.named()) {
        auto at = less.find(topic);
        if (at == less.end() || at->second < count) names.insert(names.end(), topic);
    }
    return names;
}

namespace {

class Advance {
public:
    explicit Advance(const Step& step)
        : step_(step), group_(step.group), rules_(step.setting.rules), image_(step.setting.image) {
        done_.epoch = group_.epoch.epoch;
        done_.target_epoch = group_.target_epoch.epoch;
        if (step.before) done_.current = step.before->current;
        else done_.current.epoch = done_.target_epoch;
        if (step.before) gone_.insert(&step.before->said);
        // A member that takes up a place that was kept leaves its own.
        auto* own = step.was ? group_.find(step.member_id) : nullptr;
        if (own) gone_.insert(&own->said);
    }
    std::expected<Stepped, std::string> run() {
        note_replacement();
        bool subscribes_anew = note_said();
        if (auto why = match()) return std::unexpected(*why);
        raise_epoch(subscribes_anew);
        auto target = target_now();
        auto next = reconcile(done_.current, target, done_.target_epoch, step_.owned,
                              {group_, step_.member_id, step_.was});
        bool changed = !step_.before || step_.was || next != step_.before->current;
        done_.current = std::move(next);
        if (changed) add(WroteCurrent{step_.group_id, step_.member_id, done_.current});
        part_with_old_id();
        return std::move(done_);
    }

private:
    void add(ConsumerEvent event) { done_.events.push_back(std::move(event)); }

    // What the old id had is the new one's, and until that is written the old one's: the log may end between
    // any two records of a step.
    void part_with_old_id() {
        if (!step_.was) return;
        add(WroteCurrent{step_.group_id, *step_.was, std::nullopt});
        add(WroteTarget{step_.group_id, *step_.was, std::nullopt});
        add(WroteConsumerMember{step_.group_id, *step_.was, std::nullopt});
    }
    void note_replacement() {
        if (!step_.was) return;
        add(WroteTarget{step_.group_id, step_.member_id, group_.target(*step_.was)});
        done_.current.epoch = done_.current.previous_epoch = 0;
        done_.current.state = MemberState::stable;
        // It has begun anew, and holds nothing of it.
        done_.current.revoking.clear();
    }
    bool note_said() {
        auto* before = step_.before;
        if (before && &before->said == &step_.said) return false;
        if (!before || step_.was || before->said != step_.said)
            add(WroteConsumerMember{step_.group_id, step_.member_id, step_.said});
        bool leaves = step_.was && group_.find(step_.member_id);
        return !before || leaves || before->said.topics != step_.said.topics ||
               before->said.pattern != step_.said.pattern;
    }

    // The members that name a pattern after this step.
    std::size_t naming(const std::string& pattern) const {
        auto count = group_.naming(pattern);
        for (auto* said : gone_)
            if (said->pattern == pattern) --count;
        return count + (step_.said.pattern == pattern ? 1 : 0);
    }
    Matched matched_now(std::set<std::string> topics) const {
        return {std::move(topics), std::int64_t(image_.topics_version()), step_.setting.clocks.wall};
    }
    // Null: it has not been matched.
    const Matched* find_pattern(const std::string& pattern) const {
        if (auto at = changes_.find(pattern); at != changes_.end())
            return at->second ? &*at->second : nullptr;
        auto at = group_.patterns().find(pattern);
        return at == group_.patterns().end() ? nullptr : &at->second;
    }
    // False, and nothing is changed: it is too much to keep with what the others match.
    bool change(const std::string& pattern, std::optional<Matched> to) {
        auto* before = find_pattern(pattern);
        auto less = before ? before->bytes() : 0, more = to ? to->bytes() : 0;
        if (more > less && matched_bytes_ - less + more > rules_.said_bytes_max) return false;
        matched_bytes_ += more - less;
        changes_[pattern] = std::move(to);
        return true;
    }
    std::optional<std::string> match() {
        for (auto* said : gone_)
            if (said->pattern && naming(*said->pattern) == 0) change(*said->pattern, std::nullopt);
        auto& mine = step_.said.pattern;
        std::optional<std::string> why;
        // One step takes no longer than one pattern may, so it is this one or the others.
        if (mine && !mine->empty() && !group_.patterns().contains(*mine)) why = match_first(*mine);
        else match_again();
        for (auto& [pattern, matched] : changes_) add(WrotePattern{step_.group_id, pattern, matched});
        return why;
    }
    std::optional<std::string> match_first(const std::string& pattern) {
        auto topics = TopicMatching(image_, rules_.internal_topics).match(pattern);
        if (!topics) return topics.error().why;
        if (change(pattern, matched_now(std::move(*topics)))) return std::nullopt;
        return "with what the group's other patterns match it is too much to keep";
    }
    // Where topics have changed, or a round is under way.
    void match_again() {
        auto& known = group_.patterns();
        auto& round = group_.round;
        auto now = step_.setting.clocks.now;
        bool as_it_was = !round.next && round.version == image_.topics_version();
        if (known.empty() || as_it_was || now - round.at < matches_again_after) return;
        MatchedTopics event{step_.group_id, {image_.topics_version(), std::nullopt, now}};
        // What has changed since it began is the next one's.
        if (round.next) event.round.version = round.version;
        TopicMatching matching(image_, rules_.internal_topics);
        for (auto at = round.next ? known.lower_bound(*round.next) : known.begin(); at != known.end(); ++at) {
            auto& [pattern, matched] = *at;
            if (naming(pattern) == 0) {
                change(pattern, std::nullopt);
                continue;
            }
            auto topics = matching.match(pattern);
            if (!topics && topics.error().for_now) {
                event.round.next = pattern;
                break;
            }
            // It was taken once, so it can only have become too dear, or too large: what it matched stays.
            if (topics && *topics != matched.topics) change(pattern, matched_now(std::move(*topics)));
        }
        add(std::move(event));
    }

    const Said& said_by(const std::string& id, const ConsumerMember& member) const {
        return id == step_.member_id ? step_.said : member.said;
    }
    // Of all that are members after this step.
    template <class Take>
    void for_each_member(Take take) const {
        bool known = false;
        for (auto& [id, member] : group_.members()) {
            if (step_.was && id == *step_.was) continue;
            known |= id == step_.member_id;
            take(id, said_by(id, member));
        }
        if (!known) take(step_.member_id, step_.said);
    }
    // Whether what all of them name is as it was.
    bool names_as_before() const {
        if (!changes_.empty()) return false;
        auto& named = group_.named();
        auto known = [&](auto& topic) { return named.contains(topic); };
        if (!std::ranges::all_of(step_.said.topics, known)) return false;
        auto left = [&](auto& topic) { return named.at(topic) > 1 || step_.said.topics.contains(topic); };
        return !step_.before || std::ranges::all_of(step_.before->said.topics, left);
    }
    std::set<std::string> subscribed() const {
        auto topics = named_without(group_, gone_);
        topics.insert(step_.said.topics.begin(), step_.said.topics.end());
        auto take = [&](const Matched& matched) {
            topics.insert(matched.topics.begin(), matched.topics.end());
        };
        for (auto& [pattern, matched] : group_.patterns())
            if (naming(pattern) > 0 && !changes_.contains(pattern)) take(matched);
        for (auto& [pattern, matched] : changes_)
            if (matched) take(*matched);
        return topics;
    }
    void raise_epoch(bool subscribes_anew) {
        auto version = image_.topics_version();
        bool looked_at = group_.looked_at == version;
        bool same_names = names_as_before();
        if (!subscribes_anew && same_names && looked_at) return;
        if (!looked_at) add(LookedAtTopics{step_.group_id, version});
        auto hash = group_.epoch.topics_hash;
        if (!same_names || !looked_at) hash = hash_of(subscribed(), image_);
        if (!subscribes_anew && hash == group_.epoch.topics_hash) return;
        done_.epoch = group_.epoch.epoch + 1;
        // In front of what it is for: where the log ends in between, partitions are shared out once more.
        done_.events.insert(done_.events.begin(),
                            WroteConsumerGroup{step_.group_id, GroupEpoch{done_.epoch, hash}});
    }

    const Partitions& target_before(const std::string& id) const {
        return group_.target(step_.was && id == step_.member_id ? *step_.was : id);
    }
    // What this member is to have; partitions are shared out anew first, if it is time.
    Partitions target_now() {
        if (done_.epoch == done_.target_epoch || !may_share_out(group_, step_.setting))
            return target_before(step_.member_id);
        Sharing sharing;
        std::map<std::string_view, std::size_t> votes;
        for_each_member([&](auto& id, auto& said) {
            if (said.assignor) ++votes[*said.assignor];
            Subscriber subscriber{.id = id, .topics = topics_of(said), .current = &target_before(id)};
            if (said.instance_id) subscriber.instance_id = *said.instance_id;
            sharing.members.push_back(std::move(subscriber));
        });
        for (auto& [key, topics] : sets_)
            for (auto& topic : *topics)
                sharing.topics[topic] = std::int32_t(image_.find(topic)->partitions.size());
        auto assignor = assignor_of(votes, rules_.assignors);
        auto shares = assignor == range_assignor ? share_by_range(sharing) : share_uniformly(sharing);
        Partitions mine;
        for (std::size_t n = 0; n < shares.size(); ++n) {
            std::string id(sharing.members[n].id);
            bool same = shares[n] == target_before(id) && (id != step_.member_id || step_.before);
            if (id == step_.member_id) mine = shares[n];
            if (!same) add(WroteTarget{step_.group_id, std::move(id), std::move(shares[n])});
        }
        done_.target_epoch = done_.epoch;
        add(WroteTargetEpoch{step_.group_id, TargetEpoch{done_.epoch, step_.setting.clocks.wall}});
        return mine;
    }
    // By what a member names; many name the same.
    std::shared_ptr<const std::set<TopicId>> topics_of(const Said& said) {
        auto& known = sets_[{&said.topics, &said.pattern}];
        if (known) return known;
        auto ids = std::make_shared<std::set<TopicId>>();
        auto take = [&](const std::set<std::string>& names) {
            for (auto& name : names)
                if (auto* topic = image_.find(name)) ids->insert(topic->id);
        };
        take(said.topics);
        if (said.pattern)
            if (auto* matched = find_pattern(*said.pattern)) take(matched->topics);
        known = std::move(ids);
        return known;
    }

    using Named = std::pair<const std::set<std::string>*, const std::optional<std::string>*>;
    struct SameNames {
        bool operator()(const Named& a, const Named& b) const {
            if (*a.second != *b.second) return *a.second < *b.second;
            return a.first != b.first && *a.first < *b.first;
        }
    };

    const Step& step_;
    const ConsumerGroup& group_;
    const ConsumerRules& rules_;
    const cluster::Image& image_;
    Stepped done_;
    std::set<const Said*> gone_;                             // What is said no more after this step.
    std::map<std::string, std::optional<Matched>> changes_;  // Of patterns; none: nobody names it any more.
    std::size_t matched_bytes_ = group_.matched_bytes();
    std::map<Named, std::shared_ptr<const std::set<TopicId>>, SameNames> sets_;
};

}  // namespace

std::expected<Stepped, std::string> advance(const Step& step) { return Advance(step).run(); }

std::string_view assignor_of(const std::map<std::string_view, std::size_t>& votes,
                             std::span<const std::string_view> assignors) {
    auto votes_for = [&](std::string_view assignor) {
        auto found = votes.find(assignor);
        return found == votes.end() ? 0 : found->second;
    };
    return *std::ranges::max_element(assignors, {}, votes_for);
}
std::string_view assignor_of(const ConsumerGroup& group, std::span<const std::string_view> assignors) {
    std::map<std::string_view, std::size_t> votes;
    for (auto& [id, member] : group.members())
        if (member.said.assignor) ++votes[*member.said.assignor];
    return assignor_of(votes, assignors);
}

bool may_share_out(const ConsumerGroup& group, const Setting& setting) {
    auto& rules = setting.rules;
    if (group.members().size() < rules.waits_from_members) return true;
    auto age = setting.clocks.wall - group.target_epoch.at;
    return age >= rules.assignment_interval || age < Millis(0);
}

bool falls_to_classic(const ConsumerGroup& group, const std::set<std::string>& gone,
                      const ConsumerRules& rules) {
    std::size_t left = group.members().size(), classic = group.classic_members();
    for (auto& id : gone) {
        auto* member = group.find(id);
        if (!member) continue;
        --left;
        if (member->said.classic) --classic;
    }
    return rules.may_downgrade && left > 0 && left == classic;
}

ConsumerOutcome part_with(const std::string& group_id, const ConsumerGroup& group,
                          const std::set<std::string>& ids, const Setting& setting) {
    if (falls_to_classic(group, ids, setting.rules)) return downgrade(group_id, group, ids, setting);
    ConsumerOutcome outcome;
    // The epoch comes first, as above.
    std::vector<ConsumerEvent> events(1);
    std::set<const Said*> gone;
    std::map<std::string_view, std::size_t> patterns;
    for (auto& id : ids) {
        auto* member = group.find(id);
        if (!member) continue;
        events.push_back(WroteCurrent{group_id, id, std::nullopt});
        events.push_back(WroteTarget{group_id, id, std::nullopt});
        events.push_back(WroteConsumerMember{group_id, id, std::nullopt});
        gone.insert(&member->said);
        if (member->said.pattern) ++patterns[*member->said.pattern];
    }
    auto topics = named_without(group, gone);
    for (auto& [pattern, matched] : group.patterns()) {
        if (group.naming(pattern) > patterns[pattern])
            topics.insert(matched.topics.begin(), matched.topics.end());
        else events.push_back(WrotePattern{group_id, pattern, std::nullopt});
    }
    events.front() =
        WroteConsumerGroup{group_id, GroupEpoch{group.epoch.epoch + 1, hash_of(topics, setting.image)}};
    outcome.add(std::move(events));
    return outcome;
}

}  // namespace fulmar::group
