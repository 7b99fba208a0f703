#include "log/compaction_state.h"

#include <fmt/format.h>

#include "base/text.h"
#include "log/partition_files.h"
#include "log/sealed_file.h"

namespace fulmar {

Result<> write_compaction_state(Directory& directory, const CompactionState& state) {
    auto horizon = std::to_underlying(state.next_horizon.value_or(Timestamp{-1}));
    return write_sealed(directory, compacted_file_name,
                        fmt::format("{} {}\n", std::to_underlying(state.until), horizon));
}

Result<CompactionState> read_compaction_state(Directory& directory) {
    auto text = read_sealed(directory, compacted_file_name);
    if (!text && text.error() != Error::damaged && text.error() != Error::missing)
        return std::unexpected(text.error());
    if (!text) return CompactionState{};
    auto line = std::string_view(*text).substr(0, text->find('\n'));
    auto space = line.find(' ');
    if (space == line.npos) return CompactionState{};
    auto until = parse_number<std::int64_t>(line.substr(0, space));
    auto horizon = parse_number<std::int64_t>(line.substr(space + 1));
    if (!until || !horizon) return CompactionState{};
    return CompactionState{Offset{*until}, *horizon < 0 ? std::nullopt : std::optional(Timestamp{*horizon})};
}

}  // namespace fulmar
