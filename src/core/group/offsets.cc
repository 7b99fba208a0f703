#include "core/group/offsets.h"

#include <algorithm>

#include "base/arena.h"
#include "base/planted.h"
#include "core/group/bytes.h"
#include "wire/kafka/consumer_protocol.h"

namespace fulmar::group {

std::optional<std::set<std::string_view>> subscribed_topics(const Group& group) {
    if (group.protocol_type != "consumer") return std::nullopt;
    std::set<std::string_view> read, topics;
    std::size_t names = 0;
    for (auto& [id, member] : group.members) {
        auto& protocols = member.protocols;
        auto chosen = std::ranges::find(protocols, group.protocol.value_or(""), &Protocol::name);
        if (chosen == protocols.end()) chosen = protocols.begin();
        if (chosen == protocols.end()) return std::nullopt;
        // Members of most groups say the same, and it may be long.
        if (!read.insert(chosen->metadata).second) continue;
        Arena arena(subscription_budget(chosen->metadata.size()));
        auto said = kafka::decode_consumer_protocol<kafka::ConsumerProtocolSubscription>(
            bytes_of(chosen->metadata), arena);
        if (!said) return std::nullopt;
        names += said->topics.size();
        if (names > subscribed_names_max) return std::nullopt;
        topics.insert(said->topics.begin(), said->topics.end());
    }
    return topics;
}

std::vector<std::pair<std::string, std::int32_t>> lapsed(const Group& group, const Offsets& offsets,
                                                         Timestamp now, Millis retention,
                                                         std::size_t count_max) {
    std::vector<std::pair<std::string, std::int32_t>> gone;
    if (offsets.empty()) return gone;
    std::optional<std::set<std::string_view>> wanted;
    bool empty = group.is_empty();
    if (!empty) {
        if (group.phase != Phase::stable) return gone;
        wanted = subscribed_topics(group);
        if (!wanted) return gone;
    }
    for (auto& [topic, partitions] : offsets) {
        if (wanted && wanted->contains(topic) && !planted(Bug::offsets_expire_in_use)) continue;
        for (auto& [partition, committed] : partitions) {
            // A group that only commits has no state to be in since some time.
            bool counts_from_state = empty && !group.protocol_type.empty() && group.since >= Timestamp{0};
            auto since = counts_from_state ? std::max(group.since, committed.at) : committed.at;
            bool over = committed.lapses ? now >= *committed.lapses : now - since >= retention;
            if (over) gone.emplace_back(topic, partition);
            if (gone.size() >= count_max) return gone;
        }
    }
    return gone;
}
std::vector<std::pair<std::string, std::int32_t>> lapsed(const ConsumerGroup& group, const Offsets& offsets,
                                                         Timestamp now, Millis retention,
                                                         std::size_t count_max) {
    std::vector<std::pair<std::string, std::int32_t>> gone;
    for (auto& [topic, partitions] : offsets) {
        if (group.subscribes(topic) && !planted(Bug::offsets_expire_in_use)) continue;
        for (auto& [partition, committed] : partitions) {
            bool over = committed.lapses ? now >= *committed.lapses : now - committed.at >= retention;
            if (over) gone.emplace_back(topic, partition);
            if (gone.size() >= count_max) return gone;
        }
    }
    return gone;
}

}  // namespace fulmar::group
