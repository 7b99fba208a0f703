#include "wire/kafka/create_topics.h"

FULMAR_WIRE(, fulmar::kafka::CreateTopicsRequest);
FULMAR_WIRE(, fulmar::kafka::CreateTopicsResponse);
