#include "wire/kafka/delete_topics.h"

FULMAR_WIRE(, fulmar::kafka::DeleteTopicsRequest);
FULMAR_WIRE(, fulmar::kafka::DeleteTopicsResponse);
