// What consumers of a classic group tell each other in the bytes that JoinGroup and SyncGroup carry: which
// topics a member wants, and which partitions it gets. The broker reads it only to know a group's topics;
// what it cannot read is no fault, since any client may put its own there. Values; they own nothing
// (wire/wire.h).
#pragma once

#include <climits>

#include "wire/kafka/prefixed.h"

namespace fulmar::kafka {
using wire::since, wire::nullable;

struct ConsumerProtocolTopic {
    std::string_view topic;
    std::span<std::int32_t> partitions;
    static constexpr void fields(auto& m, auto& wire) {
        wire(m.topic);
        wire(m.partitions);
    }
};

// The metadata of a member. Version 1 is cooperative (KIP-429), 3 knows racks (KIP-881).
struct ConsumerProtocolSubscription {
    static constexpr int oldest = 0, newest = 3, flexible_since = INT_MAX;

    std::span<std::string_view> topics;
    std::optional<Bytes> user_data;
    std::span<ConsumerProtocolTopic> owned_partitions;
    std::int32_t generation_id = -1;  // In which it came to own them.
    std::optional<std::string_view> rack_id;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.topics);
        wire(m.user_data, since(0), nullable(0));
        wire(m.owned_partitions, since(1));
        wire(m.generation_id, since(2));
        wire(m.rack_id, since(3), nullable(3));
    }
};

struct ConsumerProtocolAssignment {
    static constexpr int oldest = 0, newest = 3, flexible_since = INT_MAX;

    std::span<ConsumerProtocolTopic> assigned_partitions;
    std::optional<Bytes> user_data;

    static constexpr void fields(auto& m, auto& wire) {
        wire(m.assigned_partitions);
        wire(m.user_data, since(0), nullable(0));
    }
};

// A version that is newer than those above is read as the newest, and what is left over is ignored: later
// versions add at the end, and every consumer reads them so. REFUSES a negative one.
template <class T>
std::expected<T, wire::DecodeError> decode_consumer_protocol(Bytes bytes, Arena& arena) {
    auto in = open_prefixed(bytes);
    if (!in) return std::unexpected(in.error());
    if (in->prefix < T::oldest) return std::unexpected(wire::DecodeError::version);
    Bytes ignored;
    return wire::decode<T>(in->message, std::min<int>(in->prefix, T::newest), arena, &ignored);
}
template <class T>
Pieces encode_consumer_protocol(const T& message, int version) {
    return encode_prefixed(std::int16_t(version), message, version);
}

}  // namespace fulmar::kafka

FULMAR_WIRE(extern, fulmar::kafka::ConsumerProtocolSubscription);
FULMAR_WIRE(extern, fulmar::kafka::ConsumerProtocolAssignment);
