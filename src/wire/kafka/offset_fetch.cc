#include "wire/kafka/offset_fetch.h"

FULMAR_WIRE(, fulmar::kafka::OffsetFetchRequest);
FULMAR_WIRE(, fulmar::kafka::OffsetFetchResponse);
