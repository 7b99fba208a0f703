// A machine is a coordinator without its I/O: commands go in with the time, events come out. Groups,
// transactions, queues and the cluster are machines. One lives on its partition's core, belongs to a
// host and is a value: it does no I/O, reads no clock, starts no timer and knows no protocol.
//
// The host's turn, in this order:
//   can_append?  no: the command is refused, nothing has happened
//   settle       what was due comes first, so that a late ack meets the lapsed lock
//   decide       what the command means, said as events and answers; const
//   apply        each event, durable or not; after it `settle` again, until it returns nothing
//   append       all durable events of the turn at once. Refused: the role is over. State and log have
//                parted, so the state is dropped, open tickets fail, and the log is replayed
//   committed    when the log is committed up to where it ended in that turn,
//   answer       the turn's answers leave (a read's too: it rests on all that was appended before it)
//                and the work it owes is begun: no marker is written for what may yet be cut off
#pragma once

#include <optional>
#include <ranges>
#include <utility>
#include <vector>

#include "base/time.h"

namespace fulmar {

// Names a caller who waits. Each is answered once, or fails with the role.
enum class Ticket : std::uint64_t {};

template <class M>
struct Decision {
    std::vector<typename M::Event> events;
    std::vector<std::pair<Ticket, typename M::Answer>> answers;
    bool empty() const { return events.empty() && answers.empty(); }
};

template <class R, class T>
concept RangeOf = std::ranges::forward_range<R> && std::same_as<std::ranges::range_value_t<R>, T>;

// Hard state is what durable events alone rebuild; soft state (locks, waiters, deadlines) dies with
// the role. Instants are soft. So after a replay nothing is armed, and the first `settle` arms it.
// A durable event says what is so now, never what changed ("deliveries 3", not "one more"), for
// compaction may drop all but the last event of each key.
// clang-format off
template <class M>
concept Machine = std::default_initializable<M> && std::totally_ordered<typename M::Duty> &&
    requires(const M& seen, M& state, const typename M::Command& command, const typename M::Event& event,
             Ticket ticket, Clocks clocks) {
        // May look, may not touch. A caller that has to wait is parked by a soft event.
        { seen.decide(command, ticket, clocks) } -> std::same_as<Decision<M>>;
        // One step of what time or the state itself now brings about; nothing when all is at rest.
        { seen.settle(clocks) } -> std::same_as<Decision<M>>;
        // When `settle` is next due, in constant time. Once at rest it is never in the past.
        { seen.deadline() } -> std::same_as<std::optional<Instant>>;
        // Work due outside: markers to write, dead letters to copy. Derived from hard state, so a new
        // leader takes it up again. Done at least once; a command says that it is done.
        { seen.owed() } -> RangeOf<typename M::Duty>;
        // The only door to the state, when events are new and when they are replayed.
        { state.apply(event) } -> std::same_as<void>;
        { M::durable(event) } -> std::same_as<bool>;
    };
// clang-format on

}  // namespace fulmar
