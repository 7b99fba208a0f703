// What keeps a partition's log in order: deletes what is too old, removes files, writes down what the next
// start need not read again.
#include "base/log_sink.h"
#include "base/planted.h"
#include "broker/partition.h"
#include "log/partition_files.h"
#include "log/producer_snapshot.h"
#include "log/retention.h"

namespace fulmar {

void Partition::delete_until(Offset to) {
    CHECK(to <= log_.end().offset);
    auto now = context_.seam.loop.now();
    auto size = log_.size_bytes();
    auto gone = log_.advance_start(to);
    context_.counters.deleted(gone.size(), size - log_.size_bytes());
    for (auto& segment : gone) left_.push_back({std::move(segment), log_start(), now});
    waiters_.wake_all();  // Who waits in front of it learns that it is gone.
}

Task<> Partition::retain(bool by_age) {
    Use use(*this);
    auto& rules = rules_.log;
    auto& loop = context_.seam.loop;
    RetentionRules keeps{by_age ? rules.retention : std::nullopt, rules.retention_bytes};
    bool all = !rules.deletes || (!keeps.age && !keeps.bytes);
    if (all || damaged_ || retired_ || !log_.exists() || offline()) co_return;
    if (keeps.age) co_await roll_idle(*keeps.age);  // Only full segments are deleted.
    co_await keeping_.enter();
    if (retired_ || offline()) {
        keeping_.leave(loop);
        co_return;
    }
    auto& segments = log_.segments();
    // From the first one on: a log that was cut at its end may start in the second, once there is one.
    auto view = log_.view(segments.front().base, durable_, leader_epoch_, context_.stamp_time());
    std::vector<Offset> bases;
    for (auto& segment : segments) bases.push_back(segment.base);
    std::size_t full = 0;
    while (full + 1 < segments.size() && segments[full + 1].base <= durable_.offset) ++full;
    auto size = log_.size_bytes();
    auto wall = context_.believed_time();
    auto expired =
        co_await context_.seam.disk.run([&] { return expired_segments(view, full, size, keeps, wall); });
    learn(view);
    if (!expired) {
        log_error("{}: retention: {}", name_, to_text(expired.error()));
    } else if (*expired > 0) {
        auto to = std::max(bases[*expired], log_start());  // A client may have deleted more meanwhile.
        if (planted(Bug::retention_past_high_watermark)) to = log_.end().offset;
        log_info("{}: {} segments deleted, the log starts at {}", name_, *expired, std::to_underlying(to));
        delete_until(to);
    }
    keeping_.leave(loop);
}

bool Partition::may_go(const Left& left) const {
    return left.start <= checkpointed.log_start &&
           left.since + rules_.log.file_delete_delay <= context_.seam.loop.now();
}
bool Partition::wants_upkeep() const {
    if (!log_.exists() || damaged_ || retired_ || offline()) return false;
    return since_snapshot_percent() >= 100 ||
           std::ranges::any_of(left_, [&](const Left& left) { return may_go(left); });
}
Task<> Partition::keep_up() {
    Use use(*this);
    if (since_snapshot_percent() >= 100) co_await write_snapshot();
    if (std::ranges::any_of(left_, [&](const Left& left) { return may_go(left); })) co_await remove_left();
}

Task<> Partition::remove_left() {
    co_await keeping_.enter();
    std::vector<Left> going, staying;
    for (auto& left : left_) (may_go(left) ? going : staying).push_back(std::move(left));
    left_ = std::move(staying);
    auto directory = log_.directory();
    auto removed = co_await context_.seam.disk.run([&]() -> Result<> {
        for (auto& left : going)
            if (auto gone = remove_segment(*directory, left.segment.name()); !gone) return gone;
        if (auto synced = directory->sync(); !synced) return synced;
        // With the last who has a file open its blocks go, which is for a job, too.
        for (auto& [segment, start, since] : going) {
            segment.file.reset();
            segment.index = Index(segment.name());
        }
        return {};
    });
    if (!removed) {
        for (auto& left : going) left_.push_back(std::move(left));
        if (!goes_on("removing a segment", removed.error())) failed(removed.error());
    }
    keeping_.leave(context_.seam.loop);
}

RecoveryPoint Partition::recovery_point() const {
    if (!log_.exists()) return {};
    auto end = planted(Bug::checkpoint_leads) ? log_.end() : durable_;
    auto place = log_.place_of(end);
    bool whole = end == log_.end();
    return {end.offset, place.segment, place.position, log_start(),
            whole ? log_.newest().appended_before : Timestamp{-1}};
}

Task<> Partition::write_snapshot() {
    if (directory_->room == Room::none) co_return;
    co_await keeping_.enter();
    auto end = log_.end();
    auto place = log_.place_of(end);
    ProducerSnapshot snapshot{end.offset, place.segment, place.position, sequences_.states()};
    auto directory = log_.directory();
    auto recovers_in = checkpointed.segment;
    auto written = co_await context_.seam.disk.run(
        [&] { return fulmar::write_snapshot(*directory, snapshot, false, recovers_in); });
    if (written) snapshot_ = end;
    else if (!goes_on("a snapshot", written.error())) failed(written.error());
    keeping_.leave(context_.seam.loop);
}

Task<> Partition::close() {
    if (!log_.exists() || damaged_ || offline()) co_return;
    // What little was written since, the next start looks at itself.
    if (since_snapshot_percent() >= 6) co_await write_snapshot();
    constexpr std::size_t few_entries = 16;
    if (offline() || log_.unwritten_entries() < few_entries) co_return;
    auto index = log_.begin_index();
    if (!index) co_return;
    auto written =
        co_await context_.seam.disk.run([&]() -> Result<> { return index->execute(), Result<>(); });
    if (written) written = log_.end_index(*index);
    if (!written && !goes_on("its index", written.error())) failed(written.error());
}

}  // namespace fulmar
