// PartitionLog: the record batches of one partition, appended and found again by offset and by time. It
// belongs to its partition's core; what is said to be for a job (LogView) runs elsewhere.
//
// On disk: a directory named after topic, partition and topic id, in it segments named by the offset they
// start at ("00000000000000000042.log"), in them batches as they came over the wire (wire/records.h), and
// beside each a sparse index (log/index.h). The directory appears with the first append. Of the last
// segment, the active one, the newest index entries are in memory, so that whoever reads near the end is
// served without a job.
//
// It never awaits. What writes to the disk comes in three steps, `begin_`, the write itself and `end_`, of
// which the middle one touches nothing of the log, so that a job may do it; the log may be read meanwhile,
// and segments in front of the active one may go. It knows nothing of durability: a position is durable when
// whoever appended has synced `unsynced_files()` after it. After an error other than `full` and `exhausted`
// nothing more may be appended.
#pragma once

#include <optional>
#include <vector>

#include "log/log_view.h"
#include "wire/produced_batch.h"

namespace fulmar {

// When a new segment begins (segment.bytes, segment.ms, segment.index.bytes).
struct RollRules {
    std::uint64_t segment_bytes = 1 << 30;
    Millis age{604'800'000};  // Of the first batch, by its own time stamp, as Kafka counts.
    std::uint64_t index_bytes_max = 10 << 20;
};

// A log as recovery has found it.
struct LogState {
    std::shared_ptr<Directory> directory;
    std::vector<Segment> segments;  // At least one; the last is the active one.
    Offset start{};                 // The log start offset.
    LogPoint end;                   // Its position counted from the first segment's first byte.
    std::vector<IndexEntry> tail;   // Of the active segment: what its index file lacks.
    IndexEntry newest;              // What stands in front of the end, in the active segment's file.
    Timestamp first_stamp{-1};      // Of the active segment's first batch.
    std::vector<EpochStart> epochs;
};

// Entries on their way into the active segment's index.
class IndexWrite {
public:
    void execute() { outcome_ = index_.append(*directory_, entries_); }

private:
    friend class PartitionLog;
    IndexWrite(std::shared_ptr<Directory> directory, Index index, std::span<const IndexEntry> entries)
        : directory_(std::move(directory)),
          index_(std::move(index)),
          entries_(entries.begin(), entries.end()) {}
    std::shared_ptr<Directory> directory_;
    Index index_;
    std::vector<IndexEntry> entries_;
    Result<> outcome_;
};
// A batch on its way to the end of the log, in one write.
class BatchWrite {
public:
    void execute();
    const Result<>& outcome() const { return outcome_; }  // `full` has left the file as it was.

private:
    friend class PartitionLog;
    BatchWrite(std::shared_ptr<File> file, std::uint64_t position, wire::ProducedBatch& batch)
        : file_(std::move(file)), position_(position), batch_(batch) {}
    std::shared_ptr<File> file_;
    std::uint64_t position_;
    wire::ProducedBatch& batch_;
    std::optional<IndexWrite> index_{};
    Result<> outcome_;
};

class PartitionLog {
public:
    // Index entries that stay in memory, and that are written together.
    static constexpr std::size_t tail_entries = 64;

    // A partition that nobody has written to yet.
    PartitionLog() = default;
    explicit PartitionLog(LogState found);

    bool exists() const { return !segments_.empty(); }
    // Takes what `make_log` made. REQUIRES: nothing is here yet.
    void attach(std::shared_ptr<Directory> directory, std::shared_ptr<File> file);

    // The log start offset: what lies in front is deleted, and soon gone from the disk.
    Offset start() const { return start_; }
    LogPoint end() const { return end_; }
    std::uint64_t size_bytes() const { return exists() ? end_.position - segments_.front().position : 0; }
    const std::vector<Segment>& segments() const { return segments_; }
    const std::shared_ptr<Directory>& directory() const { return directory_; }
    // Where a point lies: its segment's base, and the position in that file. REQUIRES: exists.
    struct Place {
        Offset segment{};
        std::uint64_t position = 0;
    };
    Place place_of(LogPoint at) const;

