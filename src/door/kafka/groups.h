// Asks group coordinators, from whatever core a connection lives on, and comes home with their answers. What
// a request means is its handler's.
#pragma once

#include <map>

#include "base/utf8.h"
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
// Puts a command to the coordinator of a group. It is done with the command then, and whoever has many under
// way had better be, too: the answer may be long in coming.
Task<Told<Replied>> submit_to_group(Call& call, std::string_view group, const Coordinator::Command& command);
// What comes; nothing once nobody waits for it any more.
template <class A>
Task<std::optional<Told<A>>> answer_in(Call& call, Told<Replied> reply) {
    if (!reply) co_return std::unexpected(reply.error());
    co_await arrival(**reply, call.hangup);
    auto& told = (*reply)->value;
    if (!told) co_return std::nullopt;
    if (!*told) co_return std::unexpected(error_of(told->error()));
    co_return std::get<A>(std::move(**told));
}
// Both.
template <class A>
Task<std::optional<Told<A>>> ask_group(Call& call, std::string_view group,
                                       const Coordinator::Command& command) {
    co_return co_await answer_in<A>(call, co_await submit_to_group(call, group, command));
}

// The places in `groups` of those that each coordinator has; in no coordinator's are those with too long
// names, and all while there is no such topic.
std::map<PartitionId, std::vector<std::size_t>> by_coordinator(const Call& call,
                                                               std::span<const std::string_view> groups);
// `look(coordinator, n)` for the n-th of the groups: bytes that it takes to tell of it. It looks where that
// coordinator lives, and copies nothing; what does not serve now counts nothing.
template <class Look>
Task<std::vector<std::size_t>> weigh_groups(Call& call, std::span<const std::string_view> groups, Look look) {
    constexpr std::size_t a_turn = 1'000;
    std::vector<std::size_t> bytes(groups.size());
    auto all = by_coordinator(call, groups);
    for (auto& [at, which] : all) {
        auto& there = call.broker.owner(at);
        for (std::size_t from = 0; from < which.size(); from += a_turn) {
            auto some = std::span(which).subspan(from, std::min(a_turn, which.size() - from));
            auto work = [&] {
                auto* host = call.broker.groups(there.core).find(at);
                if (!host || !host->serving()) return;
                for (auto n : some) bytes[n] = look(host->machine(), n);
            };
            if (&there != &call.here) co_await call_on(there.seam.loop, call.loop(), work);
            else work();
        }
        if (&there == &call.here) co_await Yield(call.loop());
    }
    co_return bytes;
}
// The names, in their order. One that is named again takes as much memory again, and tells nothing new.
std::vector<std::string_view> each_once(std::span<const std::string_view> groups);
// Which of the groups an answer tells of, where each takes so many bytes, about: `none` for those. A few
// kilobytes may ask for more than memory holds, or than the four bytes of a frame's size can say: behind what
// makes the answer this large clients are told to ask again, as they do for those that are left over. One
// that is larger by itself no client can be told of.
inline constexpr std::size_t told_bytes_max = 512 << 20;
struct Admitted {
    std::vector<ErrorCode> groups;
    std::size_t bytes = 0;  // Of those that are told of.
};
Admitted admit(std::span<const std::size_t> bytes);
// What it takes to describe each, and `at_least` that.
Task<std::vector<std::size_t>> bytes_to_describe(Call& call, std::span<const std::string_view> groups,
                                                 std::size_t at_least);
// The n-th of them; others have a turn now and then. Nothing once nobody waits for it any more.
Task<std::optional<Told<Coordinator::Described>>> ask_to_describe(Call& call, std::string_view group,
                                                                  std::size_t n);
// Makes the answer once there is room for what it copies, `about_bytes`; there always is for a small one.
Task<Answer> answer_with_room(Call& call, std::size_t about_bytes, Task<Answer> making);

// The topic in which groups are kept, made if it is not there; an error when that cannot be.
Task<std::expected<void, std::string>> make_group_topic(Call& call);

// What is said of a group others are told, and some of their clients end on what is no UTF-8. It gets no
// longer than a string of the protocol can be.
inline std::string own(std::string_view text) { return as_utf8(text, 32'767); }
inline std::optional<std::string> own(const std::optional<std::string_view>& text) {
    return text ? std::optional(own(*text)) : std::nullopt;
}
inline std::string own(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
inline std::optional<std::string_view> view(const std::optional<std::string>& text) {
    return text ? std::optional<std::string_view>(*text) : std::nullopt;
}
inline Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

}  // namespace fulmar::kafka
