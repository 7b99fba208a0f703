// Checkpoints: how far each partition is durable, noted at a calm pace, so that the next start has little to
// read. Each data directory has a file of its own and waits for no other: rounds pass by one that hangs. It
// belongs to core 0.
#pragma once

#include <functional>
#include <memory>
#include <set>

#include "broker/shard.h"
#include "log/data_directories.h"

namespace fulmar {

class Checkpoints {
public:
    using Shards = std::vector<std::unique_ptr<Shard>>;
    // Of directories, and what the broker does about one whose file cannot be written.
    struct Trouble {
        std::function<bool(std::size_t directory)> has_failed;
        std::function<Task<>(std::size_t directory, std::string why)> failed;
        std::function<void(std::size_t directory)> full;
    };
    Checkpoints(Seam& home, const Shards& shards, std::vector<DataDirectory>& directories, Trouble trouble);

    // A round: what has changed is on its way to each directory that is through with the round before. Of
    // damaged partitions, and of those that belong to no topic, the old points stay: a point that moved back
    // would make torn what is damaged. REQUIRES: no other is just beginning.
    Task<> begin();
    // Until all of the last round is there or has failed, or for so long.
    Task<> settle(Millis patience);
    Task<> settle();  // Until nothing is on its way any more.
    std::uint64_t rounds() const { return rounds_; }
    // Those of `directories`, the failed ones left out, where neither that round nor a later one is there.
    std::set<std::size_t> late(const std::set<std::size_t>& directories, std::uint64_t round) const;
    const std::set<std::size_t>& all() const { return all_; }
    Signal& changed() { return changed_; }  // One is there, or a round has ended.
    // The next round knows nothing of that topic any more.
    void forget(const TopicId& topic);

    // REQUIRES: nothing is on its way.
    const DataDirectory::Points& points(std::size_t directory) const { return files_[directory].points; }
    // When the oldest of the newest came to be, or nothing was to be written; nothing where none has been.
    std::optional<Instant> since() const;
    // Whether records were written since this was asked last.
    bool take_written() { return std::exchange(written_, false); }

private:
    struct File {  // By directory.
        DataDirectory& directory;
        DataDirectory::Points points;  // Of the last round that began here. Left alone while on their way.
        std::vector<TopicId> forgotten{};
        bool differs = false;  // From what is on the disk.
        bool under_way = false;
        std::uint64_t there = 0;  // The last round that is on the disk.
        std::optional<Instant> since{};
    };
    struct Move {
        PartitionId id;
        RecoveryPoint point;
        std::size_t directory;
    };
    using Moves = std::vector<std::vector<Move>>;  // By core.
    Task<Moves> collect(const std::vector<bool>& from);
    Task<> write(std::size_t directory, std::uint64_t round, std::shared_ptr<const Moves> moves);
    Task<> note(const Moves& moves, std::size_t directory);
    void is_there(File& file, std::uint64_t round);

    Seam& home_;
    const Shards& shards_;
    const Trouble trouble_;
    std::vector<File> files_;
    std::set<std::size_t> all_;
    std::uint64_t rounds_ = 0;
    std::size_t under_way_ = 0, of_last_round_ = 0;
    bool written_ = false;
    Timer* settling_ = nullptr;
    Signal changed_;
};

}  // namespace fulmar
