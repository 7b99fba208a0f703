#include "base/planted.h"

namespace fulmar {

bool planted(Bug) { return false; }

}  // namespace fulmar
