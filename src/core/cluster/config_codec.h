// How what is set for a broker, a group or a subscription lies in the metadata store: one node each, which
// also says whose it is. (What is set for a topic lies with the topic: shard_codec.h.)
//
//   "FMC1" | crc32c u32 of what follows | kind u8 | name | varint count of configs, (name, value)…
//
// A text is a varint of its length, zigzag (base/varint.h), and its bytes. Pure.
#pragma once

#include <expected>

#include "core/cluster/image.h"

namespace fulmar::cluster {

std::string encode_configs(const ConfigsAre& configs);
// The error says why it cannot be read, for the operator.
std::expected<ConfigsAre, std::string> decode_configs(std::string_view data);

}  // namespace fulmar::cluster
