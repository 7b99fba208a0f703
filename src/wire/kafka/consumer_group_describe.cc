#include "wire/kafka/consumer_group_describe.h"

FULMAR_WIRE(, fulmar::kafka::ConsumerGroupDescribeRequest);
FULMAR_WIRE(, fulmar::kafka::ConsumerGroupDescribeResponse);
