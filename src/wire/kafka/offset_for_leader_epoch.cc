#include "wire/kafka/offset_for_leader_epoch.h"

FULMAR_WIRE(, fulmar::kafka::OffsetForLeaderEpochRequest);
FULMAR_WIRE(, fulmar::kafka::OffsetForLeaderEpochResponse);
