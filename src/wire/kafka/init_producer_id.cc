#include "wire/kafka/init_producer_id.h"

FULMAR_WIRE(, fulmar::kafka::InitProducerIdRequest);
FULMAR_WIRE(, fulmar::kafka::InitProducerIdResponse);
