#include "wire/kafka/metadata.h"

FULMAR_WIRE(, fulmar::kafka::MetadataRequest);
FULMAR_WIRE(, fulmar::kafka::MetadataResponse);
