#include "core/group/stored_consumer.h"

#include <fmt/format.h>

#include "base/check.h"
#include "core/group/bytes.h"

namespace fulmar::group {

namespace {

// --- partitions, in the two shapes that records have of them
template <class Topic>
struct Listed {
    std::vector<std::vector<std::int32_t>> indexes;
    std::vector<Topic> topics;

    explicit Listed(const Partitions& partitions) {
        indexes.reserve(partitions.size());
        for (auto& [id, of_topic] : partitions) {
            Topic topic{};
            topic.topic_id = id;
            topic.partitions = indexes.emplace_back(of_topic.begin(), of_topic.end());
            topics.push_back(topic);
        }
    }
};
template <class Topic>
Partitions partitions_of(std::span<Topic> topics) {
    Partitions partitions;
    for (auto& topic : topics)
        partitions[topic.topic_id].insert(topic.partitions.begin(), topic.partitions.end());
    return partitions;
}

// --- values
std::vector<std::byte> value_of(const GroupEpoch& epoch) {
    return bytes_of(kafka::encode_stored_value(
        kafka::ConsumerGroupMetadataValue{.epoch = epoch.epoch, .metadata_hash = epoch.topics_hash}));
}
std::vector<std::byte> value_of(const TargetEpoch& target) {
    return bytes_of(kafka::encode_stored_value(kafka::ConsumerGroupTargetAssignmentMetadataValue{
        .assignment_epoch = target.epoch, .assignment_timestamp = target.at}));
}
std::vector<std::byte> value_of(const Partitions& target) {
    using Value = kafka::ConsumerGroupTargetAssignmentMemberValue;
    Listed<Value::Topic> listed(target);
    return bytes_of(kafka::encode_stored_value(Value{.topic_partitions = listed.topics}));
}
std::vector<std::byte> value_of(const Current& current) {
    using Value = kafka::ConsumerGroupCurrentMemberAssignmentValue;
    Listed<Value::Topic> assigned(current.assigned), revoking(current.revoking);
    return bytes_of(kafka::encode_stored_value(Value{.member_epoch = current.epoch,
                                                     .previous_member_epoch = current.previous_epoch,
                                                     .state = std::int8_t(current.state),
                                                     .assigned_partitions = assigned.topics,
                                                     .partitions_pending_revocation = revoking.topics}));
}
std::vector<std::byte> value_of(const Matched& matched) {
    std::vector<std::string_view> topics(matched.topics.begin(), matched.topics.end());
    return bytes_of(kafka::encode_stored_value(kafka::ConsumerGroupRegularExpressionValue{
        .topics = topics, .version = matched.version, .timestamp = matched.at}));
}
std::vector<std::byte> value_of(const Said& said) {
    std::vector<std::string_view> topics(said.topics.begin(), said.topics.end());
    std::vector<kafka::StoredClassicMember::Protocol> protocols;
    kafka::ConsumerGroupMemberMetadataValue value{.instance_id = said.instance_id,
                                                  .rack_id = said.rack_id,
                                                  .client_id = said.client_id,
                                                  .client_host = said.client_host,
                                                  .subscribed_topic_names = topics,
                                                  .subscribed_topic_regex = said.pattern,
                                                  .rebalance_timeout_ms = millis32(said.rebalance_timeout),
                                                  .server_assignor = said.assignor,
                                                  .classic_member_metadata = std::nullopt};
    if (said.classic) {
        for (auto& each : said.classic->protocols) protocols.push_back({each.name, bytes_of(each.metadata)});
        value.classic_member_metadata =
            kafka::StoredClassicMember{millis32(said.classic->session_timeout), protocols};
    }
    return bytes_of(kafka::encode_stored_value(value));
}

Said from(const kafka::ConsumerGroupMemberMetadataValue& value) {
    Said said{.instance_id = text_of(value.instance_id),
              .rack_id = text_of(value.rack_id),
              .client_id = std::string(value.client_id),
              .client_host = std::string(value.client_host),
              .topics = {value.subscribed_topic_names.begin(), value.subscribed_topic_names.end()},
              .pattern = text_of(value.subscribed_topic_regex),
              .rebalance_timeout = Millis(value.rebalance_timeout_ms),
              .assignor = text_of(value.server_assignor)};
    // One that speaks the classic protocol has said at least one way to share out.
    if (auto& stored = value.classic_member_metadata; stored && !stored->supported_protocols.empty()) {
        auto& classic = said.classic.emplace(Said::Classic{Millis(stored->session_timeout_ms), {}});
        for (auto& each : stored->supported_protocols)
            classic.protocols.push_back({std::string(each.name), text_of(each.metadata)});
    }
    return said;
}
GroupEpoch from(const kafka::ConsumerGroupMetadataValue& value) { return {value.epoch, value.metadata_hash}; }
TargetEpoch from(const kafka::ConsumerGroupTargetAssignmentMetadataValue& value) {
    return {value.assignment_epoch, value.assignment_timestamp};
}
Partitions from(const kafka::ConsumerGroupTargetAssignmentMemberValue& value) {
    return partitions_of(value.topic_partitions);
}
Current from(const kafka::ConsumerGroupCurrentMemberAssignmentValue& value) {
    // What a later version knows more of is looked at anew, as from what it lacks.
    bool known = value.state >= std::int8_t(MemberState::stable) &&
                 value.state <= std::int8_t(MemberState::unreleased);
    return {.epoch = value.member_epoch,
            .previous_epoch = value.previous_member_epoch,
            .state = known ? MemberState(value.state) : MemberState::unreleased,
            .assigned = partitions_of(value.assigned_partitions),
            .revoking = partitions_of(value.partitions_pending_revocation)};
}
Matched from(const kafka::ConsumerGroupRegularExpressionValue& value) {
    return {{value.topics.begin(), value.topics.end()}, value.version, value.timestamp};
}

// --- keys
using Read = std::expected<std::optional<ConsumerEvent>, std::string>;

struct WriteEvent {
    template <class Key>
    static StoredRecord record(const Key& key, const auto& what) {
        StoredRecord record{bytes_of(kafka::encode_stored_key(key)), std::nullopt};
        if (what) record.value = value_of(*what);
        return record;
    }
    StoredRecord operator()(const WroteConsumerGroup& event) const {
        return record(kafka::ConsumerGroupMetadataKey{event.group}, event.what);
    }
    StoredRecord operator()(const WroteConsumerMember& event) const {
        return record(kafka::ConsumerGroupMemberMetadataKey{event.group, event.member_id}, event.what);
    }
    StoredRecord operator()(const WroteTargetEpoch& event) const {
        return record(kafka::ConsumerGroupTargetAssignmentMetadataKey{event.group}, event.what);
    }
    StoredRecord operator()(const WroteTarget& event) const {
        return record(kafka::ConsumerGroupTargetAssignmentMemberKey{event.group, event.member_id},
                      event.what);
    }
    StoredRecord operator()(const WroteCurrent& event) const {
        return record(kafka::ConsumerGroupCurrentMemberAssignmentKey{event.group, event.member_id},
                      event.what);
    }
    StoredRecord operator()(const WrotePattern& event) const {
        return record(kafka::ConsumerGroupRegularExpressionKey{event.group, event.pattern}, event.what);
    }
    StoredRecord operator()(const auto&) const {
        CHECK(false);  // It is soft.
        return {};
    }
};

struct ReadKey {
    std::optional<Bytes> value;

