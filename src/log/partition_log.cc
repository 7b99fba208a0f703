#include "log/partition_log.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/planted.h"
#include "base/text.h"
#include "log/batch_walk.h"

namespace fulmar {

PartitionLog::PartitionLog(LogState found)
    : directory_(std::move(found.directory)),
      segments_(std::move(found.segments)),
      start_(found.start),
      end_(found.end),
      tail_(std::move(found.tail)),
      newest_(found.newest),
      first_stamp_(found.first_stamp),
      epochs_(std::move(found.epochs)) {
    CHECK(directory_ && !segments_.empty());
    CHECK(newest_.at.position == end_.position - active().position);
    if (!tail_.empty()) last_entry_position_ = tail_.back().at.position;
}
void PartitionLog::attach(std::shared_ptr<Directory> directory, std::shared_ptr<File> file) {
    CHECK(!exists() && directory && file);
    directory_ = std::move(directory);
    segments_.push_back({.base = end_.offset, .file = std::move(file), .index = Index(end_.offset)});
    newest_.at = {end_.offset, 0};
}

std::size_t PartitionLog::segment_of(Offset offset) const {
    auto after = std::ranges::upper_bound(segments_, offset, {}, &Segment::base);
    return after == segments_.begin() ? 0 : std::size_t(after - segments_.begin()) - 1;
}
PartitionLog::Place PartitionLog::place_of(LogPoint at) const {
    auto& segment = segments_[segment_of(at.offset)];
    return {segment.base, at.position - segment.position};
}

void PartitionLog::index_entry(IndexEntry entry) {
    tail_.push_back(entry);
    last_entry_position_ = entry.at.position;
}
std::optional<IndexWrite> PartitionLog::begin_index(std::size_t entries) const {
    if (entries == 0 || planted(Bug::index_never_written)) return std::nullopt;
    return IndexWrite(directory_, active().index, std::span(tail_).first(entries));
}
Result<> PartitionLog::end_index(IndexWrite& write) {
    auto& written = write.outcome_;
    if (written) {
        active().index = std::move(write.index_);
        tail_.erase(tail_.begin(), tail_.begin() + std::ptrdiff_t(write.entries_.size()));
        return {};
    }
    if (written.error() != Error::full && written.error() != Error::exhausted) return written;
    // An index may be coarser than was asked for. It stays in memory, and small.
    while (tail_.size() > 2 * tail_entries) {
        std::size_t kept = 0;
        for (std::size_t i = 0; i < tail_.size(); i += 2) tail_[kept++] = tail_[i];
        tail_.resize(kept);
    }
    return {};
}

void BatchWrite::execute() {
    Bytes parts[] = {batch_.header, batch_.records};
    outcome_ = file_->write(position_, parts);
    if (!outcome_ && outcome_.error() == Error::full) {
        // Some of it may be there. Cut it off, so that no later batch is followed by what is left of it.
        if (!file_->truncate(position_)) outcome_ = std::unexpected(Error::failed);
    }
    if (outcome_ && index_) index_->execute();
}
BatchWrite PartitionLog::begin_append(wire::ProducedBatch& batch, std::int32_t leader_epoch) const {
    CHECK(exists());
    wire::store_place(batch.header, {end_.offset, leader_epoch});
    BatchWrite write(active().file, newest_.at.position, batch);
    if (tail_.size() >= 2 * tail_entries) write.index_ = begin_index(tail_entries);
    return write;
}
Result<> PartitionLog::end_append(BatchWrite& write, std::int32_t leader_epoch, Timestamp wall,
                                  std::uint64_t index_interval_bytes) {
    if (!write.outcome_) return write.outcome_;
    auto position = newest_.at.position;
    CHECK(position == write.position_);
    auto indexed = write.index_ ? end_index(*write.index_) : Result<>();
    auto view = write.batch_.view();
    if (position == 0) first_stamp_ = view.max_timestamp();
    if (planted(Bug::index_never_written)) tail_.insert(tail_.end(), 8, newest_);
    if (position - last_entry_position_ >= index_interval_bytes) index_entry(newest_);
    if (epochs_.empty() || epochs_.back().epoch < leader_epoch)
        epochs_.push_back({leader_epoch, view.base_offset()});
    end_ = {view.next_offset(), end_.position + write.batch_.size()};
    newest_ = {.at = {end_.offset, position + write.batch_.size()},
               .largest_before = std::max(newest_.largest_before, view.max_timestamp()),
               .appended_before = std::max(newest_.appended_before, wall)};
    return indexed;
}
Result<> PartitionLog::append(wire::ProducedBatch& batch, std::int32_t leader_epoch, Timestamp wall,
                              std::uint64_t index_interval_bytes) {
    auto write = begin_append(batch, leader_epoch);
    write.execute();
    return end_append(write, leader_epoch, wall, index_interval_bytes);
}

bool PartitionLog::must_roll(const wire::ProducedBatch& batch, const RollRules& rules, Timestamp wall) const {
    auto size = newest_.at.position;
    if (size == 0) return false;
    auto view = batch.view();
    bool old = first_stamp_ >= Timestamp{0} ? view.max_timestamp() - first_stamp_ > rules.age
                                            : wall - newest_.appended_before > rules.age;
    return size + batch.size() > rules.segment_bytes || old ||
           end_.offset + view.last_offset_delta() - active().base > INT32_MAX ||
           (active().index.size() + tail_.size() + 1) * Index::entry_bytes >= rules.index_bytes_max;
}
std::optional<IndexWrite> PartitionLog::begin_index() {
    if (!exists() || newest_.at.position == 0) return std::nullopt;
    // The end of what is there is a boundary like any other, whatever is appended behind it.
    if (last_entry_position_ != newest_.at.position) index_entry(newest_);
    return begin_index(tail_.size());
}
Result<> PartitionLog::write_index() {
    auto write = begin_index();
    if (!write) return {};
    write->execute();
    return end_index(*write);
}
void PartitionLog::roll(std::shared_ptr<File> file) {
    CHECK(newest_.at.position > 0);
    active().last = newest_;
    segments_.reserve(segments_.size() + 1);  // They are many, and seldom grow: no more than is needed.
    segments_.push_back({.base = end_.offset,
                         .position = end_.position,
                         .file = std::move(file),
                         .index = Index(end_.offset)});
    tail_.clear();
    last_entry_position_ = 0;
    newest_ = {.at = {end_.offset, 0}};
    first_stamp_ = Timestamp{-1};
}
std::vector<std::shared_ptr<File>> PartitionLog::unsynced_files(LogPoint durable) const {
    std::vector<std::shared_ptr<File>> files;
    for (auto n = segments_.size();
         n-- > 0 && (files.empty() || segments_[n + 1].position >= durable.position);) {
        files.push_back(segments_[n].file);
        // What time says of a full segment is read there when it is to be deleted. It is written when the
        // next begins, often with all batches in front of that durable already.
        if (n + 1 < segments_.size() && segments_[n].index.file()) files.push_back(segments_[n].index.file());
    }
    std::ranges::reverse(files);
    return files;
}

std::optional<Result<Slice>> PartitionLog::read(Offset from, LogPoint limit, std::size_t bytes_max,
                                                bool at_least_one) const {
    CHECK(start_ <= from && from <= limit.offset && limit <= end_);
    if (from == limit.offset || !exists()) return Result<Slice>(Slice{});
    if (from < active().base) return std::nullopt;
    auto after = std::ranges::upper_bound(tail_, from, {}, [](const IndexEntry& e) { return e.at.offset; });
    bool from_start = after == tail_.begin();
    if (from_start && active().index.size() > 0) return std::nullopt;
    auto near = from_start ? LogPoint{active().base, 0} : std::prev(after)->at;
    bool cold = near.position < active().verified.unverified_until() || !active().file->cached(near.position);
    if (cold) return std::nullopt;
    SegmentView here{.file = active().file,
                     .index = Index(active().base),
                     .end = {limit.offset, limit.position - active().position}};
    auto slice = read_from(here, near, from, bytes_max, at_least_one);
    if (!slice) return Result<Slice>(std::unexpected(slice.error()));
    if (!*slice) return Result<Slice>(std::unexpected(Error::damaged));  // The index led behind it.
    return Result<Slice>(std::move(**slice));
}
LogView PartitionLog::view(Offset from, LogPoint limit, std::int32_t leader_epoch, Timestamp wall,
                           std::size_t segments_max) const {
    if (!exists()) return {};
    auto first = segment_of(from);
    std::vector<Segment> segments;
    for (auto n = first; n < segments_.size() && n - first < segments_max; ++n) {
        if (n > first && segments_[n].position >= limit.position) break;
        segments.push_back(segments_[n]);
    }
    auto last = first + segments.size() - 1;
    bool active = last + 1 == segments_.size();
    auto end = active ? end_ : LogPoint{segments_[last + 1].base, segments_[last + 1].position};
    return LogView(directory_, std::move(segments), std::min(limit, end), end.offset, leader_epoch, wall,
                   active ? std::optional(tail_) : std::nullopt, end.offset < limit.offset);
}
void PartitionLog::learn(const SegmentNews& news) {
    auto at = std::ranges::lower_bound(segments_, news.segment.base, {}, &Segment::base);
    if (at == segments_.end() || at->name() != news.segment) return;
    for (auto piece : news.verified) at->verified.add(piece);
    for (auto piece : news.doubted) at->verified.doubt(piece);
    bool sealed = at->base != active().base;
    if (news.index && sealed) at->index = *news.index;
    if (news.last && sealed) at->last = news.last;
}

std::vector<Segment> PartitionLog::advance_start(Offset to) {
    CHECK(start_ <= to && to <= end_.offset);
    start_ = to;
    std::size_t gone = 0;
    while (gone + 1 < segments_.size() && segments_[gone + 1].base <= to) ++gone;
    std::vector<Segment> removed(segments_.begin(), segments_.begin() + std::ptrdiff_t(gone));
    segments_.erase(segments_.begin(), segments_.begin() + std::ptrdiff_t(gone));
    std::size_t past = 0;
    while (past + 1 < epochs_.size() && epochs_[past + 1].start <= to) ++past;
    epochs_.erase(epochs_.begin(), epochs_.begin() + std::ptrdiff_t(past));
    if (!epochs_.empty()) epochs_.front().start = std::max(epochs_.front().start, to);
    return removed;
}

std::vector<Segment> PartitionLog::replace(Segment made) {
    auto end = made.name().end;
    auto first = std::ranges::lower_bound(segments_, made.base, {}, &Segment::base);
    auto last = std::ranges::lower_bound(segments_, end, {}, &Segment::base);
    if (first == last) return {std::move(made)};
    // Between it and the next one a segment may have been lost.
    CHECK(made.last && last != segments_.end());
    std::vector<Segment> replaced(first, last);
    // Positions only mean something to each other: what lies in front moves up to what became smaller.
    made.position = last->position - made.last->at.position;
    auto nearer = made.position - first->position;
    for (auto before = segments_.begin(); before != first; ++before) before->position += nearer;
    *first = std::move(made);
    segments_.erase(first + 1, last);
    return replaced;
}

std::string partition_directory_name(std::string_view topic, const PartitionId& id) {
    return fmt::format("{}-{}.{}", topic.substr(0, 200), id.index, to_text(id.topic));
}
std::optional<PartitionId> partition_of_directory(std::string_view name) {
    constexpr std::size_t id_length = 22;
    if (name.size() < id_length + 4) return std::nullopt;
    PartitionId id;
    if (name[name.size() - id_length - 1] != '.' ||
        !from_text(name.substr(name.size() - id_length), id.topic))
        return std::nullopt;
    name.remove_suffix(id_length + 1);
    auto dash = name.rfind('-');
    if (dash == name.npos || dash == 0) return std::nullopt;
    auto index = parse_number<std::int32_t>(name.substr(dash + 1));
    if (!index || *index < 0) return std::nullopt;
    id.index = *index;
    return id;
}
Result<std::shared_ptr<File>> make_segment(Directory& directory, Offset base) {
    auto name = log_file_name(base);
    auto file = directory.create(name);
    if (!file && file.error() == Error::exists) file = directory.open(name);
    if (!file) return file;
    if (planted(Bug::directory_not_synced)) return file;
    if (auto synced = (*file)->sync(); !synced) return std::unexpected(synced.error());
    if (auto synced = directory.sync(); !synced) return std::unexpected(synced.error());
    return file;
}
Result<MadeLog> make_log(Directory& data, const std::string& name) {
    auto directory = open_or_create_directory(data, name);
    if (!directory) return std::unexpected(directory.error());
    auto file = make_segment(**directory, Offset{0});
    if (!file) return std::unexpected(file.error());
    return MadeLog{*directory, *file};
}

}  // namespace fulmar
