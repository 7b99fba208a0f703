#include "wire/kafka/alter_configs.h"

FULMAR_WIRE(, fulmar::kafka::AlterConfigsRequest);
FULMAR_WIRE(, fulmar::kafka::AlterConfigsResponse);
FULMAR_WIRE(, fulmar::kafka::IncrementalAlterConfigsRequest);
FULMAR_WIRE(, fulmar::kafka::IncrementalAlterConfigsResponse);
