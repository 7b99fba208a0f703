#include "broker/machine_log.h"

#include <fmt/format.h>

#include "wire/compacted_batch.h"

namespace fulmar {

using kafka::ErrorCode;

void MachineLog::append(StoredRecord record) {
    pending_bytes_ += record.bytes();
    open_.bytes += record.bytes();
    ++open_.records;
    pending_.push_back(std::move(record));
    ++appended_;
}
void MachineLog::end_decision() {
    if (open_.records > 0) decisions_.push_back(std::exchange(open_, {}));
}

std::size_t MachineLog::records_of_next_batch() {
    auto& first = decisions_.front();
    if (first.bytes > decision_bytes_max) {
        Decided part;
        while (part.bytes < batch_bytes) part.bytes += pending_[part.records++].bytes();
        first.bytes -= part.bytes;
        first.records -= part.records;
        return part.records;
    }
    Decided all;
    do {
        all.records += decisions_.front().records;
        all.bytes += decisions_.front().bytes;
        decisions_.pop_front();
    } while (!decisions_.empty() && all.bytes + decisions_.front().bytes <= batch_bytes);
    return all.records;
}

Task<ErrorCode> MachineLog::write() {
    CHECK(!pending_.empty() && open_.records == 0);
    wire::BatchBuilder builder;
    auto wall = wall_();
    for (auto left = records_of_next_batch(); left > 0; --left) {
        auto& record = pending_.front();
        pending_bytes_ -= record.bytes();
        builder.add(wall, record.key, record.value ? std::optional<Bytes>(*record.value) : std::nullopt);
        pending_.pop_front();
    }
    auto count = std::uint64_t(builder.count());
    auto batch = builder.finish();
    auto appended = co_await partition_->append_own(batch);
    auto error = appended.error;
    if (error == ErrorCode::none) do {
            error = co_await partition_->acknowledged(appended.until, commit_look);
        } while (error == ErrorCode::request_timed_out);
    if (error == ErrorCode::none) committed_ += count;
    co_return error;
}

Task<std::expected<void, std::string>> MachineLog::replay(Take take, const bool& stopping) {
    pending_.clear();
    decisions_.clear();
    open_ = {};
    pending_bytes_ = appended_ = committed_ = 0;
    if (partition_->offline()) co_return std::unexpected("the data directory is offline");
    if (partition_->damaged()) co_return std::unexpected("the log is damaged");
    auto end = partition_->log_end();
    auto error = ErrorCode::request_timed_out;
    while (error == ErrorCode::request_timed_out && !stopping)
        error = co_await partition_->acknowledged(end.offset, commit_look);
    if (error != ErrorCode::none && !stopping) co_return std::unexpected("the log does not become durable");
    for (auto next = partition_->log_start(); next < end.offset && !stopping;) {
        auto bytes = co_await partition_->read_bytes(next, end, read_bytes_);
        if (!bytes)
            co_return std::unexpected(fmt::format("the log cannot be read: {}", to_text(bytes.error())));
        if (bytes->empty()) break;
        auto read = take_all(next, *bytes, take);
        if (!read) co_return std::unexpected(read.error());
        next = *read;
        co_await Yield(seam_.loop);
    }
    co_return {};
}

std::expected<Offset, std::string> MachineLog::take_all(Offset from, Bytes batches, const Take& take) const {
    auto next = from;
    while (!batches.empty()) {
        auto batch = wire::BatchView::whole(batches);
        bool cut_short =
            !batch && next > from &&
            !planted(Bug::cut_batch_is_damage);  // The last one; it comes whole in front of the next bytes.
        if (cut_short) break;
        bool right = batch && batch->crc_matches();
        auto open = right ? wire::OpenBatch::open(*batch, wire::opened_in_log_bytes_max(batch->size()))
                          : std::nullopt;
        if (!open)
            return std::unexpected(
                fmt::format("what is behind offset {} makes no sense", std::to_underlying(next)));
        for (auto& record : open->records()) {
            bool ours = record.key && !batch->has(wire::attribute::control);
            if (!ours) continue;
            if (auto taken = take(*record.key, record.value); !taken)
                return std::unexpected(fmt::format("the record at offset {}: {}",
                                                   std::to_underlying(open->offset_of(record)),
                                                   taken.error()));
        }
        next = batch->next_offset();
        batches = batches.subspan(batch->size());
    }
    return next;
}

}  // namespace fulmar
