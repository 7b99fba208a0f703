#include "log/remove_partition.h"

namespace fulmar {

// No sync in between: once the name of the directory is gone, what was in it is too.
Result<> remove_partition(Directory& data, const std::string& name) {
    auto directory = data.open_directory(name);
    if (!directory && directory.error() == Error::missing) return {};
    if (!directory) return std::unexpected(directory.error());
    auto entries = (*directory)->list();
    if (!entries) return std::unexpected(entries.error());
    for (auto& entry : *entries) {
        auto removed = (*directory)->remove(entry.name);
        if (!removed && removed.error() != Error::missing) return removed;
    }
    auto removed = data.remove(name);
    if (!removed && removed.error() != Error::missing) return removed;
    return {};
}

}  // namespace fulmar
