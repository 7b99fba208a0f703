#include "wire/kafka/delete_groups.h"

FULMAR_WIRE(, fulmar::kafka::DeleteGroupsRequest);
FULMAR_WIRE(, fulmar::kafka::DeleteGroupsResponse);
