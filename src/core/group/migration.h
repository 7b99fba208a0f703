// How a group goes from the classic protocol to the newer one and back, while its members go on (KIP-848,
// "Online migration"). Pure.
#pragma once

#include <expected>

#include "core/group/consumer.h"

namespace fulmar::group {

inline constexpr std::string_view consumer_protocol_type = "consumer";

// What a classic member says in the bytes of a protocol; nothing when they cannot be read.
struct Subscription {
    std::set<std::string> topics{};
    std::optional<std::string> rack_id{};
    Partitions owned{};  // Of topics that there are.
};
std::optional<Subscription> subscription_of(std::string_view metadata, const cluster::Image& image);
// What a member of the classic protocol is in a consumer group. `From`: a Member, or a Join.
template <class From>
Said said_of(const From& from, const Subscription& subscription) {
    return {.instance_id = from.instance_id,
            .rack_id = subscription.rack_id,
            .client_id = from.client_id,
            .client_host = from.client_host,
            .topics = subscription.topics,
            .rebalance_timeout = from.rebalance_timeout,
            .classic = Said::Classic{from.session_timeout, from.protocols}};
}
// What it is told that it has, in the version in which it speaks.
std::string assignment_of(const ConsumerMember& member, const cluster::Image& image);

struct Upgraded {
    ConsumerGroup group;
    ConsumerOutcome outcome;  // What makes it so.
};
// `classic`: null when there is none. An error says why it cannot be, to go on a sentence with.
std::expected<Upgraded, std::string> upgrade(const std::string& name, const Group* classic,
                                             const Setting& setting);
// Without those that are `gone`. REQUIRES: there are others, and all of these are classic ones.
ConsumerOutcome downgrade(const std::string& name, const ConsumerGroup& group,
                          const std::set<std::string>& gone, const Setting& setting);

}  // namespace fulmar::group
