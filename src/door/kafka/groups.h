// Asks group coordinators, from whatever core a connection lives on, and comes home with their answers. What
// a request means is its handler's.
#pragma once

#include "door/kafka/call.h"

namespace fulmar::kafka {

using group::GroupError;
using Coordinator = group::Coordinator;

ErrorCode error_of(GroupError error);
ErrorCode error_of(HostRefusal refusal);

// Of the coordinator in that partition of __consumer_offsets; its value is missing once nobody waits for it
// any more. The command is the caller's.
using Replied = std::shared_ptr<Reply<Groups::Coordinator::Answer>>;
Task<Replied> ask_coordinator(Call& call, PartitionId at, const Coordinator::Command& command);

// What a coordinator says to a command whose answer is an `A`, or why it says nothing.
template <class A>
using Told = std::expected<A, ErrorCode>;
// Each record of a group, and each group of a list, has its name: a longer one, which no client's user gives,
// would make much of small requests.
inline constexpr std::size_t group_id_bytes_max = 1'024;
// Of that of a group; nothing once nobody waits for it any more.
template <class A>
Task<std::optional<Told<A>>> ask_group(Call& call, std::string_view group,
                                       const Coordinator::Command& command) {
    if (group.size() > group_id_bytes_max) co_return std::unexpected(ErrorCode::invalid_group_id);
    auto at = coordinator_of(call.here.image(), group);
    if (!at) co_return std::unexpected(ErrorCode::not_coordinator);
    auto reply = co_await ask_coordinator(call, *at, command);
    auto& told = reply->value;
    if (!told) co_return std::nullopt;
    if (!*told) co_return std::unexpected(error_of(told->error()));
    co_return std::get<A>(std::move(**told));
}

// The topic in which groups are kept, made if it is not there; an error when that cannot be.
Task<std::expected<void, std::string>> make_group_topic(Call& call);

inline std::string own(std::string_view text) { return std::string(text); }
inline std::optional<std::string> own(const std::optional<std::string_view>& text) {
    return text ? std::optional<std::string>(*text) : std::nullopt;
}
inline std::string own(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
inline std::optional<std::string_view> view(const std::optional<std::string>& text) {
    return text ? std::optional<std::string_view>(*text) : std::nullopt;
}
inline Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

}  // namespace fulmar::kafka
