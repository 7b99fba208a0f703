#include "wire/kafka/describe_groups.h"

FULMAR_WIRE(, fulmar::kafka::DescribeGroupsRequest);
FULMAR_WIRE(, fulmar::kafka::DescribeGroupsResponse);
