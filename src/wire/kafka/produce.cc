#include "wire/kafka/produce.h"

FULMAR_WIRE(, fulmar::kafka::ProduceRequest);
FULMAR_WIRE(, fulmar::kafka::ProduceResponse);
