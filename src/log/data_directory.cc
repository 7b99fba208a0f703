#include "log/data_directory.h"

#include <fmt/format.h>

#include "base/crc32c.h"
#include "base/log_sink.h"
#include "base/planted.h"
#include "base/text.h"

namespace fulmar {

namespace {

// Side files are small texts whose last line is their checksum. After any crash such a file is the old one or
// the new one, whole: it is written beside, synced, renamed, and the directory synced.
Result<> write_sealed(Directory& root, const std::string& name, std::string text) {
    text += fmt::format("crc32c={:08x}\n", crc32c(bytes_of(text)));
    auto beside = name + ".tmp";
    if (auto gone = root.remove(beside); !gone && gone.error() != Error::missing) return gone;
    auto file = root.create(beside);
    if (!file) return std::unexpected(file.error());
    Bytes part = bytes_of(text);
    if (auto written = (*file)->write(0, std::span(&part, 1)); !written) return written;
    if (auto synced = (*file)->sync(); !synced) return synced;
    if (auto renamed = root.rename(beside, name); !renamed) return renamed;
    return root.sync();
}
// The text without its seal; `damaged` when that does not fit.
Result<std::string> read_sealed(Directory& root, const std::string& name) {
    auto file = root.open(name);
    if (!file) return std::unexpected(file.error());
    auto size = (*file)->size();
    if (!size) return std::unexpected(size.error());
    std::string text(*size, '\0');
    auto got = (*file)->read(0, std::as_writable_bytes(std::span(text)));
    if (!got) return std::unexpected(got.error());
    text.resize(*got);
    constexpr std::size_t seal_length = 7 + 8 + 1;
    if (text.size() < seal_length) return std::unexpected(Error::damaged);
    auto body = text.substr(0, text.size() - seal_length);
    if (text.substr(body.size()) != fmt::format("crc32c={:08x}\n", crc32c(bytes_of(body))))
        return std::unexpected(Error::damaged);
    return body;
}

// "name=value" in a text of lines.
std::string_view value_of(std::string_view text, std::string_view name) {
    while (!text.empty()) {
        auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == '=')
            return line.substr(name.size() + 1);
    }
    return {};
}

std::string meta_text(const DirectoryMeta& meta) {
    return fmt::format("format={}\ncluster.id={}\nbroker.id={}\ndirectory.id={}\n", DataDirectory::format,
                       to_text(meta.cluster_id), std::to_underlying(meta.broker_id),
                       to_text(meta.directory_id));
}

// In the root of a file system of its own, as data directories often are.
constexpr std::string_view file_systems_own = "lost+found";

// What may stand in a directory that nobody has founded yet: what a crash while founding it leaves.
bool unfounded(const std::vector<Directory::Entry>& entries) {
    for (auto& entry : entries)
        if (entry.directory ? entry.name != file_systems_own
                            : entry.name != "LOCK" && entry.name != "meta.tmp")
            return false;
    return true;
}

}  // namespace

std::expected<DataDirectory, std::string> DataDirectory::open(std::shared_ptr<Directory> root,
                                                              const DirectoryMeta& wanted,
                                                              const std::string& owner) {
    auto broken = [](std::string_view what, Error error) {
        return std::unexpected(
            fmt::format("the data directory cannot be used: {}: {}", what, to_text(error)));
    };
    DataDirectory opened;
    opened.root_ = root;
    auto lock = root->lock("LOCK");
    if (!lock && lock.error() == Error::busy) {
        std::string holder(64, '\0');
        auto file = root->open("LOCK");
        auto got =
            file ? (*file)->read(0, std::as_writable_bytes(std::span(holder))) : Result<std::size_t>(0);
        holder.resize(got.value_or(0));
        while (!holder.empty() && holder.back() == '\n') holder.pop_back();
        return std::unexpected(
            fmt::format("the data directory is in use by another Fulmar ({}); stop that one, or "
                        "start this one with another --data directory",
                        holder.empty() ? "unknown process" : holder));
    }
    if (!lock) return broken("LOCK", lock.error());
    opened.lock_ = std::move(*lock);
    auto entries = root->list();
    if (!entries) return broken("list", entries.error());

    auto meta = read_sealed(*root, "meta");
    if (!meta && meta.error() == Error::missing) {
        if (!unfounded(*entries))
            return std::unexpected(
                "the data directory is not empty and is not Fulmar's (it has no meta file); name an "
                "empty or a new directory with --data");
        if (auto written = write_sealed(*root, "meta", meta_text(wanted)); !written)
            return broken("meta", written.error());
        opened.meta_ = wanted;
    } else if (!meta && meta.error() == Error::damaged) {
        return std::unexpected(
            "the data directory's meta file is damaged; restore it from a backup: without it nobody "
            "can tell whose data this is");
    } else if (!meta) {
        return broken("meta", meta.error());
    } else {
        auto found = parse_number<int>(value_of(*meta, "format"));
        if (!found || *found > format)
            return std::unexpected(
                fmt::format("the data directory has format {}, this Fulmar knows formats up to {}; "
                            "run the version that wrote it, or a newer one",
                            value_of(*meta, "format"), format));
        auto broker = parse_number<std::int32_t>(value_of(*meta, "broker.id"));
        if (*found < 1 || !broker || !from_text(value_of(*meta, "cluster.id"), opened.meta_.cluster_id) ||
            !from_text(value_of(*meta, "directory.id"), opened.meta_.directory_id))
            return std::unexpected("the data directory's meta file makes no sense; restore it from a backup");
        opened.meta_.broker_id = BrokerId{*broker};
        if (opened.meta_.broker_id != wanted.broker_id)
            return std::unexpected(
                fmt::format("the data directory belongs to broker {}, and broker.id is {}; set "
                            "broker.id={}, or name another directory with --data",
                            *broker, std::to_underlying(wanted.broker_id), *broker));
    }

    Bytes who = bytes_of(owner);
    auto lock_file = root->open("LOCK");
    if (!lock_file) return broken("LOCK", lock_file.error());
    if (auto cut = (*lock_file)->truncate(0); !cut) return broken("LOCK", cut.error());
    if (auto written = (*lock_file)->write(0, std::span(&who, 1)); !written)
        return broken("LOCK", written.error());

    if (auto read = opened.read_partitions(); !read) return broken("partitions", read.error());
    if (opened.doubled_)
        return std::unexpected(
            fmt::format("the data directory has two directories of one partition, {} and {}, and which is "
                        "right nobody can tell: move one of them elsewhere",
                        opened.doubled_->first, opened.doubled_->second));
    if (auto wrong = opened.read_points()) return std::unexpected(*wrong);
    return opened;
}