    // The batch gets its place, its base offset is the end. It stays where it is until the write's end. One
    // at a time. REQUIRES: exists.
    BatchWrite begin_append(wire::ProducedBatch& batch, std::int32_t leader_epoch) const;
    // `full` leaves the log as it was.
    Result<> end_append(BatchWrite& write, std::int32_t leader_epoch, Timestamp wall,
                        std::uint64_t index_interval_bytes = Index::usual_interval_bytes);
    // All three steps at once.
    Result<> append(wire::ProducedBatch& batch, std::int32_t leader_epoch, Timestamp wall,
                    std::uint64_t index_interval_bytes = Index::usual_interval_bytes);
    // Whether a segment must begin before that batch is appended.
    bool must_roll(const wire::ProducedBatch& batch, const RollRules& rules, Timestamp wall) const;
    // `file`, made by `make_segment` at the end, is the active segment from now on. REQUIRES: its index was
    // written.
    void roll(std::shared_ptr<File> file);
    // Completes what is on the disk of the active segment's index: before a roll, and for a clean stop.
    // Nothing: it is complete.
    std::optional<IndexWrite> begin_index();
    Result<> end_index(IndexWrite& write);
    Result<> write_index();  // All three steps at once.
    // Of all that is in the active segment: where it ends, in its file, and what time says of it.
    const IndexEntry& newest() const { return newest_; }
    // Nobody knows better when that was appended.
    void appended_at(Timestamp latest) { newest_.appended_before = latest; }
    std::size_t unwritten_entries() const { return tail_.size(); }
    // The files that hold anything behind `durable`, and must be synced for what is here to be durable.
    std::vector<std::shared_ptr<File>> unsynced_files(LogPoint durable) const;

    // Batches from the one that holds `from` on, up to `limit` (a boundary), cut to `bytes_max`: the last may
    // be cut short, as Kafka's clients expect. The first is whole: where it does not fit, it comes all the
    // same with `at_least_one`, and else nothing does. Empty when `from` is at `limit`. Never more than one
    // segment's. Nothing when it takes a job, since what is near is not in the page cache, say: then
    // `view(limit)` reads the same. REQUIRES: start <= from <= limit <= end.
    std::optional<Result<Slice>> read(Offset from, LogPoint limit, std::size_t bytes_max,
                                      bool at_least_one) const;
    // For jobs: the segment that holds `from` and those behind it, `segments_max` of them, up to `limit`.
    LogView view(Offset from, LogPoint limit, std::int32_t leader_epoch, Timestamp wall,
                 std::size_t segments_max = SIZE_MAX) const;
    // What a job has found out, while its segment may have gone.
    void learn(const SegmentNews& news);

    // The epochs of what is here, each with the first offset of it (KIP-101).
    const std::vector<EpochStart>& epochs() const { return epochs_; }

    // Moves the log start offset on; gives the segments that lie wholly in front of it, and whose files may
    // be removed once the new start is on the disk. REQUIRES: start <= to <= end.
    std::vector<Segment> advance_start(Offset to);

    // `made` has been compacted out of what lies in [made.base, made.name().end), and takes its place; of
    // that segments at the front may have gone meanwhile. Gives those that it replaces; itself when nothing
    // of it is there any more. REQUIRES: the active segment is not among them.
    std::vector<Segment> replace(Segment made);

private:
    Segment& active() { return segments_.back(); }
    const Segment& active() const { return segments_.back(); }
    std::size_t segment_of(Offset offset) const;
    void index_entry(IndexEntry entry);
    std::optional<IndexWrite> begin_index(std::size_t entries) const;

    std::shared_ptr<Directory> directory_;
    std::vector<Segment> segments_;
    Offset start_{};
    LogPoint end_;
    // Of the active segment; positions are its file's.
    std::vector<IndexEntry> tail_;
    IndexEntry newest_;
    std::uint64_t last_entry_position_ = 0;
    Timestamp first_stamp_{-1};
    std::vector<EpochStart> epochs_;
};

// "orders-3.AbCd…": the topic's name cut to 200 bytes, for people; identity is the id and the partition.
std::string partition_directory_name(std::string_view topic, const PartitionId& id);
// Nothing when it is no such name.
std::optional<PartitionId> partition_of_directory(std::string_view name);
// Makes a partition's directory and its empty first segment, durably but for the directory's own name: the
// caller syncs `data` before it uses them, for many that are made at once. For a job. What a crash left half
// made is taken over.
struct MadeLog {
    std::shared_ptr<Directory> directory;
    std::shared_ptr<File> file;
};
Result<MadeLog> make_log(Directory& data, const std::string& name);
// Makes an empty segment, durably. For a job.
Result<std::shared_ptr<File>> make_segment(Directory& directory, Offset base);

}  // namespace fulmar
