// Reads of a segment that may have to wait for the disk: for jobs. A loop takes a SegmentView of what it
// owns and carries it to a job; appends may go on meanwhile, behind the view's end.
//
// Nothing that comes from the disk is believed: an index entry counts when a batch begins there that says so
// itself, and of what this process has not written itself the checksums are looked at before it leaves, a
// MiB at a time (`Verified` remembers which).
#pragma once

#include <vector>

#include "base/pieces.h"
#include "log/index.h"

namespace fulmar {

// Batches in a file, in front of a limit.
struct Slice {
    FileRange range;
    Offset base{};                  // Of the first batch.
    std::uint64_t first_bytes = 0;  // What that takes.
    bool goes_on = false;           // The log does, behind what there is here: in another segment, say.
    bool without_records = false;   // No batch has any, from here to the segment's end.
};

// Which MiB of a segment were found right in this life. A batch belongs to the one that it begins in.
class Verified {
public:
    static constexpr std::uint64_t piece_bytes = 1 << 20;
    Verified() = default;
    // All from `from` on was written, or read with its checksums, in this life.
    explicit Verified(std::uint64_t from) : from_(from), pieces_((from + piece_bytes - 1) / piece_bytes) {}
    bool has(std::uint64_t piece) const { return piece >= pieces_.size() || pieces_[piece]; }
    bool covers(std::uint64_t position, std::uint64_t length) const;
    void add(std::uint64_t piece) {
        if (piece < pieces_.size()) pieces_[piece] = true;
    }
    // It was right once, and is not any more.
    void doubt(std::uint64_t piece) {
        if (piece >= pieces_.size()) pieces_.resize(piece + 1, true);
        pieces_[piece] = false;
        from_ = std::max(from_, (piece + 1) * piece_bytes);
    }
    std::uint64_t unverified_until() const { return from_; }

private:
    std::uint64_t from_ = 0;
    std::vector<bool> pieces_;
};

struct SegmentView {
    std::shared_ptr<File> file;
    Index index;
    LogPoint end;  // A boundary: the limit, or where the file ends.
    Verified verified{};
    // No batch was written in a later one: no checksum covers a batch's epoch.
    std::int32_t leader_epoch_max = INT32_MAX;
};

struct SegmentSlice {
    std::optional<Slice> slice{};         // Nothing when no batch from `from` on is there.
    std::vector<std::uint64_t> verified;  // Pieces that were found right on the way.
    bool index_damaged = false;
};
// Batches from the one that holds `from` on, up to the view's end, cut to `bytes_max` as PartitionLog::read
// does. What is damaged is not in it: it ends in front of that, and where the first batch is, the error is
// `damaged`. Batches without records are in it only when none with records follows in the segment: a client
// that gets nothing from answer to answer may take what comes next for too large to be sent.
Result<SegmentSlice> read_segment(const SegmentView& view, Offset from, std::size_t bytes_max,
                                  bool at_least_one);

// The same without a look at checksums: of what this process has written. `near`: a boundary at or in front
// of `from`.
Result<std::optional<Slice>> read_from(const SegmentView& view, LogPoint near, Offset from,
                                       std::size_t bytes_max, bool at_least_one);

// The entries of an index, made anew from the batches' headers: `view` is of the whole segment, whose end is
// the last entry. `view.index` only says where it begins.
// `appended`: when the batches were, as far as anybody knows; too late keeps them longer, too early destroys
// them.
Result<std::vector<IndexEntry>> index_entries(const SegmentView& view, std::uint64_t interval_bytes,
                                              Timestamp appended);

}  // namespace fulmar
