#include "wire/kafka/sync_group.h"

FULMAR_WIRE(, fulmar::kafka::SyncGroupRequest);
FULMAR_WIRE(, fulmar::kafka::SyncGroupResponse);
