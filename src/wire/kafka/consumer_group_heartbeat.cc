#include "wire/kafka/consumer_group_heartbeat.h"

FULMAR_WIRE(, fulmar::kafka::ConsumerGroupHeartbeatRequest);
FULMAR_WIRE(, fulmar::kafka::ConsumerGroupHeartbeatResponse);
