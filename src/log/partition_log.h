// PartitionLog: the record batches of one partition, appended to a file and found again by offset and by
// time. It belongs to its partition's core; only what is said to be for a job runs elsewhere.
//
// On disk: a directory named after topic, partition and topic id, in it a file named by the offset it
// starts at ("00000000000000000000.log"), in it batches as they came over the wire (wire/records.h). The
// directory appears with the first append. What is in memory beside it (a sparse index) is rebuilt from it.
//
// It never awaits. It knows nothing of durability: a position is durable when whoever appended has synced
// `file()` after it. After an error of `append` other than `full`, nothing more may be appended.
#pragma once

#include <optional>
#include <vector>

#include "base/pieces.h"
#include "core/producer/sequences.h"
#include "log/files.h"
#include "wire/produced_batch.h"

namespace fulmar {

// A boundary between batches: the offset that begins there, and where that is in the file.
struct LogPoint {
    Offset offset{};
    std::uint64_t position = 0;
    auto operator<=>(const LogPoint&) const = default;
};

class PartitionLog {
public:
    // Of this length at least, an index entry points to a batch (index.interval.bytes).
    static constexpr std::uint64_t index_interval_bytes = 4096;

    struct IndexEntry {
        LogPoint at;
        Timestamp largest_before{-1};  // Of all batches in front of it.
    };

    // A partition that nobody has written to yet.
    PartitionLog() = default;
    // One that recovery has read (log/recovery.h): `index` covers the file up to `end`.
    PartitionLog(std::shared_ptr<File> file, std::vector<IndexEntry> index, LogPoint end, Timestamp largest);

    bool exists() const { return file_ != nullptr; }
    // Takes the file that `make_log` made. REQUIRES: nothing is here yet.
    void attach(std::shared_ptr<File> file);

    LogPoint start() const { return {}; }
    LogPoint end() const { return end_; }
    const std::shared_ptr<File>& file() const { return file_; }

    // Writes it at the end, in one write; its base offset is the end before. `full` leaves the log as it
    // was. REQUIRES: exists.
    Result<> append(wire::ProducedBatch& batch, std::int32_t leader_epoch);

    // Batches from the one that holds `from` on, up to `limit` (a boundary), cut to `bytes_max`: the last may
    // be cut short, as Kafka's clients expect. The first is whole: where it does not fit, it comes all the
    // same with `at_least_one`, and else nothing does. Empty when `from` is at `limit`. REQUIRES: start <=
    // from <= limit <= end.
    struct Slice {
        FileRange range;
        Offset base{};                  // Of the first batch.
        std::uint64_t first_bytes = 0;  // What that takes.
    };
    Result<Slice> read(Offset from, LogPoint limit, std::size_t bytes_max, bool at_least_one) const;

    // Where a search for a time stamp may begin: nothing in front has it or a later one.
    LogPoint before_time(Timestamp at) const;
    // A point from which the batches in front of `limit` can be walked, and the largest time stamp in front.
    const IndexEntry& before(LogPoint limit) const;

private:
    const IndexEntry& entry_before(Offset offset) const;

    std::shared_ptr<File> file_;
    std::vector<IndexEntry> index_{IndexEntry{}};  // Never empty: its first entry is the start.
    LogPoint end_;
    Timestamp largest_{-1};
};

// "orders-3.AbCd…": the topic's name cut to 200 bytes, for people; identity is the id and the partition.
std::string partition_directory_name(std::string_view topic, const PartitionId& id);
// Nothing when it is no such name.
std::optional<PartitionId> partition_of_directory(std::string_view name);
// "00000000000000000042.log".
std::string log_file_name(Offset base);

// Makes a partition's directory and its empty file, durably, and gives the file. For a job. What a crash
// left half made is taken over.
Result<std::shared_ptr<File>> make_log(Directory& data, const std::string& name);

}  // namespace fulmar
