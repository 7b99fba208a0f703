#include "log/log_view.h"

#include <algorithm>

#include "base/log_sink.h"
#include "base/planted.h"
#include "core/clock_watch.h"
#include "log/batch_walk.h"
#include "log/timed_record.h"

namespace fulmar {

std::uint64_t LogView::size_of(std::size_t n) const {
    auto end = n + 1 < segments_.size() ? segments_[n + 1].position : limit_.position;
    return end - segments_[n].position;
}
Offset LogView::end_of(std::size_t n) const {
    return n + 1 < segments_.size() ? segments_[n + 1].base : limit_.offset;
}
SegmentView LogView::part(std::size_t n) const {
    auto& segment = segments_[n];
    return {segment.file, segment.index, {end_of(n), size_of(n)}, segment.verified, leader_epoch_};
}

Result<Slice> LogView::read(Offset from, std::size_t bytes_max, bool at_least_one) {
    // The segment that holds it comes first; what lies in no segment has been lost.
    if (segments_.empty() || from < segments_.front().base) return std::unexpected(Error::damaged);
    if (from >= limit_.offset) return Slice{};
    auto slice = read_in(0, from, bytes_max, at_least_one);
    for (std::size_t n = 1; n < segments_.size() && slice && slice->without_records; ++n) {
        auto next = read_in(n, segments_[n].base, bytes_max, at_least_one);
        bool wanted = next ? next->range.length > 0 : next.error() != Error::damaged;
        if (!wanted) break;  // Then what is in front of the damage is for this answer.
        slice = next;
    }
    return slice;
}
Result<Slice> LogView::read_in(std::size_t n, Offset from, std::size_t bytes_max, bool at_least_one) {
    auto found = read_segment(part(n), from, bytes_max, at_least_one);
    if (!found) return std::unexpected(found.error());
    news_.push_back({.segment = segments_[n].name(), .verified = std::move(found->verified)});
    if (found->index_damaged && !is_active(n))
        if (auto mended = mend_index(n); !mended) return std::unexpected(mended.error());
    bool lost = !found->slice && bytes_max > 0;
    if (lost) return std::unexpected(Error::damaged);
    auto slice = found->slice.value_or(Slice{});
    bool to_the_end = slice.range.position + slice.range.length == size_of(n);
    slice.goes_on = to_the_end ? n + 1 < segments_.size() || more_ : slice.range.length < bytes_max;
    return slice;
}

Result<> LogView::mend_index(std::size_t n) {
    auto& segment = segments_[n];
    auto size = segment.file->size();
    if (!size) return std::unexpected(size.error());
    // Of segments that are full nobody else writes the index. Two jobs may; each puts a whole one there.
    SegmentView whole{.file = segment.file,
                      .index = Index(segment.name()),
                      .end = {n + 1 < segments_.size() ? end_of(n) : end_, *size},
                      .leader_epoch_max = leader_epoch_};
    auto entries = index_entries(whole, Index::usual_interval_bytes, wall_);
    if (!entries) return std::unexpected(entries.error());
    log_warning("segment {}: its index was not right, and is made anew", std::to_underlying(segment.base));
    auto made = Index::replace(*directory_, segment.name(), *entries);
    if (made) {
        segment.index = *made;
    } else if (made.error() != Error::full && made.error() != Error::exhausted) {
        return std::unexpected(made.error());
    }
    // Where nothing is left it is as old as this look, too, as long as this life lasts.
    segment.last = entries->empty() ? IndexEntry{.at = whole.end, .appended_before = wall_} : entries->back();
    news_.push_back({.segment = segment.name(),
                     .index = made ? std::optional(segment.index) : std::nullopt,
                     .last = segment.last});
    return {};
}
Result<IndexEntry> LogView::last_entry(std::size_t n) {
    auto& segment = segments_[n];
    CHECK(!is_active(n));
    if (segment.last && !ClockWatch::void_stamp(segment.last->appended_before, wall_)) return *segment.last;
    auto size = segment.file->size();
    if (!size) return std::unexpected(size.error());
    if (auto entries = segment.index.size(); entries > 0) {
        auto last = segment.index.entry(entries - 1);
        if (!last && last.error() != Error::damaged) return last;
        bool void_stamp = last && ClockWatch::void_stamp(last->appended_before, wall_);
        if (last && last->at.position == *size && !void_stamp) {
            segment.last = *last;
            news_.push_back({.segment = segment.name(), .last = *last});
            return *last;
        }
    }
    if (auto mended = mend_index(n); !mended) return std::unexpected(mended.error());
    return segment.last.value_or(IndexEntry{.at = {segment.base, 0}});
}

template <class InFront>
Result<IndexEntry> LogView::last_where(std::size_t n, InFront in_front) const {
    if (is_active(n)) {
        auto after = std::ranges::find_if_not(*tail_, in_front);
        if (after != tail_->begin()) return *std::prev(after);
    }
    auto entry = segments_[n].index.last_where(in_front);
    // A search may begin too early, never too late.
    if (!entry && entry.error() == Error::damaged) return IndexEntry{.at = {segments_[n].base, 0}};
    return entry;
}

Result<TimedOffset> LogView::find_time(Offset from, Timestamp at) {
    for (std::size_t n = 0; n < segments_.size(); ++n) {
        bool whole = n + 1 < segments_.size();
        if (whole) {
            auto last = last_entry(n);
            if (!last) return std::unexpected(last.error());
            if (last->largest_before < at) continue;
        }
        bool late = planted(Bug::time_search_begins_late);
        auto start = last_where(n, [&](const IndexEntry& e) { return e.largest_before < at || late; });
        if (!start) return std::unexpected(start.error());
        auto found = find_time_in(n, start->at, from, at);
        if (!found && found.error() == Error::damaged && start->at.position > 0)  // Led astray?
            found = find_time_in(n, {segments_[n].base, 0}, from, at);
        if (!found || found->offset >= Offset{0}) return found;
    }
    return TimedOffset{};
}
Result<TimedOffset> LogView::find_time_in(std::size_t n, LogPoint start, Offset from, Timestamp at) const {
    for (BatchWalk walk(*segments_[n].file, start, size_of(n));;) {
        auto header = walk.header();
        if (!header) return std::unexpected(header.error());
        if (!*header) return TimedOffset{};
        if ((*header)->max_timestamp() >= at && (*header)->next_offset() > from) {
            auto whole = walk.batch();
            if (!whole) return std::unexpected(whole.error());
            auto found = first_timed_record(*whole, from, at);
            if (found.offset >= Offset{0}) return found;
            walk.step(*whole);
            continue;
        }
        walk.step(**header);
    }
}
Result<Timestamp> LogView::largest_time(Offset from) {
    Timestamp largest{-1};
    for (std::size_t n = 0; n < segments_.size(); ++n) {
        bool whole = n + 1 < segments_.size() && segments_[n].base >= from;
        if (whole) {
            auto last = last_entry(n);
            if (!last) return std::unexpected(last.error());
            largest = std::max(largest, last->largest_before);
            continue;
        }
        // What stands in front of the last entry is known, but for a segment of which a part counts no more.
        bool part = segments_[n].base < from;
        auto near = last_where(
            n, [&](const IndexEntry& e) { return part ? e.at.offset <= from : e.at.position <= size_of(n); });
        if (!near) return std::unexpected(near.error());
        if (!part) largest = std::max(largest, near->largest_before);
        auto found = largest_time_in(n, near->at, from);
        if (!found) return found;
        largest = std::max(largest, *found);
    }
    return largest;
}
Result<Timestamp> LogView::largest_time_in(std::size_t n, LogPoint start, Offset from) const {
    Timestamp largest{-1};
    for (BatchWalk walk(*segments_[n].file, start, size_of(n));;) {
        auto header = walk.header();
        if (!header) return std::unexpected(header.error());
        if (!*header) return largest;
        auto& view = **header;
        if (view.next_offset() > from && view.base_offset() < from) {
            auto batch = walk.batch();
            if (!batch) return std::unexpected(batch.error());
            largest = std::max(largest, largest_record_time(*batch, from));
            walk.step(*batch);
            continue;
        }
        if (view.next_offset() > from) largest = std::max(largest, view.max_timestamp());
        walk.step(view);
    }
}

}  // namespace fulmar
