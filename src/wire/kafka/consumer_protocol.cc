#include "wire/kafka/consumer_protocol.h"

FULMAR_WIRE(, fulmar::kafka::ConsumerProtocolSubscription);
FULMAR_WIRE(, fulmar::kafka::ConsumerProtocolAssignment);
