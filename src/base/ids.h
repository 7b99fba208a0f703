// The numbers that name things, each a type of its own, so that no offset is taken for an epoch.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace fulmar {

// The place of a record in its partition.
enum class Offset : std::int64_t {};
constexpr Offset operator+(Offset o, std::int64_t n) { return Offset{std::to_underlying(o) + n}; }
constexpr std::int64_t operator-(Offset a, Offset b) { return std::to_underlying(a) - std::to_underlying(b); }

enum class BrokerId : std::int32_t {};
enum class ProducerId : std::int64_t {};
inline constexpr ProducerId no_producer{-1};

using Uuid = std::array<std::byte, 16>;
using TopicId = Uuid;

// A partition's name that lasts: a topic deleted and made anew under its old name has another id.
struct PartitionId {
    TopicId topic{};
    std::int32_t index = 0;
    auto operator<=>(const PartitionId&) const = default;
};

// 22 characters of base64url without padding, as Kafka prints its ids.
std::string to_text(const Uuid& id);
// False when `text` is no such id; then `id` is as it was.
[[nodiscard]] bool from_text(std::string_view text, Uuid& id);
// A version 4 UUID out of 128 random bits. Its text never begins with '-', so that no tool takes it
// for an option (as Kafka's Uuid.randomUuid).
Uuid uuid_from(std::uint64_t high, std::uint64_t low);

}  // namespace fulmar
