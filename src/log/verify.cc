#include "log/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "log/compaction_state.h"
#include "log/epochs_file.h"
#include "log/producer_snapshot.h"
#include "log/sealed_file.h"

namespace fulmar {

namespace {

// Goes through an index beside the scan of its segment.
class IndexCheck {
public:
    explicit IndexCheck(const Index& index) : index_(index) {}
    // The same boundary may come twice: a log that is opened and closed ends with its end again.
    Result<> load() {
        while (n_ < index_.size()) {
            auto entry = index_.entry(n_);
            if (!entry && entry.error() != Error::damaged) return std::unexpected(entry.error());
            if (entry && (!last_ || (entry->at.position >= last_->at.position &&
                                     entry->at.offset >= last_->at.offset))) {
                here_ = *entry;
                return {};
            }
            right_ = false;
            ++n_;
        }
        here_.reset();
        return {};
    }
    // A boundary of the segment: what begins there has an offset from `low` to `high`, and `largest` is the
    // largest stamp in front of it.
    Result<> boundary(std::uint64_t position, Offset low, Offset high, Timestamp largest) {
        while (here_ && here_->at.position <= position) {
            bool fits = here_->at.position == position && here_->at.offset >= low &&
                        here_->at.offset <= high && here_->largest_before >= largest;
            right_ &= fits;
            if (auto gone = on(); !gone) return gone;
        }
        return {};
    }
    // What points into damage cannot be held against anything.
    Result<> skip(std::uint64_t until) {
        while (here_ && here_->at.position < until)
            if (auto gone = on(); !gone) return gone;
        return {};
    }
    // Where the entries end that make sense, behind the segment's own end or not.
    std::optional<IndexEntry> here() const { return here_; }
    const std::optional<IndexEntry>& last() const { return last_; }
    bool right() const { return right_; }

private:
    Result<> on() {
        last_ = here_;
        ++n_;
        return load();
    }
    const Index& index_;
    std::uint32_t n_ = 0;
    std::optional<IndexEntry> here_, last_;
    bool right_ = true;
};

class Audit {
public:
    Audit(Directory& data, const PartitionId& id, const std::string& name, const RecoveryPoint& point,
          const AuditRules& rules)
        : data_(data), point_(point), rules_(rules) {
        audit_.id = id;
        audit_.directory = name;
        audit_.point = point;
    }
    Result<PartitionAudit> run();

private:
    Result<> read_names();
    Result<> read_epochs();
    Result<> read_snapshots();
    Result<> read_segment(std::size_t n);
    Result<std::optional<std::int32_t>> first_epoch(const SegmentName& segment);
    Result<> scan(std::size_t n, const std::shared_ptr<File>& file, const Index& index, IndexCheck& check);
    void end_of_segment(std::size_t n);
    void judge_end();
    Result<> judge_compacted();
    void judge_side_files();

    // Written after the recovery point, in a life that did not end well: no promise was made about it.
    bool unsettled(Offset segment, std::uint64_t position) const {
        if (rules_.clean || audit_.believed) return false;
        return segment > point_.segment || (segment == point_.segment && position >= point_.position);
    }
    bool is_last(std::size_t n) const { return n + 1 == audit_.segments.size(); }
    void given(Offset offset) { audit_.given = std::max(audit_.given, offset); }
    void damaged(std::string file, std::uint64_t position, std::uint64_t bytes, std::optional<Offset> from,
                 std::optional<Offset> until, std::string what) {
        audit_.damage.push_back({std::move(file), position, bytes, from, until, std::move(what)});
    }
    void boundary(std::size_t n, std::uint64_t position, Offset low, Offset high);

