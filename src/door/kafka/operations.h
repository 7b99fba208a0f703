// What a client may do, a bit for each operation, at the place of its code in Kafka's AclOperation (KIP-430):
// without access control, all that exists for the kind of resource. Constants.
#pragma once

#include <cstdint>

namespace fulmar::kafka::operations {

constexpr std::int32_t bit(int operation) { return 1 << operation; }
inline constexpr std::int32_t read = bit(3), write = bit(4), create = bit(5), remove = bit(6), alter = bit(7),
                              describe = bit(8), cluster_action = bit(9), describe_configs = bit(10),
                              alter_configs = bit(11), idempotent_write = bit(12);
inline constexpr std::int32_t topic =
    read | write | create | remove | alter | describe | describe_configs | alter_configs;
inline constexpr std::int32_t group = read | remove | describe | describe_configs | alter_configs;
inline constexpr std::int32_t cluster =
    create | alter | describe | cluster_action | describe_configs | alter_configs | idempotent_write;

}  // namespace fulmar::kafka::operations
