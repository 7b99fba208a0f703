// The steps that all requests of a consumer group's members have in common, whichever protocol they speak
// (KIP-848). Pure: they give the events, and what the member has after them.
#pragma once

#include <expected>

#include "core/group/consumer.h"

namespace fulmar::group {

struct Step {
    const std::string& group_id;
    const ConsumerGroup& group;
    const Setting& setting;

    const std::string& member_id;
    const ConsumerMember* before = nullptr;  // As whom it begins; null: it is new.
    const std::string* was = nullptr;        // The id that it had, when it is a static member come back.
    const Said& said;                        // The very one of `before`, when it says nothing new.
    const std::optional<Partitions>& owned;
};
struct Stepped {
    std::vector<ConsumerEvent> events;
    Current current;
    std::int32_t epoch = 0, target_epoch = 0;  // Of the group, after it.
};
// What it says is noted; the group's epoch grows if that, or a topic, has changed; partitions are shared out
// anew if they are not yet for that epoch; and the member takes what it may. An error is a pattern that
// cannot be used: says why. Timers are not among the events.
std::expected<Stepped, std::string> advance(const Step& step);

// Whether partitions can be shared out for the group's epoch now, if they are not yet.
bool may_share_out(const ConsumerGroup& group, const Setting& setting);

// Whether without these there are members, and all of them speak the classic protocol: then it may be a
// classic group again.
bool falls_to_classic(const ConsumerGroup& group, const std::set<std::string>& gone,
                      const ConsumerRules& rules);

// These members go, and with them what hangs on them. Where only members of the classic protocol are left,
// the group becomes theirs in the same step, if it may: they go on in their generation.
ConsumerOutcome part_with(const std::string& group_id, const ConsumerGroup& group,
                          const std::set<std::string>& ids, const Setting& setting);

// The one of these, of which there is one at least, that most members name; the first of equals. What a
// member names that there is no more, since a start with others, counts for nothing.
std::string_view assignor_of(const std::map<std::string_view, std::size_t>& votes,
                             std::span<const std::string_view> assignors);
std::string_view assignor_of(const ConsumerGroup& group, std::span<const std::string_view> assignors);

// Of topics by name: of what is known of them now.
std::int64_t hash_of(const std::set<std::string>& topics, const cluster::Image& image);

}  // namespace fulmar::group
