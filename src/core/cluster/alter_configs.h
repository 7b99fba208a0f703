// What an alteration of settings makes of those that are set: single edits (KIP-339), or a whole new set. All
// of one owner's or nothing. Pure.
#pragma once

#include <expected>

#include "core/cluster/image.h"

namespace fulmar::cluster {

struct ConfigEdit {
    // `append` and `subtract` are of lists: they begin from what is in force.
    enum class Op : std::uint8_t { set, remove, append, subtract } op{};
    std::string name, value;
};

// Why settings were not altered.
struct ConfigRefusal {
    enum class Why : std::uint8_t {
        invalid,       // Not a setting of such an owner, or not a value of it.
        read_only,     // A broker's setting that only its start can set.
        broker_value,  // A value that a broker cannot go by. (Kafka has another code for it.)
        no_room,       // Over `configs_bytes_max`.
    } why{};
    std::string text;  // For people: names what is wrong.
};

// What may be set for one owner: names and values. Of a topic it stands in each of its parts.
inline constexpr std::size_t configs_bytes_max = 16 * 1024;
// Owners that are no topics, and what their names may take.
inline constexpr std::size_t config_owners_max = 10'000, config_owner_bytes_max = 255;

// `defaults` are the broker's, for topics' lists that are not set. `replace`: what no edit names is removed.
std::expected<ConfigMap, ConfigRefusal> altered(ConfigOwner::Kind kind, const ConfigMap& set,
                                                const ConfigMap& defaults,
                                                const std::vector<ConfigEdit>& edits, bool replace);

}  // namespace fulmar::cluster
