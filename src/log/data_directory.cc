#include "log/data_directory.h"

#include <fmt/format.h>

#include "base/crc32c.h"
#include "base/log_sink.h"
#include "base/planted.h"
#include "base/text.h"
#include "log/disk_room.h"
#include "log/repair_plan.h"
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

constexpr const char* tried = "try.tmp";

// What may stand in a directory that nobody has founded yet: what a crash while founding it leaves. Or one
// soon after, that of the next start, which has tried the disk and had not made sure of `meta` yet.
bool unfounded(const std::vector<Directory::Entry>& entries) {
    for (auto& entry : entries)
        if (entry.directory ? entry.name != file_systems_own
                            : entry.name != "LOCK" && entry.name != "meta.tmp" && entry.name != tried)
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

Result<> DataDirectory::try_disk(Directory& root) {
    if (auto founded = look(root); !founded) return std::unexpected(founded.error());
    (void)root.list();
    for (auto* read : {"LOCK", "checkpoint", "CLEAN", "generation"}) (void)read_sealed(root, read);
    // If a crash leaves it, the next start removes it.
    if (auto gone = root.remove(tried); !gone && gone.error() != Error::missing) return gone;
    auto file = root.create(tried);
    if (!file) return std::unexpected(file.error());
    Bytes part = bytes_of("x");
    Result<> done = (*file)->write(0, std::span(&part, 1));
    if (done) done = (*file)->sync();
    auto gone = root.remove(tried);
    if (done) done = gone;
    return done ? root.sync() : done;
}

auto DataDirectory::take_lock() -> Trouble {
    auto lock = root_->lock("LOCK");
    if (lock) {
        lock_ = std::move(*lock);
        return std::nullopt;
    }
    if (lock.error() != Error::busy) return unusable(name_, "LOCK", lock.error());
    std::string holder(64, '\0');
    auto file = root_->open("LOCK");
    auto got = file ? (*file)->read(0, std::as_writable_bytes(std::span(holder))) : Result<std::size_t>(0);
    holder.resize(got.value_or(0));
    while (!holder.empty() && holder.back() == '\n') holder.pop_back();
    return Unusable{fmt::format(
        "the data directory {} is in use by another Fulmar ({}); stop that one, or {}", name_,
        holder.empty() ? "unknown process" : holder,
        only_looks_ ? "name another directory with --data" : "start this one with another --data directory")};
}
auto DataDirectory::sign_lock(const std::string& owner) -> Trouble {
    Bytes who = bytes_of(owner);
    auto file = root_->open("LOCK");
    if (!file) return unusable(name_, "LOCK", file.error());
    if (auto cut = (*file)->truncate(0); !cut) return unusable(name_, "LOCK", cut.error());
    // On a full disk nobody learns who has it.
    if (auto written = (*file)->write(0, std::span(&who, 1)); !written && written.error() != Error::full)
        return unusable(name_, "LOCK", written.error());
    return std::nullopt;
}
auto DataDirectory::finish_repair() -> Trouble {
    auto finished = fulmar::finish_repair(*root_);
    return finished ? std::nullopt : Trouble(unusable(name_, "repair", finished.error()));
}

auto DataDirectory::take_meta(std::string_view text) -> Trouble {
    auto found = parse_number<int>(value_of(text, "format"));
    if (!found || *found > format)
        return Unusable{
            fmt::format("the data directory {} has format {}, this Fulmar knows formats up to {}; "
                        "run the version that wrote it, or a newer one",
                        name_, value_of(text, "format"), format)};
    auto read = read_meta(text);
    if (*found < 1 || !read)
        return Unusable{fmt::format(
            "in the data directory {} the meta file makes no sense; restore it from a backup", name_)};
    meta_ = *read;
    return std::nullopt;
}
static DataDirectory::Unusable meta_damaged(const std::string& name) {
    return {
        fmt::format("in the data directory {} the meta file is damaged; restore it from a backup: without "
                    "it nobody can tell whose data this is",
                    name)};
}

auto DataDirectory::open(std::shared_ptr<Directory> root, const std::string& name,
                         const DirectoryMeta& wanted, const std::string& owner)
    -> std::expected<DataDirectory, Unusable> {
    auto broken = [&](std::string_view what, Error error) {
        return std::unexpected(unusable(name, what, error));
    };
    DataDirectory opened;
    opened.root_ = root;
    opened.name_ = name;
    if (auto trouble = opened.take_lock()) return std::unexpected(*trouble);
    if (auto gone = give_up_reserve(*root); !gone) return broken("reserve", gone.error());
    auto entries = root->list();
    if (!entries) return broken("list", entries.error());

    auto meta = read_sealed(*root, "meta");
    if (!meta && meta.error() == Error::missing) {
        if (!unfounded(*entries))
            return std::unexpected(Unusable{
                fmt::format("the data directory {} is not empty and is not Fulmar's (it has no meta file); "
                            "name an empty or a new directory with --data",
                            name)});
        if (auto written = write_sealed(*root, "meta", meta_text(wanted)); !written)
            return broken("meta", written.error());
        opened.meta_ = wanted;
    } else if (!meta && meta.error() == Error::damaged) {
        return std::unexpected(meta_damaged(name));
    } else if (!meta) {
        return broken("meta", meta.error());
    } else {
        if (auto trouble = opened.take_meta(*meta)) return std::unexpected(*trouble);
        auto broker = std::to_underlying(opened.meta_.broker_id);
        if (opened.meta_.broker_id != wanted.broker_id)
            return std::unexpected(
                Unusable{fmt::format("the data directory {} belongs to broker {}, and broker.id is {}; set "
                                     "broker.id={}, or name another directory with --data",
                                     name, broker, std::to_underlying(wanted.broker_id), broker)});
    }
    if (auto trouble = opened.sign_lock(owner)) return std::unexpected(*trouble);
    if (auto trouble = opened.finish_repair()) return std::unexpected(*trouble);
    if (auto trouble = opened.read_names()) return std::unexpected(*trouble);
    if (auto trouble = opened.read_points()) return std::unexpected(*trouble);
    return opened;
}

auto DataDirectory::open_to_look(std::shared_ptr<Directory> root, const std::string& name,
                                 const std::string& owner, bool finish)
    -> std::expected<DataDirectory, Unusable> {
    DataDirectory opened;
    opened.root_ = root;
    opened.name_ = name;
    opened.only_looks_ = true;
    auto meta = read_sealed(*root, "meta");  // Before a LOCK is made where none belongs.
    if (!meta && meta.error() == Error::missing)
        return std::unexpected(Unusable{fmt::format(
            "{} is no data directory of Fulmar's (it has no meta file); name one with --data", name)});
    if (!meta && meta.error() == Error::damaged) return std::unexpected(meta_damaged(name));
    if (!meta) return std::unexpected(unusable(name, "meta", meta.error()));
    if (auto trouble = opened.take_lock()) return std::unexpected(*trouble);
    if (auto trouble = opened.take_meta(*meta)) return std::unexpected(*trouble);
    if (auto trouble = opened.sign_lock(owner)) return std::unexpected(*trouble);
    if (finish) {
        if (auto trouble = opened.finish_repair()) return std::unexpected(*trouble);
    } else if (root->open(repair_plan_name)) {
        return std::unexpected(Unusable{fmt::format(
            "in the data directory {} a repair was interrupted; `fulmar log repair` finishes it, and "
            "so does a start of the broker",
            name)});
    }
    if (auto trouble = opened.read_names()) return std::unexpected(*trouble);
    if (auto trouble = opened.read_points()) return std::unexpected(*trouble);
    return opened;
}

auto DataDirectory::read_names() -> Trouble {
    if (auto read = read_partitions(); !read) return unusable(name_, "partitions", read.error());
    if (doubled_)
        return Unusable{
            fmt::format("the data directory {} has two directories of one partition, {} and {}, and which is "
                        "right nobody can tell: move one of them elsewhere",
                        name_, doubled_->first, doubled_->second)};
    return std::nullopt;
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
                      entry.name == "generation" || entry.name == "generations" ||
                      entry.name.starts_with("absent.");
        if (ours) continue;
        if (!entry.directory && entry.name.ends_with(".tmp")) {  // Written beside, and never renamed.
            if (only_looks_) continue;
            if (auto removed = root_->remove(entry.name); !removed) return removed;
            continue;
        }
        if (auto id = entry.directory ? partition_of_directory(entry.name) : std::nullopt) {
            auto [at, fresh] = partitions_.emplace(*id, entry.name);
            if (!fresh) doubled_ = {at->second, entry.name};
            continue;
        }
        if (only_looks_) {
            strays_.push_back(entry.name);
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
    return only_looks_ ? Result<>() : root_->sync();
}

auto DataDirectory::read_points() -> Trouble {
    auto broken = [&](std::string_view what, Error error) { return unusable(name_, what, error); };
    auto text = read_sealed(*root_, "checkpoint");
    if (!text && text.error() != Error::missing && text.error() != Error::damaged)
        return broken("checkpoint", text.error());
    auto marker = read_sealed(*root_, "CLEAN");
    if (!marker && marker.error() != Error::missing && marker.error() != Error::damaged)
        return broken("CLEAN", marker.error());
    if (text) {
        auto checkpoint = read_checkpoint(*text);
        last_seen_ = checkpoint.wall;
        points_ = std::move(checkpoint.points);
        clean_ = marker && *marker == clean_text(*text);
    } else if (text.error() == Error::damaged) {
        checkpoint_damaged_ = true;
        if (only_looks_) return std::nullopt;
        log_warning("the checkpoint is damaged: every partition is recovered from its start");
    }
    if (only_looks_) return std::nullopt;
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

std::string checkpoint_text(const DataDirectory::Points& points, std::optional<Timestamp> wall) {
    auto text = wall ? fmt::format("time={}\n", std::to_underlying(*wall)) : std::string();
    for (auto& [id, point] : points)
        fmt::format_to(std::back_inserter(text), "{} {} {} {} {} {} {}\n", to_text(id.topic), id.index,
                       std::to_underlying(point.offset), std::to_underlying(point.segment), point.position,
                       std::to_underlying(point.log_start), std::to_underlying(point.appended));
    return text;
}
Checkpoint read_checkpoint(std::string_view text) {
    Checkpoint checkpoint;
    if (auto wall = parse_number<std::int64_t>(value_of(text, "time"))) checkpoint.wall = Timestamp{*wall};
    read_lines(text, checkpoint.points);
    return checkpoint;
}
std::string clean_text(std::string_view checkpoint) {
    return fmt::format("checkpoint={:08x}\n", crc32c(bytes_of(checkpoint)));
}
Result<> DataDirectory::write_checkpoint(const Points& points, Timestamp wall) {
    return write_sealed(*root_, "checkpoint", checkpoint_text(points, wall));
}
Result<> DataDirectory::close_clean(const Points& points, Timestamp wall) {
    if (auto written = write_checkpoint(points, wall); !written) return written;
    return write_sealed(*root_, "CLEAN", clean_text(checkpoint_text(points, wall)));
}

}  // namespace fulmar
