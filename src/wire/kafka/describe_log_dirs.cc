#include "wire/kafka/describe_log_dirs.h"

FULMAR_WIRE(, fulmar::kafka::DescribeLogDirsRequest);
FULMAR_WIRE(, fulmar::kafka::DescribeLogDirsResponse);
