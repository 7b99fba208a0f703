#include "core/group/migration.h"

#include <algorithm>
#include <ranges>

#include "base/arena.h"
#include "base/planted.h"
#include "core/group/bytes.h"
#include "core/group/offsets.h"
#include "wire/kafka/consumer_protocol.h"

namespace fulmar::group {

namespace {

// Numbers below `end`. There may be millions of them, in any order and again and again: where they are many,
// to mark them is far less than to sort them.
std::set<std::int32_t> ordered(std::vector<std::int32_t> numbers, std::size_t end) {
    if (numbers.size() > end / 16) {
        std::vector<bool> marks(end);
        for (auto number : numbers) marks[std::size_t(number)] = true;
        numbers.clear();
        for (std::size_t number = 0; number < end; ++number)
            if (marks[number]) numbers.push_back(std::int32_t(number));
    } else {
        std::ranges::sort(numbers);
    }
    return {numbers.begin(), numbers.end()};
}
Partitions by_id(std::span<kafka::ConsumerProtocolTopic> topics, const cluster::Image& image) {
    std::map<const cluster::Topic*, std::vector<std::int32_t>> named;
    for (auto& each : topics) {
        auto* topic = image.find(each.topic);
        if (!topic) continue;
        auto& indexes = named[topic];
        for (auto index : each.partitions)
            if (index >= 0 && std::size_t(index) < topic->partitions.size()) indexes.push_back(index);
    }
    Partitions partitions;
    for (auto& [topic, indexes] : named)
        if (!indexes.empty()) partitions[topic->id] = ordered(std::move(indexes), topic->partitions.size());
    return partitions;
}
// Of the bytes that a leader has assigned; an empty text when it has not.
std::optional<Partitions> assigned_by(std::string_view assignment, const cluster::Image& image) {
    if (assignment.empty()) return Partitions{};
    Arena arena(16 * assignment.size() + 65'536);
    auto said =
        kafka::decode_consumer_protocol<kafka::ConsumerProtocolAssignment>(bytes_of(assignment), arena);
    if (!said) return std::nullopt;
    return by_id(said->assigned_partitions, image);
}

// The bytes that count of what a member says: those for the protocol of its generation.
const Protocol* chosen(const Member& member, const Group& group) {
    auto at = std::ranges::find(member.protocols, group.protocol.value_or(""), &Protocol::name);
    if (at == member.protocols.end()) at = member.protocols.begin();
    return at == member.protocols.end() ? nullptr : &*at;
}

constexpr std::string_view malformed = "the embedded consumer protocol is malformed";

// Whether its members say or name more than a consumer group may hold. Anybody may ask for the other kind of
// group again and again, and to count is far less than to take everything over and find no room for it.
bool says_too_much(const Group& classic, const ConsumerRules& rules) {
    std::size_t said = 0, names = 0;  // In bytes.
    for (auto& [id, member] : classic.members) {
        auto* protocol = chosen(member, classic);
        said += member.assignment.size() + (protocol ? protocol->metadata.size() : 0);
    }
    if (said > rules.said_bytes_max) return true;
    for (auto& [id, member] : classic.members) {
        auto* protocol = chosen(member, classic);
        if (!protocol) continue;
        Arena arena(subscription_budget(protocol->metadata.size()));
        auto told = kafka::decode_consumer_protocol<kafka::ConsumerProtocolSubscription>(
            bytes_of(protocol->metadata), arena);
        if (told) names += told->topics.size() * name_cost_bytes;
    }
    return names > rules.said_bytes_max;
}

std::expected<void, std::string> add(Upgraded& made, const std::string& name, const Group& classic,
                                     const Member& member, const Setting& setting) {
    auto* protocol = chosen(member, classic);
    auto subscription = protocol ? subscription_of(protocol->metadata, setting.image) : std::nullopt;
    auto assigned = assigned_by(member.assignment, setting.image);
    if (!subscription || !assigned) return std::unexpected(std::string(malformed));
    // A member of the cooperative kind has still what it says, until it is given something else.
    if (member.assignment.empty()) assigned = subscription->owned;
    // A leader may have given one to two.
    for (auto& [topic, indexes] : *assigned)
        std::erase_if(indexes, [&](auto index) { return made.group.owner(topic, index) != nullptr; });
    auto said = said_of(member, *subscription);
    auto epoch = made.group.epoch.epoch;
    Current current{.epoch = epoch, .previous_epoch = epoch, .assigned = *assigned};
    std::vector<ConsumerEvent> events;
    events.emplace_back(WroteConsumerMember{name, member.id, std::move(said)});
    events.emplace_back(WroteTarget{name, member.id, assigned});
    events.emplace_back(WroteCurrent{name, member.id, std::move(current)});
    events.emplace_back(
        TimersSet{name, member.id, setting.clocks.now + std::max(member.session_timeout, Millis(1)), {}});
    for (auto& event : events) group::apply(made.group, event);
    made.outcome.add(std::move(events));
    // Whoever waits is to ask again, and then of a group of the other kind.
    auto again = GroupError::rebalance_in_progress;
    if (member.joining)
        made.outcome.answers.emplace_back(*member.joining, Joined{.error = again, .member_id = member.id});
    if (member.syncing) made.outcome.answers.emplace_back(*member.syncing, Synced{again, {}, {}, {}});
    return {};
}

}  // namespace

std::optional<Subscription> subscription_of(std::string_view metadata, const cluster::Image& image) {
    Arena arena(subscription_budget(metadata.size()));
    auto said =
        kafka::decode_consumer_protocol<kafka::ConsumerProtocolSubscription>(bytes_of(metadata), arena);
    if (!said) return std::nullopt;
    Subscription subscription;
    subscription.topics.insert(said->topics.begin(), said->topics.end());
    if (said->rack_id) subscription.rack_id = std::string(*said->rack_id);
    subscription.owned = by_id(said->owned_partitions, image);
    return subscription;
}

std::string assignment_of(const ConsumerMember& member, const cluster::Image& image) {
    std::vector<std::vector<std::int32_t>> indexes;
    std::vector<kafka::ConsumerProtocolTopic> topics;
    indexes.reserve(member.current.assigned.size());
    for (auto& [id, partitions] : member.current.assigned) {
        auto* topic = image.find(id);
        if (!topic) continue;
        auto& list = indexes.emplace_back(partitions.begin(), partitions.end());
        topics.push_back({topic->name, list});
    }
    int version = 0;
    auto& classic = member.said.classic;
    if (classic && !classic->protocols.empty()) {
        auto spoken = kafka::open_prefixed(bytes_of(classic->protocols.front().metadata));
        if (spoken) version = std::clamp<int>(spoken->prefix, 0, kafka::ConsumerProtocolAssignment::newest);
    }
    kafka::ConsumerProtocolAssignment assignment{.assigned_partitions = topics, .user_data = std::nullopt};
    return text_of(kafka::encode_consumer_protocol(assignment, version));
}

std::expected<Upgraded, std::string> upgrade(const std::string& name, const Group* classic,
                                             const Setting& setting) {
    Upgraded made;
    if (!classic) return made;
    if (!classic->is_empty()) {
        if (!setting.rules.may_upgrade) return std::unexpected("online upgrades are disabled");
        if (classic->protocol_type != consumer_protocol_type)
            return std::unexpected("it is no group of consumers");
        if (classic->members.size() >= setting.rules.members_max)
            return std::unexpected("it has more members than a consumer group may have");
        if (says_too_much(*classic, setting.rules))
            return std::unexpected("its members say more than a consumer group has room for");
        std::vector<ConsumerEvent> events;
        events.emplace_back(WroteConsumerGroup{name, GroupEpoch{std::max(classic->generation, 1), 0}});
        events.emplace_back(WroteTargetEpoch{name, TargetEpoch{std::max(classic->generation, 1), {}}});
        for (auto& event : events) group::apply(made.group, event);
        made.outcome.add(std::move(events));
        // What one has been given goes before what another says that it has.
        for (bool given : {true, false})
            for (auto& [id, member] : classic->members) {
                if (member.assignment.empty() == given) continue;
                if (&member == &classic->members.rbegin()->second && planted(Bug::migration_loses_member))
                    continue;
                if (auto added = add(made, name, *classic, member, setting); !added)
                    return std::unexpected(added.error());
            }
    }
    made.outcome.events.emplace_back(GroupEvent(WroteGroup{name, std::nullopt}));
    return made;
}

ConsumerOutcome downgrade(const std::string& name, const ConsumerGroup& group,
                          const std::set<std::string>& gone, const Setting& setting) {
    ConsumerOutcome outcome;
    outcome.add(forget(name, group));
    auto stays = [&](auto& each) { return !gone.contains(each.first); };
    auto members = group.members() | std::views::filter(stays);
    // They have a protocol in common, or they would not have been let in together.
    std::map<std::string, std::size_t> known;
    std::size_t count = 0;
    for (auto& [id, member] : members) {
        std::set<std::string> names;  // Some name one twice.
        for (auto& protocol : member.said.classic->protocols) names.insert(protocol.name);
        for (auto& name : names) ++known[name];
        ++count;
    }
    auto& first = members.begin()->second;
    Written written{.protocol_type = std::string(consumer_protocol_type),
                    .generation = group.epoch.epoch + 1,
                    .protocol = std::nullopt,
                    .leader = std::nullopt,  // Nobody has assigned anything in it yet.
                    .since = setting.clocks.wall,
                    .members = {}};
    for (auto& protocol : first.said.classic->protocols)
        if (!written.protocol && known[protocol.name] >= count) written.protocol = protocol.name;
    Millis longest{0};
    for (auto& [id, member] : members) {
        longest = std::max(longest, member.said.rebalance_timeout);
        auto& protocols = member.said.classic->protocols;
        auto at = std::ranges::find(protocols, written.protocol.value_or(""), &Protocol::name);
        written.members.push_back(
            {id, member.said.instance_id, member.said.client_id, member.said.client_host,
             member.said.classic->session_timeout, member.said.rebalance_timeout,
             at == protocols.end() ? std::string() : at->metadata, assignment_of(member, setting.image)});
    }
    outcome.events.emplace_back(GroupEvent(WroteGroup{name, std::move(written)}));
    outcome.events.emplace_back(GroupEvent(ComesOver{name, group.epoch.epoch}));
    // What the last consumer had is to be shared among those that are left.
    outcome.events.emplace_back(GroupEvent(Rebalances{name, setting.clocks.now + longest}));
    return outcome;
}

}  // namespace fulmar::group