    // The value into `event.what`.
    template <class Value, class Event>
    Read read(std::string_view group, Event event) const {
        if (!value) return ConsumerEvent(std::move(event));
        Arena arena(Arena::budget_for(value->size()));
        auto decoded = kafka::decode_stored_value<Value>(*value, arena);
        if (!decoded)
            return std::unexpected(fmt::format("a value of the group \"{}\" is not understood", group));
        event.what = from(*decoded);
        return ConsumerEvent(std::move(event));
    }
    Read operator()(const kafka::ConsumerGroupMetadataKey& key) const {
        return read<kafka::ConsumerGroupMetadataValue>(key.group_id,
                                                       WroteConsumerGroup{std::string(key.group_id), {}});
    }
    Read operator()(const kafka::ConsumerGroupMemberMetadataKey& key) const {
        return read<kafka::ConsumerGroupMemberMetadataValue>(
            key.group_id, WroteConsumerMember{std::string(key.group_id), std::string(key.member_id), {}});
    }
    Read operator()(const kafka::ConsumerGroupTargetAssignmentMetadataKey& key) const {
        return read<kafka::ConsumerGroupTargetAssignmentMetadataValue>(
            key.group_id, WroteTargetEpoch{std::string(key.group_id), {}});
    }
    Read operator()(const kafka::ConsumerGroupTargetAssignmentMemberKey& key) const {
        return read<kafka::ConsumerGroupTargetAssignmentMemberValue>(
            key.group_id, WroteTarget{std::string(key.group_id), std::string(key.member_id), {}});
    }
    Read operator()(const kafka::ConsumerGroupCurrentMemberAssignmentKey& key) const {
        return read<kafka::ConsumerGroupCurrentMemberAssignmentValue>(
            key.group_id, WroteCurrent{std::string(key.group_id), std::string(key.member_id), {}});
    }
    Read operator()(const kafka::ConsumerGroupRegularExpressionKey& key) const {
        return read<kafka::ConsumerGroupRegularExpressionValue>(
            key.group_id, WrotePattern{std::string(key.group_id), std::string(key.regular_expression), {}});
    }
    Read operator()(const auto&) const { return std::nullopt; }
};

}  // namespace

StoredRecord write_stored(const ConsumerEvent& event) { return std::visit(WriteEvent{}, event); }
Read read_stored(const kafka::StoredKey& key, std::optional<Bytes> value) {
    return std::visit(ReadKey{value}, key);
}

}  // namespace fulmar::group
