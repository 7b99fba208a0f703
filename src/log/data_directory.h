// DataDirectory: what a broker keeps, beside the partitions themselves: whose it is, that nobody else uses
// it, where recovery may begin, and whether the last stop was a clean one. Synchronous: for a job.
//
//   LOCK         held while a process uses the directory; says which
//   meta         cluster id, broker id, directory id, format
//   checkpoint   a line a partition: its recovery point, and its log start offset
//   CLEAN        there after a clean stop only: the checksum of the checkpoint it vouches for
//   repair       while one is carried out (log/repair_plan.h)
//   quarantine/  what was found and not understood, or cut off; nothing is deleted
//   coord/       the embedded store
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
    bool operator==(const DirectoryMeta&) const = default;
};

class DataDirectory {
public:
    // This build writes `format`, and reads no other.
    static constexpr int format = 1;

    // Locks, reads or, when it is empty, founds the directory as `wanted` (whose cluster and directory ids
    // only matter then). The text says what is wrong and what to do; it calls the directory `name`, the path
    // that the user gave. `owner` goes into LOCK: "process 42".
    static std::expected<DataDirectory, std::string> open(std::shared_ptr<Directory> root,
                                                          const std::string& name,
                                                          const DirectoryMeta& wanted,
                                                          const std::string& owner);

    // For whoever looks at it while no broker runs: locks it as `open` does, and changes nothing but LOCK.
    // A repair that was interrupted is finished first with `finish`, and else the reason why it cannot be
    // used.
    static std::expected<DataDirectory, std::string> open_to_look(std::shared_ptr<Directory> root,
                                                                  const std::string& name,
                                                                  const std::string& owner, bool finish);

    const DirectoryMeta& meta() const { return meta_; }
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
    std::optional<std::string> take_lock(const std::string& name);
    std::optional<std::string> finish_repair(const std::string& name);
    std::optional<std::string> read_meta(const std::string& name, std::string_view text);
    std::optional<std::string> sign_lock(const std::string& name, const std::string& owner);
    std::optional<std::string> read_names(const std::string& name);
    std::optional<std::string> read_points(const std::string& name);
    Result<> read_partitions();

    std::shared_ptr<Directory> root_;
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
