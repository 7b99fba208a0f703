// DataDirectory: what a broker keeps in one of its directories, beside the partitions themselves: whose it
// is, that nobody else uses it, where recovery may begin, and whether the last stop was a clean one. Several
// are opened together (log/data_directories.h). Synchronous: for a job.
//
//   LOCK         held while a process uses the directory; says which
//   meta         cluster id, broker id, directory id, format; home.id, unless coord/ is here
//   checkpoint   a line a partition: its recovery point, and its log start offset
//   CLEAN        there after a clean stop only: the checksum of the checkpoint it vouches for
//   reserve      room for what must go on when the disk is full (log/disk_room.h)
//   repair       while one is carried out (log/repair_plan.h)
//   quarantine/  what was found and not understood, or cut off; nothing is deleted
//   coord/       the embedded store, in the broker's home; it also has
//   directories  the others of this broker, and absent.<directory id>: what stands in one that is away
//   generations  of which age the others are; they have a file generation (log/generations.h)
//   <topic>-<partition>.<topic id>/
#pragma once

#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/ids.h"
#include "log/files.h"
#include "log/recovery.h"

namespace fulmar {

struct DirectoryMeta {
    Uuid cluster_id{}, directory_id{};
    BrokerId broker_id{};
    Uuid home_id{};  // The directory that holds coord/, when that is another one.
    bool operator==(const DirectoryMeta&) const = default;
};

class DataDirectory {
public:
    // This build writes `format`, and reads no other.
    static constexpr int format = 1;

    // Whose it is, before anything else is done with it: `missing` when nobody has founded it, and nothing
    // stands in it but what a crash while founding it leaves; `damaged`.
    static Result<DirectoryMeta> look(Directory& root);
    // Whether the disk of one that was founded takes anything: what is in the page cache says nothing of
    // that, and `open` does not only read. Leaves nothing.
    static Result<> try_disk(Directory& root);
    // Locks, reads or, when it is empty, founds the directory as `wanted` (whose cluster and directory ids
    // only matter then). `owner` goes into LOCK: "process 42".
    struct Unusable {
        std::string why;    // What is wrong and what to do; it calls the directory `name`, as the user does.
        bool disk = false;  // The disk said no: what is there may be all right.
    };
    static std::expected<DataDirectory, Unusable> open(std::shared_ptr<Directory> root,
                                                       const std::string& name, const DirectoryMeta& wanted,
                                                       const std::string& owner);

    // For whoever looks at it while no broker runs: locks it as `open` does, and changes nothing but LOCK.
    // A repair that was interrupted is finished first with `finish`, and else the reason why it cannot be
    // used.
    static std::expected<DataDirectory, Unusable> open_to_look(std::shared_ptr<Directory> root,
                                                               const std::string& name,
                                                               const std::string& owner, bool finish);

    const DirectoryMeta& meta() const { return meta_; }
    const std::string& name() const { return name_; }
    const std::shared_ptr<Directory>& root() const { return root_; }
    bool was_clean() const { return clean_; }
    // Found by `open_to_look`: the checkpoint cannot be read; and names that are not ours.
    bool checkpoint_damaged() const { return checkpoint_damaged_; }
    const std::vector<std::string>& strays() const { return strays_; }

    // The partitions that have a directory, and its name, which `open` has synced: a kill may have come
    // before.
    const std::map<PartitionId, std::string>& partitions() const { return partitions_; }
    // What was durable of `id` for sure when the last life ended. A partition that has a point above 0 and no
    // directory is damaged.
    RecoveryPoint recovery_point(const PartitionId& id) const;

    using Points = std::map<PartitionId, RecoveryPoint>;
    const Points& recovery_points() const { return points_; }
    // Says how far each partition is durable; it may lag, never lead.
    Result<> write_checkpoint(const Points& points, Timestamp wall);
    // The last thing a clean stop does: `points` are where each partition ends, and all of it is synced.
    Result<> close_clean(const Points& points, Timestamp wall);
    // What the wall clock showed at the last checkpoint.
    std::optional<Timestamp> last_seen() const { return last_seen_; }

private:
    DataDirectory() = default;
    // What these return is the reason why the directory must not be used.
    using Trouble = std::optional<Unusable>;
    Trouble take_lock();
    Trouble finish_repair();
    Trouble take_meta(std::string_view text);
    Trouble sign_lock(const std::string& owner);
    Trouble read_names();
    Trouble read_points();
    Result<> read_partitions();

    std::shared_ptr<Directory> root_;
    std::string name_;
    std::unique_ptr<Directory::Lock> lock_;
    DirectoryMeta meta_;
    std::map<PartitionId, std::string> partitions_;
    std::optional<std::pair<std::string, std::string>> doubled_;  // Two names of one partition.
    Points points_;
    std::optional<Timestamp> last_seen_;
    bool clean_ = false;
    bool only_looks_ = false;
    bool checkpoint_damaged_ = false;
    std::vector<std::string> strays_;
};

// What stands in `checkpoint`, without its seal: as text, and read again.
std::string checkpoint_text(const DataDirectory::Points& points, std::optional<Timestamp> wall);
struct Checkpoint {
    std::optional<Timestamp> wall;  // What the wall clock showed.
    DataDirectory::Points points;
};
Checkpoint read_checkpoint(std::string_view text);
// What CLEAN says beside that checkpoint.
std::string clean_text(std::string_view checkpoint);

}  // namespace fulmar
