// Every message that has an int16 in front (wire/kafka/prefixed.h), for tests that go through them all.
#pragma once

#include "wire/kafka/consumer_protocol.h"
#include "wire/kafka/stored_groups.h"

namespace fulmar::test {

// Each calls visit.template operator()<Message>("Message").
void for_each_stored_key(auto&& visit) {
    using namespace kafka;
    visit.template operator()<OffsetCommitKey>("OffsetCommitKey");
    visit.template operator()<GroupMetadataKey>("GroupMetadataKey");
    visit.template operator()<ConsumerGroupMetadataKey>("ConsumerGroupMetadataKey");
    visit.template operator()<ConsumerGroupPartitionMetadataKey>("ConsumerGroupPartitionMetadataKey");
    visit.template operator()<ConsumerGroupMemberMetadataKey>("ConsumerGroupMemberMetadataKey");
    visit.template operator()<ConsumerGroupTargetAssignmentMetadataKey>(
        "ConsumerGroupTargetAssignmentMetadataKey");
    visit.template operator()<ConsumerGroupTargetAssignmentMemberKey>(
        "ConsumerGroupTargetAssignmentMemberKey");
    visit.template operator()<ConsumerGroupCurrentMemberAssignmentKey>(
        "ConsumerGroupCurrentMemberAssignmentKey");
    visit.template operator()<ConsumerGroupRegularExpressionKey>("ConsumerGroupRegularExpressionKey");
}
void for_each_stored_value(auto&& visit) {
    using namespace kafka;
    visit.template operator()<OffsetCommitValue>("OffsetCommitValue");
    visit.template operator()<GroupMetadataValue>("GroupMetadataValue");
    visit.template operator()<ConsumerGroupMetadataValue>("ConsumerGroupMetadataValue");
    visit.template operator()<ConsumerGroupPartitionMetadataValue>("ConsumerGroupPartitionMetadataValue");
    visit.template operator()<ConsumerGroupMemberMetadataValue>("ConsumerGroupMemberMetadataValue");
    visit.template operator()<ConsumerGroupTargetAssignmentMetadataValue>(
        "ConsumerGroupTargetAssignmentMetadataValue");
    visit.template operator()<ConsumerGroupTargetAssignmentMemberValue>(
        "ConsumerGroupTargetAssignmentMemberValue");
    visit.template operator()<ConsumerGroupCurrentMemberAssignmentValue>(
        "ConsumerGroupCurrentMemberAssignmentValue");
    visit.template operator()<ConsumerGroupRegularExpressionValue>("ConsumerGroupRegularExpressionValue");
}
void for_each_consumer_protocol(auto&& visit) {
    visit.template operator()<kafka::ConsumerProtocolSubscription>("ConsumerProtocolSubscription");
    visit.template operator()<kafka::ConsumerProtocolAssignment>("ConsumerProtocolAssignment");
}

}  // namespace fulmar::test