Result<> DataDirectory::read_partitions() {
    auto entries = root_->list();
    if (!entries) return std::unexpected(entries.error());
    for (auto& entry : *entries) {
        bool ours = entry.directory ? entry.name == file_systems_own || entry.name == "quarantine" ||
                                          entry.name == "coord" || entry.name == "journal"
                                    : entry.name == "LOCK" || entry.name == "meta" ||
                                          entry.name == "checkpoint" || entry.name == "CLEAN";
        if (ours) continue;
        if (!entry.directory && entry.name.ends_with(".tmp")) {  // Written beside, and never renamed.
            if (auto removed = root_->remove(entry.name); !removed) return removed;
            continue;
        }
        if (auto id = entry.directory ? partition_of_directory(entry.name) : std::nullopt) {
            auto [at, fresh] = partitions_.emplace(*id, entry.name);
            if (!fresh) doubled_ = {at->second, entry.name};
            continue;
        }

        auto quarantine = open_or_create_directory(*root_, "quarantine");
        if (!quarantine) return std::unexpected(quarantine.error());
        Result<> moved = std::unexpected(Error::exists);
        for (int n = 0; !moved && moved.error() == Error::exists; ++n)
            moved = root_->move(entry.name, **quarantine,
                                n == 0 ? entry.name : fmt::format("{}.{}", entry.name, n));
        if (!moved) return moved;
        log_warning("{}: not a name of Fulmar's, moved to quarantine/", entry.name);
        if (auto synced = (*quarantine)->sync(); !synced) return synced;
    }
    return root_->sync();
}

// What it returns is the reason why the directory must not be used.
std::optional<std::string> DataDirectory::read_points() {
    auto broken = [](std::string_view what, Error error) {
        return fmt::format("the data directory cannot be used: {}: {}", what, to_text(error));
    };
    auto text = read_sealed(*root_, "checkpoint");
    if (!text && text.error() != Error::missing && text.error() != Error::damaged)
        return broken("checkpoint", text.error());
    auto marker = read_sealed(*root_, "CLEAN");
    if (!marker && marker.error() != Error::missing && marker.error() != Error::damaged)
        return broken("CLEAN", marker.error());
    if (text) {
        std::string_view left = *text;
        while (!left.empty()) {
            auto line = left.substr(0, left.find('\n'));
            left.remove_prefix(std::min(left.size(), line.size() + 1));
            PartitionId id;
            auto first = line.find(' '), second = line.find(' ', first + 1);
            if (second == line.npos || !from_text(line.substr(0, first), id.topic)) continue;
            auto index = parse_number<std::int32_t>(line.substr(first + 1, second - first - 1));
            auto offset = parse_number<std::int64_t>(line.substr(second + 1));
            if (index && offset) points_[{id.topic, *index}] = Offset{*offset};
        }
        clean_ = marker && *marker == fmt::format("checkpoint={:08x}\n", crc32c(bytes_of(*text)));
    } else if (text.error() == Error::damaged) {
        log_warning("the checkpoint is damaged: every partition is recovered from its start");
    }
    // Before anything is served: a crash from here on is no clean stop.
    if (planted(Bug::clean_marker_kept)) return std::nullopt;
    if (auto gone = root_->remove("CLEAN"); !gone && gone.error() != Error::missing)
        return broken("CLEAN", gone.error());
    if (auto synced = root_->sync(); !synced) return broken("CLEAN", synced.error());
    return std::nullopt;
}

RecoveryPoint DataDirectory::recovery_point(const PartitionId& id) const {
    auto at = points_.find(id);
    return {at == points_.end() ? Offset{0} : at->second, clean_};
}

void DataDirectory::forget(const TopicId& topic) {
    auto of_topic = [&](auto& entry) { return entry.first.topic == topic; };
    std::erase_if(points_, of_topic);
    std::erase_if(partitions_, of_topic);
}

static std::string points_text(const DataDirectory::Points& points) {
    std::string text;
    for (auto& [id, offset] : points)
        text += fmt::format("{} {} {}\n", to_text(id.topic), id.index, std::to_underlying(offset));
    return text;
}
Result<> DataDirectory::write_checkpoint(const Points& points) {
    return write_sealed(*root_, "checkpoint", points_text(points));
}
Result<> DataDirectory::close_clean(const Points& points) {
    if (auto written = write_checkpoint(points); !written) return written;
    return write_sealed(*root_, "CLEAN",
                        fmt::format("checkpoint={:08x}\n", crc32c(bytes_of(points_text(points)))));
}

}  // namespace fulmar
