#include "wire/kafka/list_offsets.h"

FULMAR_WIRE(, fulmar::kafka::ListOffsetsRequest);
FULMAR_WIRE(, fulmar::kafka::ListOffsetsResponse);
