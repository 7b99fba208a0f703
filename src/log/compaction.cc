#include "log/compaction.h"

#include <algorithm>

#include "base/log_sink.h"
#include "base/planted.h"
#include "log/partition_files.h"
#include "wire/produced_batch.h"

namespace fulmar {

using wire::BatchView;

namespace {

// Not to be looked into: what they mean depends on more than their keys.
bool stays_as_it_is(const BatchView& batch) {
    return batch.has(wire::attribute::control) || batch.has(wire::attribute::transactional);
}
bool holds_nothing(const BatchView& batch) { return batch.count() == 0 && !batch.has_producer(); }
std::optional<wire::OpenBatch> open(const BatchView& batch) {
    return wire::OpenBatch::open(batch, wire::opened_in_log_bytes_max(batch.size()));
}
std::optional<Timestamp> earlier(std::optional<Timestamp> a, std::optional<Timestamp> b) {
    return a && b ? std::min(*a, *b) : a ? a : b;
}

}  // namespace

Compaction::Compaction(std::shared_ptr<Directory> directory, std::vector<Segment> segments, Offset end,
                       CompactionRules rules)
    : directory_(std::move(directory)),
      rules_(std::move(rules)),
      keys_(rules_.map_bytes_max, rules_.secret),
      until_(end) {
    for (auto& segment : segments) {
        CHECK(segment.last && segment.last->at.offset <= end);
        sources_.push_back({segment, segment.last->at});
    }
    while (at_ + 1 < sources_.size() && sources_[at_ + 1].segment.base <= rules_.from) ++at_;
}

Result<Compaction::Step> Compaction::step(std::uint64_t bytes_max) {
    Step step;
    auto went = mapping_ ? map_more(step, bytes_max) : copy_more(step, bytes_max);
    if (!went) return std::unexpected(went.error());
    return step;
}
Result<> Compaction::give_up() { return made_ ? drop_group() : Result<>(); }

// Nothing at the source's end. `damaged` also when the disk does not give it, or it does not end where it
// should: what comes next has been lost then.
Result<std::optional<BatchView>> Compaction::next_batch() {
    auto& source = sources_[at_];
    if (!walk_) walk_.emplace(*source.segment.file, LogPoint{source.segment.base, 0}, source.end.position);
    auto known = [](Error error) { return error == Error::failed ? Error::damaged : error; };
    auto header = walk_->header();
    if (!header) return std::unexpected(known(header.error()));
    if (!*header && walk_->at().offset == source.end.offset) return std::optional<BatchView>();
    if (!*header) return std::unexpected(Error::damaged);
    auto batch = walk_->batch();
    if (!batch) return std::unexpected(known(batch.error()));
    // No checksum covers it, and what is written anew is believed.
    bool epoch_fits = batch->leader_epoch() >= 0 && batch->leader_epoch() <= rules_.leader_epoch_max;
    if (!epoch_fits) return std::unexpected(Error::damaged);
    return std::optional(*batch);
}

// False when memory is full: then the batch, and what comes behind it, waits for the next pass.
bool Compaction::note_keys(const BatchView& batch) {
    if (batch.next_offset() <= rules_.from || stays_as_it_is(batch)) return true;
    auto records = open(batch);
    if (!records) return true;
    return std::ranges::all_of(records->records(), [&](auto& record) {
        return !record.key || keys_.put(*record.key, records->offset_of(record));
    });
}
Result<> Compaction::map_more(Step& step, std::uint64_t bytes_max) {
    while (step.bytes < bytes_max && mapping_) {
        if (at_ == sources_.size()) {
            mapping_ = false;
            break;
        }
        auto batch = next_batch();
        if (!batch && batch.error() != Error::damaged) return std::unexpected(batch.error());
        if (!batch || !*batch) {
            sources_[at_].damaged = !batch;  // Of its keys not all are known, which only keeps more.
            walk_.reset(), ++at_;
        } else if (!note_keys(**batch)) {
            until_ = (*batch)->base_offset();
            mapping_ = false;
        } else {
            step.bytes += (*batch)->size();
            walk_->step(**batch);
        }
    }
    if (mapping_) return {};
    walk_.reset();
    at_ = 0;
    return {};
}

// As many as fit into one, as they are now.
Result<> Compaction::begin_group(std::size_t first) {
    auto& made = made_.emplace(Made{});
    made.first = first;
    std::uint64_t bytes = 0, entries = 0;
    std::uint32_t generation = 0;
    auto base = sources_[first].segment.base;
    for (made.last = first; made.last < sources_.size(); ++made.last) {
        auto& source = sources_[made.last];
        auto index_bytes = (entries + source.segment.index.size()) * Index::entry_bytes;
        // What lies between two that do not adjoin has been lost, and must stay so.
        bool adjoins = made.last == first || sources_[made.last - 1].end.offset == source.segment.base;
        bool fits = adjoins && !source.damaged && source.segment.base < until_ &&
                    bytes + source.end.position <= rules_.segment_bytes &&
                    index_bytes <= rules_.index_bytes_max && source.end.offset - base <= INT32_MAX;
        if (made.last > first && !fits) break;
        bytes += source.end.position;
        entries += source.segment.index.size();
        generation = std::max(generation, source.segment.name().generation);
    }
    made.name = SegmentName(base, sources_[made.last - 1].end.offset, generation + 1);
    made.here = {.at = {base, 0}};
    made.changed = made.last > first + 1;
    at_ = first;
    auto beside = log_file_name(made.name) + ".tmp";
    if (auto gone = directory_->remove(beside); !gone && gone.error() != Error::missing) return gone;
    auto file = directory_->create(beside);
    if (!file) return std::unexpected(file.error());
    made.file = std::move(*file);
    return {};
}
Result<> Compaction::drop_group() {
    std::vector<std::string> half_made{log_file_name(made_->name) + ".tmp"};
    auto index = index_file_name(made_->name);
    if (made_->index_begun) half_made.insert(half_made.end(), {index + ".tmp", index});
    made_.reset();
    walk_.reset();
    for (auto& name : half_made)
        if (auto gone = directory_->remove(name); !gone && gone.error() != Error::missing) return gone;
    return {};
}

Result<> Compaction::flush() {
    auto& made = *made_;
    if (made.buffer.empty()) return {};
    Bytes part = made.buffer;
    if (auto written = made.file->write(made.written, std::span(&part, 1)); !written) return written;
    made.written += made.buffer.size();
    made.buffer.clear();
    return {};
}
Result<> Compaction::put(Bytes bytes) {
    constexpr std::size_t written_at_once = 1 << 20;
    auto& made = *made_;
    BatchView batch(bytes);
    CHECK(batch.base_offset() == made.here.at.offset);
    auto position = made.here.at.position;
    if (position - made.last_entry_position >= rules_.index_interval_bytes) {
        made.entries.push_back(made.here);
        made.last_entry_position = position;
    }
    // Nobody knows which batch of its segment came when: as late as the last.
    auto appended = sources_[at_].segment.last->appended_before;
    made.here = {.at = {batch.next_offset(), position + bytes.size()},
                 .largest_before = std::max(made.here.largest_before, batch.max_timestamp()),
                 .appended_before = std::max(made.here.appended_before, appended)};
    made.buffer.insert(made.buffer.end(), bytes.begin(), bytes.end());
    return made.buffer.size() >= written_at_once ? flush() : Result<>();
}
Result<> Compaction::fill_gap(Offset until) {
    auto& made = *made_;
    if (!made.gap) return {};
    return put(wire::empty_batch(*std::exchange(made.gap, std::nullopt), until, made.gap_epoch));
}

Result<> Compaction::copy(const BatchView& batch) {
    auto& made = *made_;
    auto keep_whole = [&]() -> Result<> {
        if (auto filled = fill_gap(batch.base_offset()); !filled) return filled;
        return put(batch.bytes());
    };
    if (batch.base_offset() >= until_ || stays_as_it_is(batch)) return keep_whole();
    auto last = rules_.producers.find(batch.producer_id());
    bool last_of_producer = batch.has_producer() && last != rules_.producers.end() &&
                            last->second == batch.last_offset() && !planted(Bug::last_producer_batch_dropped);
    auto leave_out = [&]() -> Result<> {
        // An epoch begins where its first batch does.
        if (made.gap && made.gap_epoch != batch.leader_epoch())
            if (auto filled = fill_gap(batch.base_offset()); !filled) return filled;
        if (!made.gap) made.gap = batch.base_offset(), made.gap_epoch = batch.leader_epoch();
        return {};
    };
    if (holds_nothing(batch)) {
        made.changed |= made.gap.has_value();
        return leave_out();
    }
    auto records = open(batch);
    if (!records) {
        careful_ = true;
        return keep_whole();
    }
    auto horizon = records->delete_horizon();
    bool expired = horizon && *horizon <= rules_.now && !careful_ && !planted(Bug::tombstones_stay);
    if (planted(Bug::tombstones_go_at_once)) expired = true;
    std::vector<bool> keep;
    std::size_t kept = 0;
    bool tombstones = false;
    for (auto& record : records->records()) {
        auto offset = records->offset_of(record);
        auto latest = record.key ? keys_.find(*record.key) : std::nullopt;
        bool superseded = latest && *latest > offset;
        bool gone = !record.value && expired;
        keep.push_back(record.key && !superseded && !gone && offset >= rules_.log_start);
        kept += keep.back();
        tombstones |= keep.back() && !record.value;
    }
    std::optional<Timestamp> new_horizon;
    if (tombstones && !horizon) horizon = new_horizon = rules_.horizon;
    if (tombstones) made.next_horizon = earlier(made.next_horizon, horizon);
    made.records_removed += keep.size() - kept;
    if (kept == 0 && !last_of_producer) {
        made.changed = true;
        return leave_out();
    }
    if (kept == keep.size() && !new_horizon) return keep_whole();
    made.changed = true;
    if (auto filled = fill_gap(batch.base_offset()); !filled) return filled;
    return put(records->with(keep, new_horizon));
}

Result<> Compaction::copy_more(Step& step, std::uint64_t bytes_max) {
    while (step.bytes < bytes_max && !step.made) {
        bool over = !made_ && (at_ == sources_.size() || sources_[at_].segment.base >= until_);
        if (over) {
            step.done = true;
            return {};
        }
        if (!made_ && sources_[at_].damaged) {  // It stays as it is.
            careful_ = true;
            ++at_;
            continue;
        }
        if (!made_)
            if (auto begun = begin_group(at_); !begun) return begun;
        auto batch = next_batch();
        if (!batch && batch.error() != Error::damaged) return std::unexpected(batch.error());
        if (!batch) {  // Then without it, and those behind it go into another.
            log_error("segment {}: damaged at offset {}: it is not compacted",
                      std::to_underlying(sources_[at_].segment.base), std::to_underlying(walk_->at().offset));
            sources_[at_].damaged = true;
            auto first = made_->first;
            if (auto dropped = drop_group(); !dropped) return dropped;
            at_ = first;
            continue;
        }
        if (!*batch) {
            walk_.reset();
            if (++at_ == made_->last)
                if (auto finished = finish_group(step); !finished) return finished;
            continue;
        }
        if (auto copied = copy(**batch); !copied) return copied;
        step.bytes += (*batch)->size();
        walk_->step(**batch);
    }
    return {};
}

Result<> Compaction::finish_group(Step& step) {
    auto& made = *made_;
    auto end = made.name.end;
    --at_;  // For `put`: what fills the gap is as old as the last source.
    auto filled = fill_gap(end);
    ++at_;
    if (!filled) return filled;
    CHECK(made.here.at.offset == end);
    std::uint64_t before = 0;
    for (auto n = made.first; n < made.last; ++n) before += sources_[n].end.position;
    outcome_.bytes_before += before;
    outcome_.bytes_after += made.here.at.position;
    outcome_.records_removed += made.records_removed;
    next_horizon_ = earlier(next_horizon_, made.next_horizon);
    if (!made.changed) return drop_group();

    if (auto flushed = flush(); !flushed) return flushed;
    step.bytes += made.written;
    if (auto synced = made.file->sync(); !synced) return synced;
    if (made.here.at.position != made.last_entry_position) made.entries.push_back(made.here);
    // The index first: with its name the log counts.
    made.index_begun = true;
    auto index = Index::replace(*directory_, made.name, made.entries);
    if (!index) return std::unexpected(index.error());
    if (auto synced = index->file()->sync(); !synced) return synced;
    auto name = log_file_name(made.name);
    if (auto renamed = directory_->rename(name + ".tmp", name); !renamed) return renamed;
    made.index_begun = false;  // It is that of a segment now.
    if (!planted(Bug::compacted_not_synced))
        if (auto synced = directory_->sync(); !synced) return synced;
    auto file = directory_->open(name);
    if (!file) return std::unexpected(file.error());
    step.made = Segment{
        .base = made.name.base, .file = std::move(*file), .index = std::move(*index), .last = made.here};
    made_.reset();
    return {};
}

}  // namespace fulmar
