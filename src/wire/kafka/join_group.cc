#include "wire/kafka/join_group.h"

FULMAR_WIRE(, fulmar::kafka::JoinGroupRequest);
FULMAR_WIRE(, fulmar::kafka::JoinGroupResponse);
