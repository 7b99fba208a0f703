// Members that speak the classic protocol to a consumer group, amid a migration (KIP-848): JoinGroup is a
// heartbeat that says all, SyncGroup asks what it has led to, and Heartbeat tells when to join again. The
// epoch of a member is its generation; none of them leads. Pure.
#pragma once

#include "core/group/consumer.h"

namespace fulmar::group {

ConsumerOutcome decide(const ConsumerGroup& group, const Join& join, Ticket ticket, const Setting& setting);
ConsumerOutcome decide(const ConsumerGroup& group, const Sync& sync, Ticket ticket, const Setting& setting);
ConsumerOutcome decide(const ConsumerGroup& group, const Heartbeat& beat, Ticket ticket,
                       const Setting& setting);
ConsumerOutcome decide(const ConsumerGroup& group, const Leave& leave, Ticket ticket, const Setting& setting);

}  // namespace fulmar::group
