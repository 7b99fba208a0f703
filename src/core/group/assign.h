// How the broker shares partitions among the members of a consumer group (KIP-848): its two assignors. Each
// partition of a topic goes to one of those that subscribe to it. Pure functions; what they give depends on
// nothing but what they are given, so that every broker would give the same.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "base/ids.h"

namespace fulmar::group {

using Partitions = std::map<TopicId, std::set<std::int32_t>>;

struct Subscriber {
    std::string_view id;
    std::optional<std::string_view> instance_id{};
    // Those that there are, of what it subscribes to; members may have one such set together.
    std::shared_ptr<const std::set<TopicId>> topics{};
    const Partitions* current = nullptr;  // What it was to have so far; null: nothing.
};
struct Sharing {
    std::map<TopicId, std::int32_t> topics;  // How many partitions each has.
    std::vector<Subscriber> members;
};

// "uniform": everybody has as many, give or take one, as far as subscriptions allow; and of what they had
// they keep as much as that allows. Chains of moves of which none alone makes it more even are not looked
// for.
std::vector<Partitions> share_uniformly(const Sharing& sharing);
// "range": of each topic its subscribers get ranges that lie side by side, in the order of their names,
// static members first: so that topics with as many partitions are shared alike.
std::vector<Partitions> share_by_range(const Sharing& sharing);

}  // namespace fulmar::group
