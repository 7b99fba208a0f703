#include "wire/kafka/delete_records.h"

FULMAR_WIRE(, fulmar::kafka::DeleteRecordsRequest);
FULMAR_WIRE(, fulmar::kafka::DeleteRecordsResponse);
