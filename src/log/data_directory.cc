#include "log/data_directory.h"

#include <fmt/format.h>

#include "base/crc32c.h"
#include "base/log_sink.h"
#include "base/planted.h"
#include "base/text.h"
#include "log/disk_room.h"
#include "log/sealed_file.h"

namespace fulmar {

namespace {

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
    auto text =
        fmt::format("format={}\ncluster.id={}\nbroker.id={}\ndirectory.id={}\n", DataDirectory::format,
                    to_text(meta.cluster_id), std::to_underlying(meta.broker_id), to_text(meta.directory_id));
    if (meta.home_id != Uuid{}) text += fmt::format("home.id={}\n", to_text(meta.home_id));
    return text;
}
// Nothing: it makes no sense.
std::optional<DirectoryMeta> read_meta(std::string_view text) {
    DirectoryMeta meta;
    auto broker = parse_number<std::int32_t>(value_of(text, "broker.id"));
    auto home = value_of(text, "home.id");
    bool right = broker && from_text(value_of(text, "cluster.id"), meta.cluster_id) &&
                 from_text(value_of(text, "directory.id"), meta.directory_id) &&
                 (home.empty() || from_text(home, meta.home_id));
    if (!right) return std::nullopt;
    meta.broker_id = BrokerId{*broker};
    return meta;
}

// A line a partition: topic, index, recovery point, its segment and position there, log start offset,
// when the last batch was appended.
void read_lines(std::string_view left, DataDirectory::Points& points) {
    while (!left.empty()) {
        auto line = left.substr(0, left.find('\n'));
        left.remove_prefix(std::min(left.size(), line.size() + 1));
        auto word = [&] {
            auto text = line.substr(0, line.find(' '));
            line.remove_prefix(std::min(line.size(), text.size() + 1));
            return text;
        };
        PartitionId id;
        if (!from_text(word(), id.topic)) continue;
        auto index = parse_number<std::int32_t>(word());
        auto offset = parse_number<std::int64_t>(word()), segment = parse_number<std::int64_t>(word());
        auto position = parse_number<std::uint64_t>(word());
        auto log_start = parse_number<std::int64_t>(word()), appended = parse_number<std::int64_t>(word());
        if (!index || !offset || !segment || !position || !log_start || !appended) continue;
        id.index = *index;
        points[id] = {Offset{*offset}, Offset{*segment}, *position, Offset{*log_start}, Timestamp{*appended}};
    }
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

static DataDirectory::Unusable unusable(const std::string& name, std::string_view what, Error error) {
    return {fmt::format("the data directory {} cannot be used: {}: {}", name, what, to_text(error)),
            error == Error::failed};
}

Result<DirectoryMeta> DataDirectory::look(Directory& root) {
    auto text = read_sealed(root, "meta");
    if (!text && text.error() == Error::missing) {
        auto entries = root.list();
        if (!entries) return std::unexpected(entries.error());
        return std::unexpected(unfounded(*entries) ? Error::missing : Error::exists);
    }
    if (!text) return std::unexpected(text.error());
    auto meta = read_meta(*text);
    return meta ? Result<DirectoryMeta>(*meta) : std::unexpected(Error::damaged);
}

std::expected<DataDirectory, DataDirectory::Unusable> DataDirectory::open(std::shared_ptr<Directory> root,
                                                                          const std::string& name,
                                                                          const DirectoryMeta& wanted,
                                                                          const std::string& owner) {
    auto broken = [&](std::string_view what, Error error) {
        return std::unexpected(unusable(name, what, error));
    };
    auto wrong = [](std::string why) { return std::unexpected(Unusable{std::move(why)}); };
    DataDirectory opened;
    opened.root_ = root;
    opened.name_ = name;
    auto lock = root->lock("LOCK");
    if (!lock && lock.error() == Error::busy) {
        std::string holder(64, '\0');
        auto file = root->open("LOCK");
        auto got =
            file ? (*file)->read(0, std::as_writable_bytes(std::span(holder))) : Result<std::size_t>(0);
        holder.resize(got.value_or(0));
        while (!holder.empty() && holder.back() == '\n') holder.pop_back();
        return wrong(
            fmt::format("the data directory {} is in use by another Fulmar ({}); stop that one, or "
                        "start this one with another --data directory",
                        name, holder.empty() ? "unknown process" : holder));
    }
    if (!lock) return broken("LOCK", lock.error());
    opened.lock_ = std::move(*lock);
    if (auto gone = give_up_reserve(*root); !gone) return broken("reserve", gone.error());
    auto entries = root->list();
    if (!entries) return broken("list", entries.error());

    auto meta = read_sealed(*root, "meta");
    if (!meta && meta.error() == Error::missing) {
        if (!unfounded(*entries))
            return wrong(
                fmt::format("the data directory {} is not empty and is not Fulmar's (it has no meta file); "
                            "name an empty or a new directory with --data",
                            name));
        if (auto written = write_sealed(*root, "meta", meta_text(wanted)); !written)
            return broken("meta", written.error());
        opened.meta_ = wanted;
    } else if (!meta && meta.error() == Error::damaged) {
        return wrong(fmt::format(
            "in the data directory {} the meta file is damaged; restore it from a backup: without "
            "it nobody can tell whose data this is",
            name));
    } else if (!meta) {
        return broken("meta", meta.error());
    } else {
        auto found = parse_number<int>(value_of(*meta, "format"));
        if (!found || *found > format)
            return wrong(
                fmt::format("the data directory {} has format {}, this Fulmar knows formats up to {}; "
                            "run the version that wrote it, or a newer one",
                            name, value_of(*meta, "format"), format));
        auto read = read_meta(*meta);
        if (*found < 1 || !read)
            return wrong(fmt::format(
                "in the data directory {} the meta file makes no sense; restore it from a backup", name));
        opened.meta_ = *read;
        auto broker = std::to_underlying(read->broker_id);
        if (opened.meta_.broker_id != wanted.broker_id)
            return wrong(
                fmt::format("the data directory {} belongs to broker {}, and broker.id is {}; set "
                            "broker.id={}, or name another directory with --data",
                            name, broker, std::to_underlying(wanted.broker_id), broker));
    }

    Bytes who = bytes_of(owner);
    auto lock_file = root->open("LOCK");
    if (!lock_file) return broken("LOCK", lock_file.error());
    if (auto cut = (*lock_file)->truncate(0); !cut) return broken("LOCK", cut.error());
    // On a full disk nobody learns who has it.
    if (auto written = (*lock_file)->write(0, std::span(&who, 1)); !written && written.error() != Error::full)
        return broken("LOCK", written.error());

    if (auto read = opened.read_partitions(); !read) return broken("partitions", read.error());
    if (opened.doubled_)
        return wrong(
            fmt::format("the data directory {} has two directories of one partition, {} and {}, and which is "
                        "right nobody can tell: move one of them elsewhere",
                        name, opened.doubled_->first, opened.doubled_->second));
    if (auto bad = opened.read_points()) return std::unexpected(*bad);
    return opened;
}

Result<> DataDirectory::read_partitions() {
    auto entries = root_->list();
    if (!entries) return std::unexpected(entries.error());
    for (auto& entry : *entries) {
        bool ours =
            entry.directory
                ? entry.name == file_systems_own || entry.name == "quarantine" || entry.name == "coord"
                : entry.name == "LOCK" || entry.name == "meta" || entry.name == "checkpoint" ||
                      entry.name == "CLEAN" || entry.name == "directories" || entry.name == "reserve" ||
                      entry.name.starts_with("absent.");
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
std::optional<DataDirectory::Unusable> DataDirectory::read_points() {
    auto broken = [&](std::string_view what, Error error) { return unusable(name_, what, error); };
    auto text = read_sealed(*root_, "checkpoint");
    if (!text && text.error() != Error::missing && text.error() != Error::damaged)
        return broken("checkpoint", text.error());
    auto marker = read_sealed(*root_, "CLEAN");
    if (!marker && marker.error() != Error::missing && marker.error() != Error::damaged)
        return broken("CLEAN", marker.error());
    if (text) {
        if (auto wall = parse_number<std::int64_t>(value_of(*text, "time"))) last_seen_ = Timestamp{*wall};
        read_lines(*text, points_);
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
    return at == points_.end() ? RecoveryPoint{} : at->second;
}

static std::string points_text(const DataDirectory::Points& points, Timestamp wall) {
    auto text = fmt::format("time={}\n", std::to_underlying(wall));
    for (auto& [id, point] : points)
        fmt::format_to(std::back_inserter(text), "{} {} {} {} {} {} {}\n", to_text(id.topic), id.index,
                       std::to_underlying(point.offset), std::to_underlying(point.segment), point.position,
                       std::to_underlying(point.log_start), std::to_underlying(point.appended));
    return text;
}
Result<> DataDirectory::write_checkpoint(const Points& points, Timestamp wall) {
    return write_sealed(*root_, "checkpoint", points_text(points, wall));
}
Result<> DataDirectory::close_clean(const Points& points, Timestamp wall) {
    if (auto written = write_checkpoint(points, wall); !written) return written;
    return write_sealed(*root_, "CLEAN",
                        fmt::format("checkpoint={:08x}\n", crc32c(bytes_of(points_text(points, wall)))));
}

}  // namespace fulmar
