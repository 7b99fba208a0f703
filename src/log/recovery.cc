#include "log/recovery.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log_sink.h"
#include "base/planted.h"
#include "log/batch_scan.h"
#include "log/batch_walk.h"
#include "log/epochs_file.h"
#include "log/partition_files.h"
#include "log/producer_snapshot.h"

namespace fulmar {

using wire::BatchView;

namespace {

class Recovery {
public:
    Recovery(Directory& data, const std::string& name, const RecoveryPoint& point, const RecoveryRules& rules)
        : data_(data), name_(name), point_(point), rules_(rules) {}
    Result<Recovered> run();

private:
    // A segment as it is found, and how far it has been read.
    struct Found {
        Segment segment;
        std::uint64_t size = 0;
    };

    Result<> open_segments();
    Result<> find_end_point();
    Result<> settle_index();
    Result<> catch_up();
    Result<> scan();
    Result<> cut_behind();
    Result<> make_durable();
    Result<Recovered> finish();

    Result<LogPoint> walk_batches(std::size_t n, LogPoint from, LogPoint until, bool producers);
    void take(const BatchView& batch, std::uint64_t position);
    Result<> seal(std::size_t n);
    Result<> flush(std::size_t n, std::size_t keep);

    Directory& data_;
    const std::string& name_;
    const RecoveryPoint& point_;
    const RecoveryRules& rules_;

    std::shared_ptr<Directory> directory_;
    PartitionFiles files_;
    std::vector<Found> found_;
    // Where the reading of checksums begins: a boundary in the segment `at_`, its position one in that file.
    std::size_t at_ = 0;
    LogPoint from_;
    bool lost_ = false;
    bool synced_ = false;  // The segment `at_`, as it is.

