#include "wire/kafka/offset_delete.h"

FULMAR_WIRE(, fulmar::kafka::OffsetDeleteRequest);
FULMAR_WIRE(, fulmar::kafka::OffsetDeleteResponse);
