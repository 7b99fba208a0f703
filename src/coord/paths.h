// Every node of the store, and what is in it. Under which condition each may change is the controller's to
// know. Names only; any thread.
//
//   /format            text: "1 <cluster id>"; by the first broker
//   /controller        ephemeral: who is controller
//   /controller_epoch  decimal; its version is the fence of every commit
//   /brokers/<id>      ephemeral: endpoint; its create_id is the broker's epoch
//   /state/0000…00ff   a shard of the topics (core/cluster/shard_codec.h)
//   /configs/<whose>   what is set for a broker, all brokers, a group … (core/cluster/config_codec.h)
//   /deleted/<id>      a deleted topic whose files are to go: its tombstone (core/cluster/shard_codec.h)
//   /ids/producer      decimal: the first producer id that no block holds yet
#pragma once

#include <fmt/format.h>

#include <string>

#include "base/ids.h"
#include "base/text.h"

namespace fulmar::coord::path {

inline const std::string format = "/format", controller = "/controller",
                         controller_epoch = "/controller_epoch", brokers = "/brokers", state = "/state",
                         deleted = "/deleted", configs = "/configs", ids = "/ids",
                         producer_ids = "/ids/producer";
inline std::string broker(BrokerId id) { return fmt::format("{}/{}", brokers, std::to_underlying(id)); }
inline std::string shard(int number) { return fmt::format("{}/{:04x}", state, number); }
inline std::string tombstone(const TopicId& id) { return fmt::format("{}/{}", deleted, fulmar::to_text(id)); }
// Kafka's number of the kind, and the name with all but letters, digits, '-' and '_' as %xx: "4.1",
// "32.my%20group".
inline std::string configs_of(int kind, std::string_view name) {
    auto path = fmt::format("{}/{}.", configs, kind);
    for (char c : name) {
        if (is_letter_or_digit(c) || c == '-' || c == '_') path += c;
        else path += fmt::format("%{:02x}", std::uint8_t(c));
    }
    return path;
}

}  // namespace fulmar::coord::path
