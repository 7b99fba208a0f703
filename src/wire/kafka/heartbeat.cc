#include "wire/kafka/heartbeat.h"

FULMAR_WIRE(, fulmar::kafka::HeartbeatRequest);
FULMAR_WIRE(, fulmar::kafka::HeartbeatResponse);
