#include "wire/kafka/stored_consumer_groups.h"

FULMAR_WIRE(, fulmar::kafka::ConsumerGroupMetadataValue);
FULMAR_WIRE(, fulmar::kafka::ConsumerGroupPartitionMetadataValue);
FULMAR_WIRE(, fulmar::kafka::ConsumerGroupMemberMetadataValue);
FULMAR_WIRE(, fulmar::kafka::ConsumerGroupTargetAssignmentMetadataValue);
FULMAR_WIRE(, fulmar::kafka::ConsumerGroupTargetAssignmentMemberValue);
FULMAR_WIRE(, fulmar::kafka::ConsumerGroupCurrentMemberAssignmentValue);
FULMAR_WIRE(, fulmar::kafka::ConsumerGroupRegularExpressionValue);
