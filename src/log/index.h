// The sparse index of one segment: boundaries between its batches, one every few KiB, each with what time
// says of everything in front of it. A file beside the segment, appended to and never trusted: each entry
// carries its checksum, and whoever follows one checks that a batch begins there. It may end early; one that
// is lost or damaged is made again from the segment (segment_read.h).
//
// An entry, numbers in network order:
//    0  4  offset, less the segment's base      8  8  largest time stamp in front
//    4  4  position in the segment's file      16  8  when the batch in front was appended, wall clock
//   24  4  CRC-32C of the 24 bytes before it
// The last entry of a segment that is full is its end: position is the size of its file.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "base/ids.h"
#include "base/time.h"
#include "log/files.h"
#include "log/segment_name.h"

namespace fulmar {

// A boundary between batches: the offset that begins there, and where that is. In `log/index` and
// `log/segment_read` that is a position in the segment's file, in PartitionLog one in the whole log.
struct LogPoint {
    Offset offset{};
    std::uint64_t position = 0;
    auto operator<=>(const LogPoint&) const = default;
};

struct IndexEntry {
    LogPoint at;
    Timestamp largest_before{-1}, appended_before{-1};  // Within the segment; -1: nothing in front.
    bool operator==(const IndexEntry&) const = default;
};

// Values; appends belong to one thread, reads of what was there when the value was copied to any.
class Index {
public:
    static constexpr std::size_t entry_bytes = 28;
    static constexpr std::uint64_t usual_interval_bytes = 4096;  // index.interval.bytes

    Index() = default;
    explicit Index(SegmentName segment) : segment_(segment) {}
    // What is on the disk; none when there is no file. Half an entry at its end is left out.
    static Result<Index> open(Directory& directory, const SegmentName& segment);

    const SegmentName& segment() const { return segment_; }
    Offset base() const { return segment_.base; }
    std::uint32_t size() const { return size_; }
    const std::shared_ptr<File>& file() const { return file_; }  // Null while nothing was written.
    // `damaged` when it is not what was written.
    Result<IndexEntry> entry(std::uint32_t n) const;
    // The last entry that `in_front` holds for, which must hold for all in front of that; the segment's start
    // when it holds for none.
    template <class InFront>
    Result<IndexEntry> last_where(InFront in_front) const;
    template <class InFront>
    Result<std::uint32_t> count_where(InFront in_front) const;  // How many those are.
    Result<IndexEntry> before_offset(Offset offset) const {     // At or in front of it.
        return last_where([&](const IndexEntry& entry) { return entry.at.offset <= offset; });
    }
    Result<IndexEntry> before_position(std::uint64_t position) const {
        return last_where([&](const IndexEntry& entry) { return entry.at.position <= position; });
    }

    // Makes the file when there is none yet.
    Result<> append(Directory& directory, std::span<const IndexEntry> entries);
    // Keeps the first `entries`.
    Result<> cut(std::uint32_t entries);
    // An index with these entries in place of what stands there, whole or not at all.
    static Result<Index> replace(Directory& directory, const SegmentName& segment,
                                 std::span<const IndexEntry> entries);

    // Only the file, durably, under a name that is not taken.
    static Result<> write_file(Directory& directory, const std::string& name, Offset base,
                               std::span<const IndexEntry> entries);

private:
    SegmentName segment_;
    std::shared_ptr<File> file_;
    std::uint32_t size_ = 0;
};

template <class InFront>
Result<std::uint32_t> Index::count_where(InFront in_front) const {
    std::uint32_t low = 0, high = size_;  // It holds for all below `low`, and for none from `high` on.
    while (low < high) {
        auto middle = low + (high - low) / 2;
        auto found = entry(middle);
        if (!found) return std::unexpected(found.error());
        if (in_front(*found)) low = middle + 1;
        else high = middle;
    }
    return low;
}
template <class InFront>
Result<IndexEntry> Index::last_where(InFront in_front) const {
    auto count = count_where(in_front);
    if (!count) return std::unexpected(count.error());
    return *count == 0 ? Result<IndexEntry>(IndexEntry{.at = {base(), 0}}) : entry(*count - 1);
}

}  // namespace fulmar
