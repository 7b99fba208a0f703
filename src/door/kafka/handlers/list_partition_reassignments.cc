#include "wire/kafka/list_partition_reassignments.h"

#include "door/kafka/handlers/handlers.h"

namespace fulmar::kafka {

// On one broker no partition is ever on its way to another.
Task<Answer> handle_list_partition_reassignments(Call& call) {
    Arena arena(arrays_budget(call));
    if (!read<ListPartitionReassignmentsRequest>(call, arena)) co_return Answer::close();
    co_return answer(call, ListPartitionReassignmentsResponse());
}

}  // namespace fulmar::kafka
