#include "wire/kafka/api_versions.h"

FULMAR_WIRE(, fulmar::kafka::ApiVersionsRequest);
FULMAR_WIRE(, fulmar::kafka::ApiVersionsResponse);
