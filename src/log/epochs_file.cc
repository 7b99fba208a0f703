#include "log/epochs_file.h"

#include <fmt/format.h>

#include "base/text.h"
#include "log/partition_files.h"
#include "log/sealed_file.h"

namespace fulmar {

Result<> write_epochs(Directory& directory, const std::vector<EpochStart>& epochs, const std::string& name) {
    std::string text;
    for (auto& [epoch, start] : epochs) text += fmt::format("{} {}\n", epoch, std::to_underlying(start));
    return write_sealed(directory, name, std::move(text));
}

Result<std::vector<EpochStart>> read_epochs(Directory& directory) {
    std::vector<EpochStart> epochs;
    auto text = read_sealed(directory, epochs_file_name);
    if (!text && text.error() != Error::damaged) return std::unexpected(text.error());
    std::string_view left = text ? std::string_view(*text) : std::string_view();
    while (!left.empty()) {
        auto line = left.substr(0, left.find('\n'));
        left.remove_prefix(std::min(left.size(), line.size() + 1));
        auto space = line.find(' ');
        if (space == line.npos) return std::vector<EpochStart>();
        auto epoch = parse_number<std::int32_t>(line.substr(0, space));
        auto start = parse_number<std::int64_t>(line.substr(space + 1));
        if (!epoch || !start) return std::vector<EpochStart>();
        epochs.push_back({*epoch, Offset{*start}});
    }
    return epochs;
}

}  // namespace fulmar
