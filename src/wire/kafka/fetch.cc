#include "wire/kafka/fetch.h"

FULMAR_WIRE(, fulmar::kafka::FetchRequest);
FULMAR_WIRE(, fulmar::kafka::FetchResponse);
