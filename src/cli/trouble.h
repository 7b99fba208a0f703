// Why a broker does not serve a partition. librdkafka keeps such errors to itself and tries again for as long
// as it may; who waits for it asks here.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "base/address.h"
#include "wire/kafka/errors.h"

namespace fulmar::cli {

struct Place {
    std::int32_t partition = 0;
    std::optional<std::int64_t> offset{};  // Without one, where the partition begins.
};
// Asks the broker which of these partitions are offline, and reads at the first `read_max` of the places. A
// sentence about the first trouble, with what to look at; nothing when the broker tells of none or does not
// answer.
std::optional<std::string> trouble_of(const Address& server, const std::string& topic,
                                      std::span<const Place> places, std::size_t read_max = 16);

// "KAFKA_STORAGE_ERROR: ...", with what is behind it where the name does not say it.
std::string explained(kafka::ErrorCode code);

}  // namespace fulmar::cli