    Directory& data_;
    const RecoveryPoint point_;
    const AuditRules& rules_;
    std::shared_ptr<Directory> directory_;
    PartitionFiles files_;
    PartitionAudit audit_;
    bool ended_ = false;  // By a torn tail.
    std::size_t ended_in_ = 0;
    bool point_seen_ = false;
    std::map<std::pair<Offset, std::uint64_t>, std::size_t> snapshots_at_;
};

Result<> Audit::read_names() {
    auto directory = data_.open_directory(audit_.directory);
    if (!directory) return std::unexpected(directory.error());
    directory_ = std::move(*directory);
    auto files = name_partition_files(*directory_);
    if (!files) return std::unexpected(files.error());
    files_ = std::move(*files);
    auto& bases = files_.segments;
    std::size_t gone = 0;  // As recovery: what lies in front of the log start was to be removed.
    while (gone + 1 < bases.size() && bases[gone + 1].base <= point_.log_start &&
           bases[gone].base < point_.segment)
        ++gone;
    bases.erase(bases.begin(), bases.begin() + std::ptrdiff_t(gone));
    auto first = bases.empty() ? Offset{INT64_MAX} : bases.front().base;
    for (auto& alone : files_.indexes_alone) {
        if (alone.base < first) continue;
        audit_.indexes_alone.push_back(alone);
        given(alone.base);
    }
    bool point_there = std::ranges::binary_search(bases, point_.segment, {}, &SegmentName::base);
    audit_.believed = rules_.checkpoint_damaged || (point_.offset > Offset{0} && !point_there &&
                                                    !bases.empty() && bases.back().base > point_.segment);
    return {};
}

Result<> Audit::read_epochs() {
    if (!files_.epochs) return {};
    auto epochs = fulmar::read_epochs(*directory_);
    if (!epochs) return std::unexpected(epochs.error());
    auto rises = [](const EpochStart& a, const EpochStart& b) {
        return a.epoch >= b.epoch || a.start > b.start;
    };
    audit_.epochs_right = !epochs->empty() && std::ranges::adjacent_find(*epochs, rises) == epochs->end();
    if (!audit_.epochs_right) {
        damaged(epochs_file_name, 0, 0, {}, {}, "is not what was written");
        return {};
    }
    audit_.epochs = std::move(*epochs);
    given(audit_.epochs.back().start);
    return {};
}

Result<> Audit::read_snapshots() {
    for (auto at : files_.snapshots) {
        auto snapshot = read_snapshot(*directory_, at);
        if (!snapshot) return std::unexpected(snapshot.error());
        auto& known = audit_.snapshots.emplace_back();
        known.at = at;
        if (!*snapshot) continue;
        known.segment = (*snapshot)->segment;
        known.position = (*snapshot)->position;
        given(at);
        bool no_use = files_.segments.empty() || at <= files_.segments.front().base;
        // Of a segment that is gone, as compaction leaves it: nobody goes by it.
        no_use |= !files_.segments.empty() && at <= files_.segments.back().base &&
                  !std::ranges::binary_search(files_.segments, known.segment, {}, &SegmentName::base);
        // In a compacted segment it does not stand where it says, and counts by its offset.
        auto after = std::ranges::upper_bound(files_.segments, at, {}, &SegmentName::base);
        no_use |= after != files_.segments.begin() && std::prev(after)->compacted();
        if (unsettled(known.segment, known.position) || no_use) known.right = true;
        else snapshots_at_[{known.segment, known.position}] = audit_.snapshots.size() - 1;
    }
    return {};
}

void Audit::boundary(std::size_t n, std::uint64_t position, Offset low, Offset high) {
    auto base = audit_.segments[n].base;
    if (auto at = snapshots_at_.find({base, position}); at != snapshots_at_.end()) {
        auto& snapshot = audit_.snapshots[at->second];
        snapshot.right = snapshot.at >= low && snapshot.at <= high;
    }
    bool point = !audit_.believed && point_.offset > Offset{0} && base == point_.segment &&
                 position == point_.position;
    if (!point) return;
    point_seen_ = true;
    audit_.point_right = point_.offset >= low && point_.offset <= high;
    if (!audit_.point_right)
        damaged("", 0, 0, {}, {},
                fmt::format("the checkpoint says that offset {} stands at byte {} of {}, and it is {}",
                            std::to_underlying(point_.offset), position,
                            log_file_name(audit_.segments[n].name), std::to_underlying(low)));
}

Result<std::optional<std::int32_t>> Audit::first_epoch(const SegmentName& segment) {
    auto none = std::optional<std::int32_t>();
    auto file = directory_->open(log_file_name(segment));
    if (!file) return std::unexpected(file.error());
    auto size = (*file)->size();
    if (!size) return std::unexpected(size.error());
    Window window(**file, *size);
    auto batch = valid_batch(window, 0, *size, std::nullopt, INT32_MAX);
    if (!batch) return std::unexpected(batch.error());
    return *batch ? std::optional((*batch)->leader_epoch()) : none;
}

Result<> Audit::scan(std::size_t n, const std::shared_ptr<File>& file, const Index& index,
                     IndexCheck& check) {
    auto& segment = audit_.segments[n];
    ScanRules rules{.base = segment.base, .size = segment.size, .index = &index};
    rules.next_base = files_.end_of(n);
    if (!is_last(n)) {
        auto epoch = first_epoch(files_.segments[n + 1]);
        if (!epoch) return std::unexpected(epoch.error());
        rules.next_epoch = *epoch;
    }
    rules.one_epoch = !files_.epochs;
    bool point_here = !audit_.believed && point_.offset > Offset{0} && segment.base == point_.segment &&
                      point_.position > 0 && point_.position <= segment.size;
    if (point_here) rules.known = LogPoint{point_.offset, point_.position};
    if (n > 0) rules.leader_epoch_min = audit_.segments[n - 1].epoch;
    if (!audit_.epochs.empty()) rules.leader_epoch_max = audit_.epochs.back().epoch;
    SegmentScan scan(file, rules);
    Timestamp largest{-1};
    segment.end = {segment.base, 0};
    bool missing_in_front = false;
    for (;;) {
        auto before = scan.at();
        auto piece = scan.next();
        if (!piece) return std::unexpected(piece.error());
        // What stands where something is missing may have been told of from either side.
        auto high = *piece && (*piece)->missing() ? (*piece)->until : before.offset;
        if (!missing_in_front) boundary(n, before.position, before.offset, high);
        bool settled = !unsettled(segment.base, before.position) || before.position == point_.position;
        if (settled && !missing_in_front)
            if (auto held = check.boundary(before.position, before.offset, high, largest); !held) return held;
        missing_in_front = *piece && (*piece)->missing();
        if (!*piece) return {};
        if (rules_.progress && !rules_.progress((*piece)->bytes)) return std::unexpected(Error::closed);
        audit_.bytes += (*piece)->bytes;
        if ((*piece)->damaged()) {
            if (unsettled(segment.base, (*piece)->position)) {
                ended_ = true;
                ended_in_ = n;
                audit_.torn_bytes = segment.size - (*piece)->position;
                return {};
            }
            segment.damaged.push_back(**piece);
            if (auto past = check.skip((*piece)->end()); !past) return past;
            continue;
        }
        auto& batch = *(*piece)->batch;
        auto records = std::max(batch.count(), 0);
        auto left_out = ((*piece)->until - (*piece)->from) - records;
        audit_.offsets_left_out += std::uint64_t(std::max<std::int64_t>(left_out, 0));
        audit_.holes += records == 0 && !batch.has_producer();
        ++audit_.batches;
        auto& epochs = audit_.epochs_seen;
        if (epochs.empty() || epochs.back().epoch < batch.leader_epoch())
            epochs.push_back({batch.leader_epoch(), batch.base_offset()});
        audit_.records += std::uint64_t(records);
        largest = std::max(largest, batch.max_timestamp());
        if (segment.end.position == 0) segment.first_epoch = batch.leader_epoch();
        segment.end = {(*piece)->until, (*piece)->end()};
        segment.epoch = batch.leader_epoch();
    }
}

// What is missing between the segment's end and where the next one begins, or where its own name says.
void Audit::end_of_segment(std::size_t n) {
    auto& segment = audit_.segments[n];
    auto end = segment.end.offset;
    if (!segment.damaged.empty()) end = std::max(end, segment.damaged.back().until);
    auto goes_to = [&](Offset until) {
        if (ended_ || end >= until) return;
        if (unsettled(segment.base, segment.size)) {
            ended_ = true;
            ended_in_ = n;
            return;
        }
        segment.damaged.push_back({.kind = ScanPiece::Kind::unreadable,
                                   .position = segment.size,
                                   .from = end,
                                   .until = until,
                                   .leader_epoch = segment.epoch});
        end = until;
    };
    if (segment.name.compacted()) goes_to(segment.name.end);
    if (!is_last(n)) goes_to(files_.segments[n + 1].base);
}

Result<> Audit::read_segment(std::size_t n) {
    auto& name = files_.segments[n];
    auto base = name.base;
    auto file = directory_->open(log_file_name(name));
    if (!file) return std::unexpected(file.error());
    auto size = (*file)->size();
    if (!size) return std::unexpected(size.error());
    auto index = Index::open(*directory_, name);
    if (!index) return std::unexpected(index.error());
    auto& segment = audit_.segments[n];
    segment.size = *size;
    segment.epoch = n > 0 ? audit_.segments[n - 1].epoch : 0;
    if (ended_) {
        audit_.torn_bytes += *size;
        segment.end = {base, 0};
        return {};
    }
    IndexCheck check(*index);
    if (auto loaded = check.load(); !loaded) return loaded;
    if (auto scanned = scan(n, *file, *index, check); !scanned) return scanned;
    bool settled = !unsettled(base, *size);
    bool beyond = settled && check.here().has_value();
    segment.index_right = check.right() && !beyond;
    if (check.here()) given(check.here()->at.offset);
    if (auto& last = check.last()) given(last->at.offset);
    if (segment.index_right && check.last() && check.last()->at.position == *size)
        segment.appended = check.last()->appended_before;
    else if (base == point_.segment) segment.appended = point_.appended;
    end_of_segment(n);
    return {};
}

// Where the log ends, and whether that is where it ended.
void Audit::judge_end() {
    if (audit_.segments.empty()) {
        audit_.end_lost = point_.offset > Offset{0};
        if (audit_.end_lost)
            damaged("", 0, 0, point_.log_start, point_.offset,
                    audit_.directory.empty() ? "its directory is missing, unless its topic was being deleted"
                                             : "its segments are missing");
        return;
    }
    auto& last = audit_.segments.back();
    auto& ends = ended_ ? audit_.segments[ended_in_] : last;
    audit_.end = ends.end.offset;
    if (!ends.damaged.empty() && ends.damaged.back().until_known)
        audit_.end = std::max(audit_.end, ends.damaged.back().until);
    audit_.end_segment = ends.base;
    audit_.end_position = std::max(ends.end.position, ends.damaged.empty() ? 0 : ends.damaged.back().end());
    bool tail = !last.damaged.empty() && last.damaged.back().end() == last.size;
    audit_.end_lost = !ended_ && point_.offset > audit_.end && !audit_.believed;
    audit_.active_missing = !ended_ && last.name.compacted();
    if (point_.offset > Offset{0} && !audit_.believed && !audit_.end_lost && !point_seen_) {
        audit_.point_right = false;
        damaged("", 0, 0, {}, {}, "the checkpoint's recovery point is not where a batch ends");
    }
    // What cannot be read at its end may have been anything.
    if (tail && !last.damaged.back().until_known && audit_.believed) audit_.end_lost = true;
    if (audit_.end_lost && tail) {
        last.damaged.back().until_known = false;
    } else if (audit_.end_lost) {
        last.damaged.push_back({.kind = ScanPiece::Kind::unreadable,
                                .position = last.size,
                                .from = audit_.end,
                                .until = audit_.end,
                                .until_known = false,
                                .leader_epoch = last.epoch});
    }
}

// Nobody needs the file: without it the log is compacted again.
Result<> Audit::judge_compacted() {
    if (!directory_ || audit_.segments.empty()) return {};
    auto state = read_compaction_state(*directory_);
    if (!state) return std::unexpected(state.error());
    audit_.compacted_too_far = state->until > (audit_.end_lost ? audit_.given : audit_.end);
    if (audit_.compacted_too_far)
        damaged(compacted_file_name, 0, 0, {}, {},
                fmt::format("says that the log is compacted up to offset {}, which ends at {}",
                            std::to_underlying(state->until), std::to_underlying(audit_.end)));
    return {};
}

void Audit::judge_side_files() {
    if (audit_.active_missing && !audit_.end_lost)
        damaged("", 0, 0, {}, {}, "the segment that it goes on in is missing");
    for (auto& segment : audit_.segments) {
        for (auto& piece : segment.damaged) {
            bool end = !piece.until_known;
            auto until = end ? std::max(point_.offset, piece.from) : piece.until;
            auto what = std::string("is not what was written");
            if (piece.kind == ScanPiece::Kind::misplaced) what = "a right batch with a wrong offset or epoch";
            else if (end && !audit_.end_lost) what = "what stands behind the end was never written there";
            else if (piece.bytes == 0)
                what = end ? "the log ends in front of what was durable" : "what was here is missing";
            damaged(log_file_name(segment.name), piece.position, piece.bytes, piece.from, until, what);
        }
        if (!segment.index_right)
            damaged(index_file_name(segment.name), 0, 0, {}, {}, "does not fit its segment");
    }
    for (auto& snapshot : audit_.snapshots)
        if (!snapshot.right)
            damaged(snapshot_file_name(snapshot.at), 0, 0, {}, {},
                    "is not what was written, or fits no batch");
}

Result<PartitionAudit> Audit::run() {
    if (!audit_.directory.empty()) {
        if (auto read = read_names(); !read) return std::unexpected(read.error());
        if (auto read = read_epochs(); !read) return std::unexpected(read.error());
        if (auto read = read_snapshots(); !read) return std::unexpected(read.error());
    }
    given(point_.offset);
    for (auto& name : files_.segments) {
        given(name.compacted() ? name.end : name.base);
        auto& segment = audit_.segments.emplace_back();
        segment.name = name;
        segment.base = name.base;
    }
    audit_.start = point_.log_start;
    if (!audit_.segments.empty()) {
        auto first = audit_.segments.front().base;
        if (point_.offset == Offset{0} || rules_.checkpoint_damaged)
            audit_.start = std::max(first, audit_.start);
        if (first > audit_.start) damaged("", 0, 0, audit_.start, first, "the segments in front are missing");
    }
    for (std::size_t n = 0; n < audit_.segments.size(); ++n)
        if (auto read = read_segment(n); !read) return std::unexpected(read.error());
    judge_end();
    if (auto judged = judge_compacted(); !judged) return std::unexpected(judged.error());
    judge_side_files();
    given(audit_.end);
    return std::move(audit_);
}

}  // namespace

Result<PartitionAudit> audit_partition(Directory& data, const PartitionId& id, const std::string& directory,
                                       const RecoveryPoint& point, const AuditRules& rules) {
    return Audit(data, id, directory, point, rules).run();
}

}  // namespace fulmar
