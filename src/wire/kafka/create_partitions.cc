#include "wire/kafka/create_partitions.h"

FULMAR_WIRE(, fulmar::kafka::CreatePartitionsRequest);
FULMAR_WIRE(, fulmar::kafka::CreatePartitionsResponse);
