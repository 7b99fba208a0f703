// Every node of the store, and what is in it. Under which condition each may change is the controller's to
// know. Names only; any thread.
//
//   /format            text: "1 <cluster id>"; by the first broker
//   /controller        ephemeral: who is controller
//   /controller_epoch  decimal; its version is the fence of every commit
//   /brokers/<id>      ephemeral: endpoint; its create_id is the broker's epoch
//   /state/0000…00ff   a shard of the topics (core/cluster/shard_codec.h)
//   /deleted/<id>      a deleted topic whose files are to go: its tombstone (core/cluster/shard_codec.h)
//   /ids/producer      decimal: the first producer id that no block holds yet
#pragma once

#include <fmt/format.h>

#include <string>

#include "base/ids.h"

namespace fulmar::coord::path {

inline const std::string format = "/format", controller = "/controller",
                         controller_epoch = "/controller_epoch", brokers = "/brokers", state = "/state",
                         deleted = "/deleted", ids = "/ids", producer_ids = "/ids/producer";
inline std::string broker(BrokerId id) { return fmt::format("{}/{}", brokers, std::to_underlying(id)); }
inline std::string shard(int number) { return fmt::format("{}/{:04x}", state, number); }
inline std::string tombstone(const TopicId& id) { return fmt::format("{}/{}", deleted, fulmar::to_text(id)); }

}  // namespace fulmar::coord::path
