// The one record of a batch that a search for a time stamp is after. Pure; any thread.
#pragma once

#include "log/log_view.h"
#include "wire/produced_batch.h"

namespace fulmar {

// The first record from `from` on with this time stamp or a later one; offset -1 when there is none. Of a
// batch that cannot be opened, what its header says.
TimedOffset first_timed_record(const wire::BatchView& batch, Offset from, Timestamp at);
// The largest time stamp of its records from `from` on.
Timestamp largest_record_time(const wire::BatchView& batch, Offset from);

}  // namespace fulmar
