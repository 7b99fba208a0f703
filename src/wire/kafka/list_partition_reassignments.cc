#include "wire/kafka/list_partition_reassignments.h"

FULMAR_WIRE(, fulmar::kafka::ListPartitionReassignmentsRequest);
FULMAR_WIRE(, fulmar::kafka::ListPartitionReassignmentsResponse);
