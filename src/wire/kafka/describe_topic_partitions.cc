#include "wire/kafka/describe_topic_partitions.h"

FULMAR_WIRE(, fulmar::kafka::DescribeTopicPartitionsRequest);
FULMAR_WIRE(, fulmar::kafka::DescribeTopicPartitionsResponse);
