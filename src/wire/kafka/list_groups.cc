#include "wire/kafka/list_groups.h"

FULMAR_WIRE(, fulmar::kafka::ListGroupsRequest);
FULMAR_WIRE(, fulmar::kafka::ListGroupsResponse);
