#include "log/partition_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/planted.h"
#include "log/batch_walk.h"

namespace fulmar {

using wire::BatchView;

PartitionLog::PartitionLog(std::shared_ptr<File> file, std::vector<IndexEntry> index, LogPoint end,
                           Timestamp largest)
    : file_(std::move(file)), index_(std::move(index)), end_(end), largest_(largest) {
    CHECK(file_ && !index_.empty());
}
void PartitionLog::attach(std::shared_ptr<File> file) {
    CHECK(!exists() && file);
    file_ = std::move(file);
}

Result<> PartitionLog::append(wire::ProducedBatch& batch, std::int32_t leader_epoch) {
    CHECK(exists());
    wire::store_place(batch.header, {end_.offset, leader_epoch});
    Bytes parts[] = {batch.header, batch.records};
    if (auto written = file_->write(end_.position, parts); !written) {
        if (written.error() != Error::full) return written;
        // Some of it may be there. Cut it off, so that no later batch is followed by what is left of it.
        if (auto cut = file_->truncate(end_.position); !cut) return cut;
        return std::unexpected(Error::full);
    }
    note(end_, batch.size(), batch.view().max_timestamp());
    end_ = {batch.view().next_offset(), end_.position + batch.size()};
    return {};
}
void PartitionLog::note(LogPoint at, std::uint64_t, Timestamp largest) {
    if (at.position - index_.back().at.position >= index_interval_bytes) index_.push_back({at, largest_});
    largest_ = std::max(largest_, largest);
}

const PartitionLog::IndexEntry& PartitionLog::entry_before(Offset offset) const {
    auto after = std::ranges::upper_bound(index_, offset, {}, [](const IndexEntry& e) { return e.at.offset; });
    CHECK(after != index_.begin());
    return *std::prev(after);
}

Result<PartitionLog::Slice> PartitionLog::read(Offset from, LogPoint limit, std::size_t bytes_max,
                                               bool at_least_one) const {
    CHECK(from <= limit.offset && limit <= end_);
    if (from == limit.offset || !exists()) return Slice{};
    BatchWalk walk(*file_, entry_before(from).at, limit.position);
    for (;;) {
        auto header = walk.header();
        if (!header) return std::unexpected(header.error());
        if (!*header) return std::unexpected(Error::damaged);  // The index led behind the offset.
        if ((*header)->next_offset() > from) break;
        walk.step(**header);
    }
    auto first = walk.at();
    Slice slice{{file_, first.position, limit.position - first.position}, first.offset};
    if (slice.range.length <= bytes_max) return slice;

    // Too much: up to the last boundary that still fits. The index leads close to it.
    auto beyond = first.position + bytes_max;
    auto after = std::ranges::upper_bound(index_, beyond, {}, [](const IndexEntry& e) { return e.at.position; });
    auto from_entry = std::prev(after)->at;
    if (from_entry.position > first.position) walk = BatchWalk(*file_, from_entry, limit.position);
    for (;;) {
        auto header = walk.header();
        if (!header) return std::unexpected(header.error());
        if (!*header) break;
        bool fits = walk.at().position + (*header)->size() <= beyond;
        bool must = at_least_one && walk.at().position == first.position;
        if (!fits && !must) break;
        walk.step(**header);
        if (!fits) break;
    }
    slice.range.length = walk.at().position - first.position;
    if (slice.range.length == 0) return Slice{};
    return slice;
}

Result<PartitionLog::TimedOffset> PartitionLog::first_record(const BatchView& batch, Timestamp at) const {
    // What is in the log was bounded when it came; this bound only guards against what nobody checked.
    constexpr std::size_t opened_max = 256 << 20;
    TimedOffset found{batch.max_timestamp(), batch.base_offset(), batch.leader_epoch()};
    if (batch.has(wire::attribute::log_append_time)) return found;
    auto codec = wire::Codec(batch.codec_number());
    std::vector<std::byte> opened;
    Bytes records = batch.records();
    if (codec != wire::Codec::none) {
        auto plain = wire::decompress(codec, records, opened_max);
        if (!plain) return found;
        records = opened = std::move(*plain);
    }
    wire::RecordReader reader(records);
    while (auto record = reader.next()) {
        auto stamp = batch.base_timestamp() + Millis(record->timestamp_delta);
        if (stamp >= at) return TimedOffset{stamp, batch.base_offset() + record->offset_delta, batch.leader_epoch()};
    }
    return found;
}
Result<PartitionLog::TimedOffset> PartitionLog::find_time(Timestamp at, LogPoint limit) const {
    if (!exists()) return TimedOffset{};
    // The first batch with such a time stamp lies before the first entry that has it before itself.
    auto after = std::ranges::lower_bound(index_, at, {}, &IndexEntry::largest_before);
    if (after != index_.begin()) --after;
    BatchWalk walk(*file_, after->at, limit.position);
    for (;;) {
        auto header = walk.header();
        if (!header) return std::unexpected(header.error());
        if (!*header) return TimedOffset{};
        if ((*header)->max_timestamp() >= at) {
            auto whole = walk.batch();
            if (!whole) return std::unexpected(whole.error());
            return first_record(BatchView(*whole), at);
        }
        walk.step(**header);
    }
}
Result<PartitionLog::TimedOffset> PartitionLog::find_largest_time(LogPoint limit) const {
    if (!exists() || limit.position == 0) return TimedOffset{};
    auto after = std::ranges::lower_bound(index_, limit.position, {}, [](auto& e) { return e.at.position; });
    if (after != index_.begin()) --after;
    auto largest = after->largest_before;
    for (BatchWalk walk(*file_, after->at, limit.position);;) {
        auto header = walk.header();
        if (!header) return std::unexpected(header.error());
        if (!*header) break;
        largest = std::max(largest, (*header)->max_timestamp());
        walk.step(**header);
    }
    return find_time(largest, limit);
}
Result<std::int32_t> PartitionLog::last_epoch(LogPoint limit) const {
    if (!exists() || limit.position == 0) return -1;
    auto after = std::ranges::lower_bound(index_, limit.position, {}, [](auto& e) { return e.at.position; });
    if (after != index_.begin()) --after;
    std::int32_t epoch = -1;
    for (BatchWalk walk(*file_, after->at, limit.position);;) {
        auto header = walk.header();
        if (!header) return std::unexpected(header.error());
        if (!*header) return epoch;
        epoch = (*header)->leader_epoch();
        walk.step(**header);
    }
}

std::string partition_directory_name(std::string_view topic, const PartitionId& id) {
    return fmt::format("{}-{}.{}", topic.substr(0, 200), id.index, to_text(id.topic));
}
std::optional<PartitionId> partition_of_directory(std::string_view name) {
    constexpr std::size_t id_length = 22;
    if (name.size() < id_length + 4) return std::nullopt;
    PartitionId id;
    if (name[name.size() - id_length - 1] != '.' || !from_text(name.substr(name.size() - id_length), id.topic))
        return std::nullopt;
    name.remove_suffix(id_length + 1);
    auto dash = name.rfind('-');
    if (dash == name.npos || dash == 0) return std::nullopt;
    auto digits = name.substr(dash + 1);
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id.index);
    if (error != std::errc() || end != digits.data() + digits.size() || id.index < 0) return std::nullopt;
    return id;
}
std::string log_file_name(Offset base) { return fmt::format("{:020}.log", std::to_underlying(base)); }

Result<std::shared_ptr<File>> make_log(Directory& data, const std::string& name) {
    auto directory = data.create_directory(name);
    if (!directory && directory.error() == Error::exists) directory = data.open_directory(name);
    if (!directory) return std::unexpected(directory.error());
    auto file_name = log_file_name(Offset{0});
    auto file = (*directory)->create(file_name);
    if (!file && file.error() == Error::exists) file = (*directory)->open(file_name);
    if (!file) return std::unexpected(file.error());
    if (planted(Bug::directory_not_synced)) return *file;
    if (auto synced = (*file)->sync(); !synced) return std::unexpected(synced.error());
    if (auto synced = (*directory)->sync(); !synced) return std::unexpected(synced.error());
    if (auto synced = data.sync(); !synced) return std::unexpected(synced.error());
    return *file;
}

}  // namespace fulmar
