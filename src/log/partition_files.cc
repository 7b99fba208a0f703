#include "log/partition_files.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log_sink.h"
#include "base/text.h"
#include "log/partition_log.h"

namespace fulmar {

namespace {

// The offset in "00000000000000000042<suffix>".
std::optional<Offset> offset_in(std::string_view name, std::string_view suffix) {
    constexpr std::size_t digits = 20;
    if (name.size() != digits + suffix.size() || !name.ends_with(suffix)) return std::nullopt;
    auto number = name.substr(0, digits);
    if (number.find_first_not_of("0123456789") != number.npos) return std::nullopt;
    number.remove_prefix(std::min(number.find_first_not_of('0'), digits - 1));
    auto offset = parse_number<std::int64_t>(number);
    return offset ? std::optional(Offset{*offset}) : std::nullopt;
}

template <class Take>
Result<> into_quarantine(Directory& data, const std::string& as, Take take) {
    auto quarantine = open_or_create_directory(data, "quarantine");
    if (!quarantine) return std::unexpected(quarantine.error());
    Result<> kept = std::unexpected(Error::exists);
    for (int n = 0; !kept && kept.error() == Error::exists; ++n)
        kept = take(**quarantine, fmt::format("{}.{}", as, n));
    if (!kept) return kept;
    if (auto synced = (*quarantine)->sync(); !synced) return synced;
    return data.sync();
}

}  // namespace

Result<PartitionFiles> name_partition_files(Directory& directory) {
    auto entries = directory.list();
    if (!entries) return std::unexpected(entries.error());
    PartitionFiles files;
    for (auto& entry : *entries) {
        auto offset = [&](std::string_view suffix) {
            return entry.directory ? std::nullopt : offset_in(entry.name, suffix);
        };
        if (auto base = offset(".log")) files.segments.push_back(*base);
        else if (auto at = offset(".producers")) files.snapshots.push_back(*at);
        else if (auto of = offset(".index")) files.indexes.push_back(*of);
        else if (!entry.directory && entry.name == epochs_file_name) files.epochs = true;
        else files.others.push_back(entry);
    }
    return files;
}
Result<PartitionFiles> list_partition(Directory& data, Directory& directory, const std::string& name) {
    auto files = name_partition_files(directory);
    if (!files) return files;
    for (auto& entry : std::exchange(files->others, {})) {
        if (!entry.directory && entry.name.ends_with(".tmp")) {  // Written beside, and never renamed.
            if (auto removed = directory.remove(entry.name); !removed)
                return std::unexpected(removed.error());
            continue;
        }
        log_warning("{}/{}: not a name of Fulmar's, moved to quarantine/", name, entry.name);
        if (auto moved = move_to_quarantine(data, directory, entry.name, name + "." + entry.name); !moved)
            return std::unexpected(moved.error());
    }
    return files;
}

Result<> keep_in_quarantine(Directory& data, const std::string& as, File& from, std::uint64_t position,
                            std::uint64_t until) {
    return into_quarantine(data, as, [&](Directory& quarantine, const std::string& name) -> Result<> {
        auto kept = quarantine.create(name);
        if (!kept) return std::unexpected(kept.error());
        std::vector<std::byte> piece(1 << 20);
        for (std::uint64_t done = 0; position + done < until;) {
            auto left = std::min<std::uint64_t>(piece.size(), until - position - done);
            auto got = from.read(position + done, std::span(piece).first(left));
            if (!got) return std::unexpected(got.error());
            if (*got == 0) break;
            Bytes part = Bytes(piece).first(*got);
            if (auto written = (*kept)->write(done, std::span(&part, 1)); !written) return written;
            done += *got;
        }
        return (*kept)->sync();
    });
}
Result<> move_to_quarantine(Directory& data, Directory& from, const std::string& name,
                            const std::string& as) {
    auto moved = into_quarantine(data, as, [&](Directory& quarantine, const std::string& to) {
        return from.move(name, quarantine, to);
    });
    return moved ? from.sync() : moved;
}

Result<> remove_segment(Directory& directory, Offset base) {
    for (auto& name : {index_file_name(base), log_file_name(base)})
        if (auto gone = directory.remove(name); !gone && gone.error() != Error::missing) return gone;
    return {};
}

}  // namespace fulmar
