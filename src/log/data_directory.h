// DataDirectory: what a broker keeps, beside the partitions themselves: whose it is, that nobody else uses
// it, where recovery may begin, and whether the last stop was a clean one. Synchronous: for a job.
//
//   LOCK         held while a process uses the directory; says which
//   meta         cluster id, broker id, directory id, format
//   checkpoint   a line a partition: its recovery point, and its log start offset
//   CLEAN        there after a clean stop only: the checksum of the checkpoint it vouches for
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

    const DirectoryMeta& meta() const { return meta_; }
    const std::shared_ptr<Directory>& root() const { return root_; }
    bool was_clean() const { return clean_; }

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
    Result<> read_partitions();
    std::optional<std::string> read_points(const std::string& name);

    std::shared_ptr<Directory> root_;
    std::unique_ptr<Directory::Lock> lock_;
    DirectoryMeta meta_;
    std::map<PartitionId, std::string> partitions_;
    std::optional<std::pair<std::string, std::string>> doubled_;  // Two names of one partition.
    Points points_;
    std::optional<Timestamp> last_seen_;
    bool clean_ = false;
};

}  // namespace fulmar
