#include "wire/kafka/offset_commit.h"

FULMAR_WIRE(, fulmar::kafka::OffsetCommitRequest);
FULMAR_WIRE(, fulmar::kafka::OffsetCommitResponse);
