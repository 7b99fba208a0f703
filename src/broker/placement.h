// Placement: in which of the broker's data directories each partition stands. Where one stands is found by a
// start; a new one is placed before anything is made of it, and stays there. Pure; the broker has it on core
// 0.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/ids.h"

namespace fulmar {

class Placement {
public:
    using Places = std::map<PartitionId, std::size_t>;
    Placement(Places found, std::size_t directories) : places_(std::move(found)), counts_(directories) {
        for (auto& [id, directory] : places_) ++counts_[directory];
    }
    // Into the one with the fewest partitions of those that take any, as Kafka does; of equals into the
    // first. Nothing: none takes any. One that was placed stays where it is.
    std::optional<std::size_t> place(const PartitionId& id, const std::vector<bool>& takes);
    std::optional<std::size_t> of(const PartitionId& id) const;
    std::set<PartitionId> in(std::size_t directory) const;
    void forget(const TopicId& topic);

private:
    Places places_;
    std::vector<std::size_t> counts_;
};

}  // namespace fulmar
