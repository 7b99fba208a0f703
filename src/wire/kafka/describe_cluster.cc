#include "wire/kafka/describe_cluster.h"

FULMAR_WIRE(, fulmar::kafka::DescribeClusterRequest);
FULMAR_WIRE(, fulmar::kafka::DescribeClusterResponse);
