#include "core/group/stored.h"

#include <fmt/format.h>

#include "core/group/bytes.h"
#include "core/group/stored_consumer.h"

namespace fulmar::group {

namespace {

std::vector<std::byte> value_of(const Written& group) {
    std::vector<kafka::GroupMetadataValue::Member> members;
    for (auto& member : group.members)
        members.push_back({member.id, member.instance_id, member.client_id, member.client_host,
                           millis32(member.rebalance_timeout), millis32(member.session_timeout),
                           bytes_of(member.metadata), bytes_of(member.assignment)});
    kafka::GroupMetadataValue value{.protocol_type = group.protocol_type,
                                    .generation = group.generation,
                                    .protocol = group.protocol,
                                    .leader = group.leader,
                                    .current_state_timestamp = group.since,
                                    .members = members};
    return bytes_of(kafka::encode_stored_value(value));
}
Written group_of(const kafka::GroupMetadataValue& value) {
    Written group{.protocol_type = std::string(value.protocol_type),
                  .generation = value.generation,
                  .protocol = text_of(value.protocol),
                  .leader = text_of(value.leader),
                  .since = value.current_state_timestamp,
                  .members = {}};
    for (auto& member : value.members) {
        // Version 0 knows one time-out for both.
        auto rebalance = member.rebalance_timeout < 0 ? member.session_timeout : member.rebalance_timeout;
        group.members.push_back({std::string(member.member_id), text_of(member.group_instance_id),
                                 std::string(member.client_id), std::string(member.client_host),
                                 Millis(member.session_timeout), Millis(rebalance),
                                 text_of(member.subscription), text_of(member.assignment)});
    }
    return group;
}

std::vector<std::byte> value_of(const Committed& committed) {
    kafka::OffsetCommitValue value{.offset = committed.offset,
                                   .leader_epoch = committed.leader_epoch,
                                   .metadata = committed.metadata,
                                   .commit_timestamp = committed.at,
                                   .expire_timestamp = committed.lapses.value_or(Timestamp{-1})};
    constexpr int says_when_it_lapses = 1;
    return bytes_of(committed.lapses ? kafka::encode_stored_value(value, says_when_it_lapses)
                                     : kafka::encode_stored_value(value));
}
Committed committed_of(const kafka::OffsetCommitValue& value) {
    Committed committed{.offset = value.offset,
                        .leader_epoch = value.leader_epoch,
                        .metadata = std::string(value.metadata),
                        .at = value.commit_timestamp};
    if (value.expire_timestamp >= Timestamp{0}) committed.lapses = value.expire_timestamp;
    return committed;
}

using Read = std::expected<std::optional<Coordinator::Event>, std::string>;

template <class Value>
std::expected<Value, std::string> decode(Bytes bytes, Arena& arena, std::string_view group) {
    auto value = kafka::decode_stored_value<Value>(bytes, arena);
    if (value) return *value;
    return std::unexpected(fmt::format("a value of the group \"{}\" is not understood", group));
}
struct ReadValue {
    std::optional<Bytes> value;

    Read operator()(const kafka::OffsetCommitKey& key) const {
        WroteOffset wrote{std::string(key.group), {std::string(key.topic), key.partition}, std::nullopt};
        if (value) {
            Arena arena(Arena::budget_for(value->size()));
            auto read = decode<kafka::OffsetCommitValue>(*value, arena, key.group);
            if (!read) return std::unexpected(read.error());
            wrote.what = committed_of(*read);
        }
        return Coordinator::Event(std::move(wrote));
    }
    Read operator()(const kafka::GroupMetadataKey& key) const {
        WroteGroup wrote{std::string(key.group), std::nullopt};
        if (value) {
            Arena arena(Arena::budget_for(value->size()));
            auto read = decode<kafka::GroupMetadataValue>(*value, arena, key.group);
            if (!read) return std::unexpected(read.error());
            wrote.what = group_of(*read);
        }
        return Coordinator::Event(GroupEvent(std::move(wrote)));
    }
    // Those of a consumer group, and those of kinds that are not kept here.
    Read operator()(const auto& key) const {
        auto read = read_stored(key, value);
        if (!read) return std::unexpected(read.error());
        return *read ? std::optional<Coordinator::Event>(std::move(**read)) : std::nullopt;
    }
    using WroteOffset = Coordinator::WroteOffset;
};

}  // namespace

StoredRecord Stored::write(const Coordinator::Event& event) {
    CHECK(Coordinator::durable(event));
    if (auto* offset = std::get_if<Coordinator::WroteOffset>(&event)) {
        kafka::OffsetCommitKey key{offset->group, offset->place.topic, offset->place.partition};
        StoredRecord record{bytes_of(kafka::encode_stored_key(key)), std::nullopt};
        if (offset->what) record.value = value_of(*offset->what);
        return record;
    }
    if (auto* change = std::get_if<ConsumerEvent>(&event)) return write_stored(*change);
    auto& group = std::get<WroteGroup>(std::get<GroupEvent>(event));
    kafka::GroupMetadataKey key{group.group};
    StoredRecord record{bytes_of(kafka::encode_stored_key(key)), std::nullopt};
    if (group.what) record.value = value_of(*group.what);
    return record;
}

Read Stored::read(Bytes key, std::optional<Bytes> value) {
    auto decoded = kafka::decode_stored_key(key);
    if (!decoded) return std::unexpected("a key is not understood");
    return std::visit(ReadValue{value}, *decoded);
}

}  // namespace fulmar::group
