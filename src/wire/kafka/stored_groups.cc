#include "wire/kafka/stored_groups.h"

FULMAR_WIRE(, fulmar::kafka::OffsetCommitKey);
FULMAR_WIRE(, fulmar::kafka::GroupMetadataKey);
FULMAR_WIRE(, fulmar::kafka::ConsumerGroupMetadataKey);
FULMAR_WIRE(, fulmar::kafka::ConsumerGroupPartitionMetadataKey);
FULMAR_WIRE(, fulmar::kafka::ConsumerGroupMemberMetadataKey);
FULMAR_WIRE(, fulmar::kafka::ConsumerGroupTargetAssignmentMetadataKey);
FULMAR_WIRE(, fulmar::kafka::ConsumerGroupTargetAssignmentMemberKey);
FULMAR_WIRE(, fulmar::kafka::ConsumerGroupCurrentMemberAssignmentKey);
FULMAR_WIRE(, fulmar::kafka::ConsumerGroupRegularExpressionKey);
FULMAR_WIRE(, fulmar::kafka::OffsetCommitValue);
FULMAR_WIRE(, fulmar::kafka::GroupMetadataValue);

namespace fulmar::kafka {
namespace {

template <class Key>
std::expected<StoredKey, wire::DecodeError> read(Bytes fields) {
    Arena none(0);
    auto key = wire::decode<Key>(fields, 0, none);
    if (!key) return std::unexpected(key.error());
    return *key;
}

// The one whose type it is, among those behind the first N.
template <std::size_t N = 0>
std::expected<StoredKey, wire::DecodeError> read_typed(std::int16_t type, Bytes fields) {
    using Key = std::variant_alternative_t<N, StoredKey>;
    if constexpr (std::same_as<Key, OtherKey>) return OtherKey{type};
    else return type == Key::type ? read<Key>(fields) : read_typed<N + 1>(type, fields);
}

}  // namespace

std::expected<StoredKey, wire::DecodeError> decode_stored_key(Bytes key) {
    auto in = open_prefixed(key);
    if (!in) return std::unexpected(in.error());
    if (in->prefix == OffsetCommitKey::legacy_type) return read<OffsetCommitKey>(in->message);
    return read_typed(in->prefix, in->message);
}

}  // namespace fulmar::kafka