    // What stands in front of the place that has been read up to, in the segment `at_`.
    IndexEntry here_;
    std::uint64_t last_entry_position_ = 0;
    std::vector<IndexEntry> tail_;
    bool indexing_ = false;
    // When what is read was appended, at the latest: nobody knows better, and too early would destroy it.
    Timestamp appended_{-1};
    std::vector<EpochStart> epochs_;
    Offset producers_from_{};  // What they have written in front of it is known.
    Recovered result_;
};

Result<> Recovery::open_segments() {
    auto directory = data_.open_directory(name_);
    if (!directory) return std::unexpected(directory.error());
    directory_ = std::move(*directory);
    auto files = list_partition(data_, *directory_, name_);
    if (!files) return std::unexpected(files.error());
    files_ = std::move(*files);
    auto& names = files_.segments;
    // What lies in front of the log start was to be removed; but not what the recovery point stands in, at
    // its end: a log deleted up to its end goes on in a new segment.
    while (names.size() > 1 && names[1].base <= point_.log_start && names[0].base < point_.segment) {
        if (auto gone = remove_segment(*directory_, names[0]); !gone) return gone;
        names.erase(names.begin());
    }
    std::uint64_t position = 0;
    for (auto& name : names) {
        auto file = directory_->open(log_file_name(name));
        if (!file) return std::unexpected(file.error());
        auto size = (*file)->size();
        if (!size) return std::unexpected(size.error());
        bool indexed = std::ranges::find(files_.indexes, name) != files_.indexes.end();
        auto index = indexed ? Index::open(*directory_, name) : Index(name);
        if (!index) return std::unexpected(index.error());
        found_.push_back({{.base = name.base,
                           .position = position,
                           .file = std::move(*file),
                           .index = std::move(*index),
                           .verified = Verified(*size)},
                          *size});
        position += *size;
    }
    return {};
}

// Where what was durable ends, or what is left of it.
Result<> Recovery::find_end_point() {
    from_ = {found_[0].segment.base, 0};
    if (point_.offset == Offset{0}) return {};
    auto holds = std::ranges::find(found_, point_.segment, [](const Found& f) { return f.segment.base; });
    if (holds != found_.end() && holds->size >= point_.position) {
        at_ = std::size_t(holds - found_.begin());
        from_ = {point_.offset, point_.position};
        // A full segment's end is the next one's beginning, and snapshots may say it so.
        bool full = point_.position == holds->size && at_ + 1 < found_.size();
        if (full && found_[at_ + 1].segment.base == point_.offset) {
            ++at_;
            from_.position = 0;
        }
        return {};
    }
    // Its segment is gone or too short: what is in front of that is there, as far as headers lead.
    lost_ = true;
    auto behind =
        std::ranges::upper_bound(found_, point_.segment, {}, [](const Found& f) { return f.segment.base; });
    if (behind == found_.begin()) return {};
    at_ = std::size_t(behind - found_.begin()) - 1;
    auto& last = found_[at_];
    auto entry = last.segment.index.before_position(last.size);
    LogPoint start = entry ? entry->at : LogPoint{last.segment.base, 0};
    auto end = walk_batches(at_, start, {Offset{INT64_MAX}, last.size}, false);
    if (!end) return std::unexpected(end.error());
    from_ = *end;
    return {};
}

// Of the index of the segment with the recovery point, what stands in front of that; of later ones nothing.
Result<> Recovery::settle_index() {
    for (auto n = at_; n < found_.size(); ++n) {
        auto& index = found_[n].segment.index;
        std::uint32_t kept = 0;
        here_ = {.at = {found_[n].segment.base, 0}};
        if (n == at_) {
            auto counted = index.count_where([&](const IndexEntry& e) {
                return e.at.offset <= from_.offset && e.at.position <= from_.position;
            });
            if (!counted && counted.error() != Error::damaged) return std::unexpected(counted.error());
            kept = counted.value_or(0);
        }
        if (kept == index.size()) continue;
        if (auto cut = index.cut(kept); !cut) return cut;
        // Should they come back after a power cut, they could pass for entries of what is appended now.
        if (auto synced = index.file()->sync(); !synced) return synced;
    }
    here_ = {.at = {found_[at_].segment.base, 0}};
    auto& index = found_[at_].segment.index;
    if (index.size() == 0) return {};
    auto last = index.entry(index.size() - 1);
    if (!last) return std::unexpected(last.error());
    here_ = *last;
    last_entry_position_ = here_.at.position;
    return {};
}

void Recovery::take(const BatchView& batch, std::uint64_t position) {
    if (batch.has_producer() && batch.base_offset() >= producers_from_)
        result_.sequences.appended(Sequences::Batch::of(batch), rules_.clocks.now);
    bool later = epochs_.empty() || batch.leader_epoch() > epochs_.back().epoch;
    if (later && batch.leader_epoch() <= rules_.leader_epoch_max)
        epochs_.push_back({batch.leader_epoch(), batch.base_offset()});
    if (!indexing_ || position < here_.at.position) return;
    if (position - last_entry_position_ >= rules_.index_interval_bytes) {
        tail_.push_back({{batch.base_offset(), position}, here_.largest_before, here_.appended_before});
        last_entry_position_ = position;
    }
    here_.at = {batch.next_offset(), position + batch.size()};
    here_.largest_before = std::max(here_.largest_before, batch.max_timestamp());
    here_.appended_before = std::max(here_.appended_before, appended_);
}

// Takes the batches of the n-th segment from one boundary to another, and steps over what is damaged. Gives
// where it came to. With `apply` off it only looks.
Result<LogPoint> Recovery::walk_batches(std::size_t n, LogPoint from, LogPoint until, bool apply) {
    auto& found = found_[n];
    for (;;) {
        BatchWalk walk(*found.segment.file, from, until.position);
        Result<> went;
        for (;;) {
            auto header = walk.header();
            if (!header) went = std::unexpected(header.error());
            if (!header || !*header) break;
            // With its checksum: what producers have written must not be taken from damage.
            auto batch = walk.batch();
            if (!batch) went = std::unexpected(batch.error());
            if (!batch) break;
            if (apply) take(*batch, walk.at().position);
            walk.step(*batch);
        }
        if (went || (!apply && went.error() == Error::damaged)) return walk.at();
        if (went.error() != Error::damaged) return std::unexpected(went.error());
        log_error("{}: damaged at offset {}; what lies behind it is served", name_,
                  std::to_underlying(walk.at().offset));
        auto known = until;
        auto past = found.segment.index.count_where(
            [&](const IndexEntry& e) { return e.at.position <= walk.at().position; });
        if (past && *past < found.segment.index.size()) {
            auto next = found.segment.index.entry(*past);
            if (next && next->at.position < until.position) known = next->at;
        }
        auto behind = boundary_behind(*found.segment.file, walk.at(), known, rules_.leader_epoch_max);
        if (!behind) return behind;
        from = *behind;
        if (from == until) return until;
    }
}

// What the producers have written, from their newest snapshot up to the recovery point; and what the last
// index entry there does not know yet.
Result<> Recovery::catch_up() {
    auto snapshot = newest_snapshot(*directory_, files_.snapshots, from_.offset);
    if (!snapshot) return std::unexpected(snapshot.error());
    std::size_t n = 0;
    LogPoint start{found_[0].segment.base, 0};
    if (*snapshot) {
        auto& taken = **snapshot;
        auto of = std::ranges::find(found_, taken.segment, [](const Found& f) { return f.segment.base; });
        // That of a segment that was deleted stands in front of all that is there.
        bool in_front = taken.offset <= found_[0].segment.base;
        auto place = of == found_.end() ? found_.size() : std::size_t(of - found_.begin());
        bool here =
            place < at_ ? taken.position <= of->size : place == at_ && taken.position <= from_.position;
        // In a log that was compacted meanwhile it does not stand where it says.
        auto after =
            std::ranges::upper_bound(found_, taken.offset, {}, [](const Found& f) { return f.segment.base; });
        auto holds = after == found_.begin() ? after : std::prev(after);
        bool moved = !in_front && holds->segment.name().compacted();
        if (in_front || here || moved) {
            for (auto& state : taken.producers) result_.sequences.restore(state, rules_.clocks.now);
            if (moved) {
                n = std::size_t(holds - found_.begin());
                start = {holds->segment.base, 0};
                result_.snapshot = {taken.offset, holds->segment.position};
                producers_from_ = taken.offset;
            } else if (!in_front) {
                n = std::size_t(of - found_.begin());
                start = {taken.offset, taken.position};
                result_.snapshot = {taken.offset, of->segment.position + taken.position};
            }
        }
    }
    for (; n < at_; ++n) {
        LogPoint next{found_[n + 1].segment.base, 0};
        if (auto done = walk_batches(n, start, {next.offset, found_[n].size}, true); !done)
            return std::unexpected(done.error());
        start = next;
    }
    appended_ = point_.appended >= Timestamp{0} ? point_.appended : rules_.clocks.wall;
    // The index may stand further behind than the snapshot. Batches that producers are known to have written
    // must not be taken twice, so those in between are only indexed.
    indexing_ = true;
    if (here_.at < start) {
        auto sequences = std::exchange(result_.sequences, {});
        if (auto done = walk_batches(at_, here_.at, start, true); !done) return std::unexpected(done.error());
        result_.sequences = std::move(sequences);
    }
    if (auto done = walk_batches(at_, start, from_, true); !done) return std::unexpected(done.error());
    // Where it was damaged, the headers did not lead here.
    here_.at = from_;
    if (!lost_) here_.appended_before = std::max(here_.appended_before, point_.appended);
    return {};
}

Result<> Recovery::flush(std::size_t n, std::size_t keep) {
    if (tail_.size() <= keep) return {};
    auto count = tail_.size() - keep;
    auto written = found_[n].segment.index.append(*directory_, std::span(tail_).first(count));
    if (!written)
        return written.error() == Error::full || written.error() == Error::exhausted ? Result<>() : written;
    tail_.erase(tail_.begin(), tail_.begin() + std::ptrdiff_t(count));
    return {};
}
// The n-th segment is full: the log goes on in the next.
Result<> Recovery::seal(std::size_t n) {
    if (here_.at.position != last_entry_position_) tail_.push_back(here_);
    if (auto flushed = flush(n, 0); !flushed) return flushed;
    found_[n].segment.last = here_;
    tail_.clear();
    last_entry_position_ = 0;
    here_ = {.at = {here_.at.offset, 0}};
    return {};
}

// Checksums from the recovery point on, through all segments behind it.
Result<> Recovery::scan() {
    found_[at_].segment.verified = Verified(from_.position);
    appended_ = rules_.clocks.wall;
    for (;;) {
        auto& found = found_[at_];
        if (!rules_.clean) {
            // The last life may have ended on a sync that failed; what was read ahead of that is not to be
            // believed.
            if (auto synced = found.segment.file->sync(); !synced) return synced;
            synced_ = true;
            if (auto dropped = found.segment.file->drop_cache(); !dropped) return dropped;
        }
        Window window(*found.segment.file, found.size);
        while (here_.at.position < found.size) {
            auto batch =
                valid_batch(window, here_.at.position, found.size, here_.at.offset, rules_.leader_epoch_max);
            if (!batch) return std::unexpected(batch.error());
            if (!*batch) return {};
            take(**batch, here_.at.position);
            if (tail_.size() >= 2 * PartitionLog::tail_entries)
                if (auto flushed = flush(at_, PartitionLog::tail_entries); !flushed) return flushed;
        }
        bool goes_on = at_ + 1 < found_.size() && found_[at_ + 1].segment.base == here_.at.offset;
        if (!goes_on || found.size == 0) return {};
        if (auto sealed = seal(at_); !sealed) return sealed;
        ++at_;
        synced_ = false;
        found_[at_].segment.verified = Verified();
    }
}

// What stands behind the end belongs to no log.
Result<> Recovery::cut_behind() {
    auto& last = found_[at_];
    auto end = here_.at;
    std::uint64_t behind = last.size - end.position;
    for (auto n = at_ + 1; n < found_.size(); ++n) behind += found_[n].size;
    // One that was compacted has ended for good, with the offset in its name.
    bool ended = last.segment.name().compacted();
    if (lost_ || ended || (behind > 0 && rules_.clean)) {
        result_.damaged = true;
        log_error(
            "{}: damaged at offset {} (byte {} of {}): nobody knows where it ended, so it is served up to "
            "there, and nothing is appended until `fulmar log repair` has seen to it",
            name_, std::to_underlying(end.offset), end.position, last.size);
        found_.resize(at_ + 1);
        return {};
    }
    bool later = false;
    for (auto n = at_ + 1; n < found_.size(); ++n) later |= found_[n].size > 0;
    if (last.size > end.position) {
        Window window(*last.segment.file, last.size);
        auto follows = valid_batch_follows(window, end.position, last.size, end.offset);
        if (!follows) return std::unexpected(follows.error());
        later |= *follows;
    }
    result_.bytes_cut = behind;
    result_.loss_possible = later;
    if (behind > 0 && later)
        log_warning("{}: {} bytes cut at offset {} although a valid batch follows; kept in quarantine/",
                    name_, behind, std::to_underlying(end.offset));
    else if (behind > 0)
        log_info("{}: torn tail of {} bytes cut at offset {}", name_, behind, std::to_underlying(end.offset));
    while (found_.size() > at_ + 1) {
        auto& segment = found_.back().segment;
        auto file = log_file_name(segment.name());
        if (found_.back().size > 0)
            if (auto moved = move_to_quarantine(data_, *directory_, file, name_ + "." + file); !moved)
                return moved;
        if (auto gone = remove_segment(*directory_, segment.name()); !gone) return gone;
        found_.pop_back();
    }
    if (last.size == end.position) return {};
    if (later) {
        auto as = fmt::format("{}.{}.cut", name_, std::to_underlying(end.offset));
        if (auto kept = keep_in_quarantine(data_, as, *last.segment.file, end.position, last.size); !kept)
            return kept;
    }
    last.size = end.position;
    synced_ = false;
    return last.segment.file->truncate(end.position);
}

// Also what the files' maker may have been killed before it came to: their names.
Result<> Recovery::make_durable() {
    for (auto at : files_.snapshots) {
        if (at <= here_.at.offset) continue;
        auto gone = directory_->remove(snapshot_file_name(at));  // Of what has been cut off.
        if (!gone && gone.error() != Error::missing) return gone;
    }
    // A new segment may be there whose making did not come to its end, also before a clean stop.
    if (rules_.clean && found_[at_].size > 0) return {};
    if (!synced_)
        if (auto synced = found_[at_].segment.file->sync(); !synced) return synced;
    // The one segment that was durable up to the recovery point has its name for good.
    bool nothing_new = point_.offset > Offset{0} && files_.snapshots.empty() && !files_.epochs &&
                       files_.segments == std::vector{SegmentName(point_.segment)};
    if (nothing_new || planted(Bug::directory_not_synced)) return {};
    return directory_->sync();
}

Result<Recovered> Recovery::finish() {
    LogState state;
    state.directory = directory_;
    auto& active = found_[at_];
    state.start = std::max(found_[0].segment.base, point_.log_start);
    // Where segments in front are missing, their offsets are not deleted: they are lost, and said to be so.
    if (point_.offset > Offset{0}) state.start = point_.log_start;
    state.start = std::min(state.start, here_.at.offset);
    state.end = {here_.at.offset, active.segment.position + here_.at.position};
    state.tail = std::move(tail_);
    state.newest = here_;
    if (here_.at.position > 0) {
        BatchWalk first(*active.segment.file, {active.segment.base, 0}, here_.at.position);
        auto header = first.header();
        if (!header && header.error() != Error::damaged) return std::unexpected(header.error());
        state.first_stamp = header && *header ? (*header)->max_timestamp() : here_.largest_before;
    }
    for (auto& found : found_) state.segments.push_back(std::move(found.segment));
    std::erase_if(epochs_, [&](const EpochStart& e) { return e.start >= here_.at.offset; });
    state.epochs = std::move(epochs_);
    result_.log = PartitionLog(std::move(state));
    return std::move(result_);
}

Result<Recovered> Recovery::run() {
    if (auto opened = open_segments(); !opened) return std::unexpected(opened.error());
    if (found_
            .empty()) {  // A crash between the directory and its file; behind a recovery point it is damage.
        result_.damaged = point_.offset > Offset{0};
        return std::move(result_);
    }
    if (files_.epochs) {
        auto epochs = read_epochs(*directory_);
        if (!epochs) return std::unexpected(epochs.error());
        epochs_ = std::move(*epochs);
    }
    if (auto done = find_end_point(); !done) return std::unexpected(done.error());
    if (epochs_.empty() && found_[0].size > 0) {
        BatchWalk first(*found_[0].segment.file, {found_[0].segment.base, 0}, found_[0].size);
        auto header = first.header();
        if (!header && header.error() != Error::damaged) return std::unexpected(header.error());
        if (header && *header && (*header)->leader_epoch() <= rules_.leader_epoch_max)
            epochs_.push_back({(*header)->leader_epoch(), (*header)->base_offset()});
    }
    if (auto done = settle_index(); !done) return std::unexpected(done.error());
    if (auto done = catch_up(); !done) return std::unexpected(done.error());
    if (!lost_)
        if (auto done = scan(); !done) return std::unexpected(done.error());
    if (auto done = cut_behind(); !done) return std::unexpected(done.error());
    if (auto done = make_durable(); !done) return std::unexpected(done.error());
    return finish();
}

}  // namespace

Result<Recovered> recover(Directory& data, const std::string& name, const RecoveryPoint& point,
                          const RecoveryRules& rules) {
    return Recovery(data, name, point, rules).run();
}

}  // namespace fulmar
