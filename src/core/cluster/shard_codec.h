// How topics lie in the metadata store: in 256 shards, each one node, so that a failed broker with ten
// thousand partitions is a few large writes and a fresh controller reads few large nodes. (A broker's Shard,
// what one core has of it, is something else: broker/shard.h.)
//
//   shard     "FMS1" | codec u8 | shard u16 | layout epoch u32 | crc32c u32 of what follows | part…
//   part      topic id 16 | varint name length, name | varint count of configs, (name, value)…
//             | varint the topic's partitions | varint first partition | varint count | partition…
//   partition flags u8 (0; bits name later additions) | varint count of replicas, varint id…
//             | leader's index u8 (255: none) | in-sync mask, a bit a replica, 1 byte for up to 8
//             | varint leader epoch | varint partition epoch
//
//   tombstone "<partitions> <name>", a node of its own a deleted topic: wherever it stands, parts of that
//   topic
//             in shards are no longer so
//
// Numbers in the header are big-endian, varints zigzag (base/varint.h). A topic of more than 512 partitions
// has parts in several shards; its name, configs and number of partitions stand in each. Pure.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "core/cluster/image.h"

namespace fulmar::cluster {

inline constexpr int shards = 256, partitions_a_part = 512;

// Where the part with this partition lies.
int shard_of(const TopicId& id, std::int32_t partition);

// The shards in which a topic with so many partitions has a part, ascending.
std::vector<int> shards_of(const TopicId& id, std::size_t partitions);
inline std::vector<int> shards_of(const Topic& topic) { return shards_of(topic.id, topic.partitions.size()); }

// All of the topics' parts that lie in `shard`.
std::string encode_shard(int shard, const std::vector<const Topic*>& topics);

// Why a shard cannot be read, for the operator.
using ShardFault = std::string;
struct Part {
    Topic topic;  // With only the partitions of this part.
    std::int32_t first_partition = 0, topic_partitions = 0;
};
std::expected<std::vector<Part>, ShardFault> decode_shard(int shard, std::string_view data);

// Puts the parts of all shards together. A fault when a topic lacks some of its partitions or has them twice,
// when its parts contradict each other, or when two topics have one name.
std::expected<std::vector<TopicPointer>, ShardFault> assemble(std::vector<Part> parts);

std::string encode_tombstone(const TopicGone& gone);
std::expected<TopicGone, ShardFault> decode_tombstone(std::string_view id, std::string_view data);

}  // namespace fulmar::cluster
