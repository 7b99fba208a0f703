// Side files: small texts whose last line is their checksum. After any crash such a file is the old one or
// the new one, whole: it is written beside, synced, renamed, and the directory synced. For jobs.
#pragma once

#include <string>

#include "log/files.h"

namespace fulmar {

Result<> write_sealed(Directory& directory, const std::string& name, std::string text);
// The text without its seal; `damaged` when that does not fit.
Result<std::string> read_sealed(Directory& directory, const std::string& name);

}  // namespace fulmar
