#include "core/group/offsets.h"

#include <algorithm>

#include "base/arena.h"
#include "base/planted.h"
#include "core/group/bytes.h"
#include "wire/kafka/consumer_protocol.h"

namespace fulmar::group {

std::optional<std::set<std::string>> subscribed_topics(const Group& group) {
    if (group.protocol_type != "consumer") return std::nullopt;
    std::set<std::string> topics;
    for (auto& [id, member] : group.members) {
        auto& protocols = member.protocols;
        auto chosen = std::ranges::find(protocols, group.protocol.value_or(""), &Protocol::name);
        if (chosen == protocols.end()) chosen = protocols.begin();
        if (chosen == protocols.end()) return std::nullopt;
        Arena arena(16 * chosen->metadata.size() + 65'536);
        auto said = kafka::decode_consumer_protocol<kafka::ConsumerProtocolSubscription>(
            bytes_of(chosen->metadata), arena);
        if (!said) return std::nullopt;
        topics.insert(said->topics.begin(), said->topics.end());
    }
    return topics;
}

std::vector<std::pair<std::string, std::int32_t>> lapsed(const Group& group, const Offsets& offsets,
                                                         Timestamp now, Millis retention,
                                                         std::size_t count_max) {
    std::vector<std::pair<std::string, std::int32_t>> gone;
    std::optional<std::set<std::string>> wanted;
    bool empty = group.phase == Phase::empty;
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
