#include "log/files.h"

namespace fulmar {

Result<std::shared_ptr<Directory>> open_or_create_directory(Directory& parent, const std::string& name) {
    auto made = parent.create_directory(name);
    if (!made && made.error() == Error::exists) return parent.open_directory(name);
    return made;
}

}  // namespace fulmar
