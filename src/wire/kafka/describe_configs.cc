#include "wire/kafka/describe_configs.h"

FULMAR_WIRE(, fulmar::kafka::DescribeConfigsRequest);
FULMAR_WIRE(, fulmar::kafka::DescribeConfigsResponse);
