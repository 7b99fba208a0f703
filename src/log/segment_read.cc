#include "log/segment_read.h"

#include <algorithm>

#include "base/planted.h"
#include "log/batch_scan.h"
#include "log/batch_walk.h"

namespace fulmar {

using wire::BatchView;

namespace {

bool epoch_fits(const BatchView& batch, std::int32_t most) {
    bool fits = batch.leader_epoch() >= 0 && batch.leader_epoch() <= most;
    return fits || planted(Bug::epoch_not_checked);
}

// The next boundary that the index knows behind a position; the end when there is none, or the index is
// wrong.
Result<LogPoint> known_behind(const SegmentView& view, std::uint64_t position) {
    auto past = view.index.count_where([&](const IndexEntry& e) { return e.at.position <= position; });
    if (!past && past.error() != Error::damaged) return std::unexpected(past.error());
    if (!past || *past >= view.index.size()) return view.end;
    auto next = view.index.entry(*past);
    if (!next && next.error() != Error::damaged) return std::unexpected(next.error());
    return next && next->at.position < view.end.position ? next->at : view.end;
}

// At the batch that holds `from`, or at the end. What is damaged on the way is stepped over, and told; the
// error `damaged` when `from` lies in it. REQUIRES: `start` is a boundary in front of it.
Result<BatchWalk> walk_to(const SegmentView& view, LogPoint start, Offset from, bool& damage) {
    BatchWalk walk(*view.file, start, view.end.position);
    for (;;) {
        auto header = walk.header();
        if (!header && header.error() != Error::damaged) return std::unexpected(header.error());
        if (header && !*header) return walk;
        if (header && (*header)->next_offset() <= from) {
            walk.step(**header);
            continue;
        }
        // Its header may lie; so may that of the batch in front, which has led here.
        auto suspect = header ? walk.at() : walk.previous();
        if (header) {
            if (view.verified.has(walk.at().position / Verified::piece_bytes)) return walk;
            auto batch = walk.batch();
            if (batch) return walk;
            if (batch.error() != Error::damaged) return std::unexpected(batch.error());
        }
        damage = true;
        auto known = known_behind(view, suspect.position);
        if (!known) return std::unexpected(known.error());
        auto behind = boundary_behind(*view.file, suspect, *known, view.leader_epoch_max);
        if (!behind) return std::unexpected(behind.error());
        if (from < behind->offset) return std::unexpected(Error::damaged);
        walk = BatchWalk(*view.file, *behind, view.end.position);
    }
}
// The same, by the index; where that leads astray, from the segment's start.
Result<BatchWalk> find(const SegmentView& view, Offset from, bool& index_damaged) {
    LogPoint start{view.index.base(), 0};
    bool damage = false;
    auto entry = view.index.before_offset(from);
    if (!entry && entry.error() != Error::damaged) return std::unexpected(entry.error());
    if (entry && entry->at.position < view.end.position && entry->at != start) {
        BatchWalk there(*view.file, entry->at, view.end.position);
        bool begins = there.header().has_value() || planted(Bug::index_trusted);
        if (begins) return walk_to(view, entry->at, from, damage);
    }
    // The log may be damaged just there, and the index right: then there is no way around that either.
    auto walk = walk_to(view, start, from, damage);
    index_damaged = walk.has_value() && !damage && !(entry && entry->at == start);
    return walk;
}

Result<std::optional<Slice>> slice_at(const SegmentView& view, BatchWalk& walk, std::size_t bytes_max,
                                      bool at_least_one) {
    auto header = walk.header();
    if (!header) return std::unexpected(header.error());
    if (!*header) return std::optional<Slice>();
    auto first = walk.at();
    auto there = view.end.position - first.position, least = std::uint64_t((*header)->size());
    if (least > bytes_max) there = at_least_one ? least : 0;
    if (there == 0) return std::optional(Slice{});
    auto length = std::min(there, std::max<std::uint64_t>(least, bytes_max));
    return std::optional(Slice{{view.file, first.position, length}, first.offset, least, false});
}

// On to the first batch with records. Where none follows, or damage does, it stays: true when nothing is left
// to be found in this segment.
Result<bool> pass_empty(const SegmentView& view, BatchWalk& walk) {
    auto stay = [&, start = walk.at()] { walk = BatchWalk(*view.file, start, view.end.position); };
    for (bool first = true;; first = false) {
        auto header = walk.header();
        if (!header && header.error() != Error::damaged) return std::unexpected(header.error());
        if (header && !*header) {
            stay();
            return !first;
        }
        if (header && first && (*header)->count() > 0) return false;
        auto batch = header ? walk.batch() : std::unexpected(header.error());
        if (!batch && batch.error() != Error::damaged) return std::unexpected(batch.error());
        if (!batch || !epoch_fits(*batch, view.leader_epoch_max)) {
            stay();
            return false;
        }
        if (batch->count() > 0) return false;
        walk.step(*batch);
    }
}

// The end of the last right batch in [from, until). REQUIRES: `from` is a boundary.
Result<LogPoint> right_until(const SegmentView& view, LogPoint from, std::uint64_t until) {
    BatchWalk walk(*view.file, from, view.end.position);
    while (walk.at().position < until) {
        auto header = walk.header();
        if (!header && header.error() == Error::damaged) break;
        if (!header) return std::unexpected(header.error());
        if (!*header) break;
        auto batch = walk.batch();
        if (!batch && batch.error() == Error::damaged) break;
        if (!batch) return std::unexpected(batch.error());
        if (!epoch_fits(*batch, view.leader_epoch_max)) break;
        walk.step(*batch);
    }
    return walk.at();
}

// Whether every batch that begins in the piece is right.
Result<bool> piece_is_right(const SegmentView& view, std::uint64_t piece) {
    auto begin = piece * Verified::piece_bytes,
         end = std::min(begin + Verified::piece_bytes, view.end.position);
    auto entry = view.index.before_position(begin);
    if (!entry && entry.error() != Error::damaged) return std::unexpected(entry.error());
    BatchWalk walk(*view.file, entry ? entry->at : LogPoint{view.index.base(), 0}, view.end.position);
    while (walk.at().position < begin) {
        auto header = walk.header();
        if (!header && header.error() == Error::damaged) return false;
        if (!header) return std::unexpected(header.error());
        if (!*header) return true;
        walk.step(**header);
    }
    auto until = right_until(view, walk.at(), end);
    if (!until) return std::unexpected(until.error());
    return until->position >= end;
}

}  // namespace

bool Verified::covers(std::uint64_t position, std::uint64_t length) const {
    for (auto piece = position / piece_bytes; piece * piece_bytes < position + length; ++piece)
        if (!has(piece)) return false;
    return true;
}

Result<SegmentSlice> read_segment(const SegmentView& view, Offset from, std::size_t bytes_max,
                                  bool at_least_one) {
    SegmentSlice found;
    auto walk = find(view, from, found.index_damaged);
    if (!walk) return std::unexpected(walk.error());
    auto empty = pass_empty(view, *walk);
    if (!empty) return std::unexpected(empty.error());
    auto slice = slice_at(view, *walk, bytes_max, at_least_one);
    if (!slice) return std::unexpected(slice.error());
    found.slice = std::move(*slice);
    if (found.slice) found.slice->without_records = *empty;
    if (!found.slice || found.slice->range.length == 0) return found;
    LogPoint first{found.slice->base, found.slice->range.position};
    auto& length = found.slice->range.length;

    bool all_right = true;
    auto verified = view.verified;
    for (auto piece = first.position / Verified::piece_bytes;
         piece * Verified::piece_bytes < first.position + length; ++piece) {
        if (verified.has(piece)) continue;
        auto right = piece_is_right(view, piece);
        if (!right) return std::unexpected(right.error());
        if (*right) found.verified.push_back(piece);
        else all_right = false;
    }
    if (!all_right) {  // Then what is asked for is looked at by itself: damage costs its own batch alone.
        auto until = right_until(view, first, first.position + length);
        if (!until) return std::unexpected(until.error());
        if (until->position == first.position) return std::unexpected(Error::damaged);
        length = std::min(length, until->position - first.position);
    }
    return found;
}

Result<std::optional<Slice>> read_from(const SegmentView& view, LogPoint near, Offset from,
                                       std::size_t bytes_max, bool at_least_one) {
    bool damage = false;
    auto walk = walk_to(view, near, from, damage);
    if (!walk) return std::unexpected(walk.error());
    return slice_at(view, *walk, bytes_max, at_least_one);
}

Result<std::vector<IndexEntry>> index_entries(const SegmentView& view, std::uint64_t interval_bytes,
                                              Timestamp appended) {
    std::vector<IndexEntry> entries;
    LogPoint start{view.index.base(), 0};
    BatchWalk walk(*view.file, start, view.end.position);
    IndexEntry here{.at = start};
    std::uint64_t last_position = 0;
    for (;;) {
        auto header = walk.header();
        if (!header && header.error() != Error::damaged) return std::unexpected(header.error());
        if (!header) {
            auto behind = boundary_behind(*view.file, walk.at(), view.end, view.leader_epoch_max);
            if (!behind) return std::unexpected(behind.error());
            walk = BatchWalk(*view.file, here.at = *behind, view.end.position);
            here.appended_before = appended;  // As of all that is made anew.
            continue;
        }
        if (!*header) break;
        if (here.at.position - last_position >= interval_bytes) {
            entries.push_back(here);
            last_position = here.at.position;
        }
        here.largest_before = std::max(here.largest_before, (*header)->max_timestamp());
        here.appended_before = appended;
        walk.step(**header);
        here.at = walk.at();
    }
    here.at = view.end;
    if (here.at.position > last_position) entries.push_back(here);
    return entries;
}

}  // namespace fulmar
