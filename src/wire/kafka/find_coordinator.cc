#include "wire/kafka/find_coordinator.h"

FULMAR_WIRE(, fulmar::kafka::FindCoordinatorRequest);
FULMAR_WIRE(, fulmar::kafka::FindCoordinatorResponse);
