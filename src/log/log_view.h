// LogView: a partition's log as it was at one moment, for jobs to read while its core goes on appending.
// Segments that are deleted meanwhile stay readable as long as a view holds them. Any thread.
#pragma once

#include "log/segment_read.h"

namespace fulmar {

struct Segment {
    Offset base{};
    std::uint64_t position = 0;  // Of its first byte, in the whole log.
    std::shared_ptr<File> file;
    Index index;
    Verified verified{};
    // Of one that is full: what its index ends with, once somebody has looked.
    std::optional<IndexEntry> last{};

    const SegmentName& name() const { return index.segment(); }
};

// An epoch, and the first offset that a leader of it has written.
struct EpochStart {
    std::int32_t epoch = 0;
    Offset start{};
    bool operator==(const EpochStart&) const = default;
};

// What a job has found out about a segment, for its log to remember.
struct SegmentNews {
    SegmentName segment;
    std::vector<std::uint64_t> verified{}, doubted{};  // Pieces.
    std::optional<Index> index{};                      // One made anew.
    std::optional<IndexEntry> last{};
};

struct TimedOffset {
    Timestamp timestamp{-1};
    Offset offset{-1};
    std::int32_t leader_epoch = -1;
};

class LogView {
public:
    LogView() = default;
    // `tail`: of the log's active segment, when the last one here is that; else it is full up to `end`, which
    // the limit may stand in front of. `more`: the log goes on behind these segments.
    LogView(std::shared_ptr<Directory> directory, std::vector<Segment> segments, LogPoint limit, Offset end,
            std::int32_t leader_epoch, Timestamp wall, std::optional<std::vector<IndexEntry>> tail,
            bool more = false)
        : directory_(std::move(directory)),
          segments_(std::move(segments)),
          limit_(limit),
          end_(end),
          leader_epoch_(leader_epoch),
          wall_(wall),
          tail_(std::move(tail)),
          more_(more) {}

    // As PartitionLog::read, and past what has no records, up to the view's end. `damaged` where the batch
    // that holds `from` is not what was written.
    Result<Slice> read(Offset from, std::size_t bytes_max, bool at_least_one);
    // The first record from `from` on with this time stamp or a later one; offset -1 when there is none.
    Result<TimedOffset> find_time(Offset from, Timestamp at);
    // The largest time stamp from `from` on; -1 when there is nothing.
    Result<Timestamp> largest_time(Offset from);
    // The last entry of the n-th segment's index: what time says of all of it. It is made anew where it is
    // not there or not right, or stamped by a clock that was wrong.
    Result<IndexEntry> last_entry(std::size_t n);
    // Makes the n-th segment's index anew. REQUIRES: it is full.
    Result<> mend_index(std::size_t n);
    Offset base_of(std::size_t n) const { return segments_[n].base; }
    Offset end() const { return limit_.offset; }

    std::size_t size() const { return segments_.size(); }
    std::uint64_t size_of(std::size_t n) const;  // Of the n-th segment, in front of the limit.
    // To be told to the log afterwards.
    const std::vector<SegmentNews>& news() const { return news_; }

private:
    Result<Slice> read_in(std::size_t n, Offset from, std::size_t bytes_max, bool at_least_one);
    Offset end_of(std::size_t n) const;  // Of the n-th segment, or the limit in it.
    bool is_active(std::size_t n) const { return tail_ && n + 1 == segments_.size(); }
    SegmentView part(std::size_t n) const;
    Result<Timestamp> largest_time_in(std::size_t n, LogPoint start, Offset from) const;
    Result<TimedOffset> find_time_in(std::size_t n, LogPoint start, Offset from, Timestamp at) const;
    template <class InFront>
    Result<IndexEntry> last_where(std::size_t n, InFront in_front) const;

    std::shared_ptr<Directory> directory_;
    std::vector<Segment> segments_;  // Those in front of the limit.
    LogPoint limit_;
    Offset end_{};
    std::int32_t leader_epoch_ = INT32_MAX;
    Timestamp wall_{-1};  // When it was taken.
    std::optional<std::vector<IndexEntry>> tail_;
    bool more_ = false;
    std::vector<SegmentNews> news_;
};

}  // namespace fulmar
