// Asks group coordinators, from whatever core a connection lives on, and comes home with their answers. What
// a request means is its handler's.
#pragma once

#include "door/kafka/call.h"

namespace fulmar::kafka {

using group::GroupError;
using Coordinator = group::Coordinator;

ErrorCode error_of(GroupError error);
ErrorCode error_of(HostRefusal refusal);

// What a coordinator says to a command whose answer is an `A`, or why it says nothing.
template <class A>
using Told = std::expected<A, ErrorCode>;

// Of the coordinator in that partition of __consumer_offsets; nothing once nobody waits for it any more.
Task<std::optional<Told<Coordinator::Answer>>> ask_coordinator(Call& call, PartitionId at,
                                                               Coordinator::Command command);
// Of that of a group.
template <class A, class Command>
Task<std::optional<Told<A>>> ask_group(Call& call, std::string_view group, Command command) {
    auto at = coordinator_of(call.here.image(), group);
    if (!at) co_return std::unexpected(ErrorCode::not_coordinator);
    auto told = co_await ask_coordinator(call, *at, std::move(command));
    if (!told) co_return std::nullopt;
    if (!*told) co_return std::unexpected(told->error());
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
