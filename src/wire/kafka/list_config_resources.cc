#include "wire/kafka/list_config_resources.h"

FULMAR_WIRE(, fulmar::kafka::ListConfigResourcesRequest);
FULMAR_WIRE(, fulmar::kafka::ListConfigResourcesResponse);
