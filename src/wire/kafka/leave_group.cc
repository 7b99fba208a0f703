#include "wire/kafka/leave_group.h"

FULMAR_WIRE(, fulmar::kafka::LeaveGroupRequest);
FULMAR_WIRE(, fulmar::kafka::LeaveGroupResponse);
