#include "log/partition_log.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/planted.h"
#include "base/text.h"
#include "log/batch_walk.h"

namespace fulmar {

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
        if (!file_->truncate(end_.position)) return std::unexpected(Error::failed);
        return std::unexpected(Error::full);
    }
    auto interval = planted(Bug::index_never_thinned) ? 1 : index_interval_bytes;
    if (end_.position - index_.back().at.position >= interval) index_.push_back({end_, largest_});
    largest_ = std::max(largest_, batch.view().max_timestamp());
    end_ = {batch.view().next_offset(), end_.position + batch.size()};
    return {};
}
const PartitionLog::IndexEntry& PartitionLog::entry_before(Offset offset) const {
    auto after =
        std::ranges::upper_bound(index_, offset, {}, [](const IndexEntry& e) { return e.at.offset; });
    CHECK(after != index_.begin());
    return *std::prev(after);
}

Result<PartitionLog::Slice> PartitionLog::read(Offset from, LogPoint limit, std::size_t bytes_max,
                                               bool at_least_one) const {
    CHECK(from <= limit.offset && limit <= end_);
    if (from == limit.offset || !exists()) return Slice{};
    for (BatchWalk walk(*file_, entry_before(from).at, limit.position);;) {
        auto header = walk.header();
        if (!header) return std::unexpected(header.error());
        if (!*header) return std::unexpected(Error::damaged);  // The index led behind the offset.
        if ((*header)->next_offset() <= from) {
            walk.step(**header);
            continue;
        }
        auto first = walk.at();
        auto there = limit.position - first.position;
        auto least = std::uint64_t((*header)->size());
        if (least > bytes_max) there = at_least_one ? least : 0;
        if (there == 0) return Slice{};
        auto length = std::min(there, std::max<std::uint64_t>(least, bytes_max));
        return Slice{{file_, first.position, length}, first.offset, least};
    }
}

LogPoint PartitionLog::before_time(Timestamp at) const {
    // The first batch with such a time stamp lies before the first entry that has it in front of itself.
    auto after = std::ranges::lower_bound(index_, at, {}, &IndexEntry::largest_before);
    bool late = planted(Bug::time_search_begins_late) && after != index_.end();
    return late || after == index_.begin() ? after->at : std::prev(after)->at;
}
const PartitionLog::IndexEntry& PartitionLog::before(LogPoint limit) const {
    auto after = std::ranges::lower_bound(index_, limit.position, {}, [](auto& e) { return e.at.position; });
    return after == index_.begin() ? *after : *std::prev(after);
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
std::string log_file_name(Offset base) { return fmt::format("{:020}.log", std::to_underlying(base)); }

Result<std::shared_ptr<File>> make_log(Directory& data, const std::string& name) {
    auto directory = open_or_create_directory(data, name);
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
