// Looks at a write-ahead log of SQLite before SQLite does, which takes whatever is wrong there for the torn
// end of the last transaction: a bit that flipped in an earlier one would take all transactions behind it
// away in silence. Format: https://www.sqlite.org/fileformat2.html, "The Write-Ahead Log".
#pragma once

#include <string>

namespace fulmar::coord {

// What is wrong with the log at `path`; nothing when all is right, when only its last transaction is torn, as
// a power cut leaves it, or when there is no log. A log whose last transaction alone was damaged since cannot
// be told from a torn one.
std::string damage_in_wal(const std::string& path);

}  // namespace fulmar::coord
