#include "log/partition_files.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log_sink.h"
#include "log/partition_log.h"

namespace fulmar {

namespace {

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

std::optional<Offset> PartitionFiles::end_of(std::size_t n) const {
    auto next = n + 1 < segments.size() ? std::optional(segments[n + 1].base) : std::nullopt;
    if (!segments[n].compacted()) return next;
    return std::min(segments[n].end, next.value_or(segments[n].end));
}

Result<PartitionFiles> name_partition_files(Directory& directory) {
    auto entries = directory.list();
    if (!entries) return std::unexpected(entries.error());
    PartitionFiles files;
    std::vector<SegmentName> logs;
    for (auto& entry : *entries) {
        if (entry.directory) {
            files.others.push_back(entry);
        } else if (auto segment = segment_of_file(entry.name, ".log")) {
            logs.push_back(*segment);
        } else if (auto of = segment_of_file(entry.name, ".index")) {
            files.indexes.push_back(*of);
        } else if (auto at = offset_of_file(entry.name, ".producers")) {
            files.snapshots.push_back(*at);
        } else if (entry.name == epochs_file_name) {
            files.epochs = true;
        } else if (entry.name != compacted_file_name) {
            files.others.push_back(entry);
        }
    }
    files.segments = living(logs);
    auto lives = [&](const SegmentName& segment) {
        return std::ranges::find(files.segments, segment) != files.segments.end();
    };
    for (auto& segment : logs)
        if (!lives(segment)) files.dead.push_back(segment);
    for (auto& segment : files.indexes) {
        if (lives(segment)) continue;
        bool replaced =
            std::ranges::any_of(files.segments, [&](auto& other) { return other.replaces(segment); });
        if (segment.compacted()) files.dead.push_back(segment);  // Perhaps without its log.
        else if (!replaced) files.indexes_alone.push_back(segment);
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
    // Who made their successors may have been killed before the names of these were durable.
    if (!files->dead.empty())
        if (auto synced = directory.sync(); !synced) return std::unexpected(synced.error());
    for (auto& segment : std::exchange(files->dead, {}))
        if (auto gone = remove_segment(directory, segment); !gone) return std::unexpected(gone.error());
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

Result<> remove_segment(Directory& directory, const SegmentName& segment) {
    for (auto& name : {index_file_name(segment), log_file_name(segment)})
        if (auto gone = directory.remove(name); !gone && gone.error() != Error::missing) return gone;
    return {};
}

}  // namespace fulmar
