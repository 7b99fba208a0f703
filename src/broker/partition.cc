#include "broker/partition.h"

#include "base/log_sink.h"
#include "base/planted.h"
#include "log/epochs_file.h"
#include "log/producer_snapshot.h"

namespace fulmar {

using kafka::ErrorCode;
using wire::BatchFault;

static ErrorCode error_of(BatchFault fault) {
    switch (fault) {
        case BatchFault::corrupt: return ErrorCode::corrupt_message;
        case BatchFault::too_large: return ErrorCode::message_too_large;
        case BatchFault::zstd_too_early: return ErrorCode::unsupported_compression_type;
        case BatchFault::codec: return ErrorCode::unknown_server_error;  // As Kafka's.
        case BatchFault::timestamp: return ErrorCode::invalid_timestamp;
        default: return ErrorCode::invalid_record;
    }
}

Partition::Partition(PartitionContext& context, PartitionId id, std::string name, std::int32_t leader_epoch,
                     PartitionRules rules)
    : context_(context), id_(id), name_(std::move(name)), leader_epoch_(leader_epoch), rules_(rules) {
    if (context.directories.size() == 1) directory_ = &context.directories.front();
}

void Partition::restore(Recovered found, std::size_t directory) {
    CHECK(log_.end() == LogPoint{});
    log_ = std::move(found.log);
    sequences_ = std::move(found.sequences);
    durable_ = log_.end();  // Recovery has synced what it kept.
    snapshot_ = found.snapshot;
    damaged_ = found.damaged;
    directory_ = &context_.directories[directory];
}
void Partition::mark_away() { away_ = true; }
void Partition::mark_damaged() { damaged_ = true; }
void Partition::lead(std::int32_t leader_epoch, PartitionRules rules) {
    leader_epoch_ = leader_epoch;
    rules_ = rules;
}

LogPoint Partition::visible_end() const {
    return planted(Bug::read_past_durable_end) ? log_.end() : high_watermark();
}

ErrorCode Partition::check_epoch(std::int32_t named) const {
    if (named < 0 || named == leader_epoch_) return ErrorCode::none;
    return named < leader_epoch_ ? ErrorCode::fenced_leader_epoch : ErrorCode::unknown_leader_epoch;
}

Task<std::optional<Partition::Checked>> Partition::check(Bytes records, wire::ProduceRules rules) {
    constexpr std::size_t opened_here_bytes_max = 128 * 1024, rewriting_costs = 16;
    if (refusing()) co_return std::nullopt;
    auto now = context_.seam.loop.wall_clock();
    auto work = [&] { return wire::check_produced(records, rules, now); };
    auto codec = wire::codec_of(records);
    bool rewritten = rules.codec.value_or(codec) != codec && *rules.codec != wire::Codec::none;
    if (codec == wire::Codec::none && !rewritten) co_return work();
    context_.opened_here_bytes += rewritten ? rewriting_costs * records.size() : records.size();
    if (context_.opened_here_bytes < opened_here_bytes_max) co_return work();
    context_.opened_here_bytes = 0;
    linger();  // This may take seconds.
    co_await context_.heavy_work.enter();
    std::optional<Checked> checked;
    if (!refusing()) checked = co_await context_.seam.disk.run(work);
    context_.heavy_work.leave(context_.seam.loop);
    co_return checked;
}

Task<Partition::Appended> Partition::append(Bytes records, bool zstd_allowed) {
    auto rules = rules_.produce;
    rules.zstd_allowed = zstd_allowed;
    return append_checked(records, rules, Room::plenty);
}
Task<Partition::Appended> Partition::append_own(Bytes batch) {
    wire::ProduceRules rules{.batch_bytes_max = INT32_MAX, .after_max = Millis::max()};
    return append_checked(batch, rules, Room::scarce);
}
Task<Partition::Appended> Partition::append_checked(Bytes records, wire::ProduceRules rules, Room needed) {
    Use use(*this);
    co_await turns_.enter();
    auto checked = co_await check(records, rules);
    if (!checked || !*checked) leave_turn();
    if (!checked) co_return Appended{.error = refusal()};
    if (!*checked) {
        auto& refusal = checked->error();
        co_return Appended{.error = error_of(refusal.fault),
                           .fault = refusal.fault,
                           .records = std::move(refusal.records),
                           .log_start = refusal.before_log() ? Offset{-1} : log_start()};
    }
    auto appended = co_await append_in_turn(std::move(**checked), needed);
    leave_turn();
    co_return appended;
}
void Partition::leave_turn() {
    lingers_ = false;
    turns_.leave(context_.seam.loop);
    if (!gathers()) begin_sync();
}
void Partition::begin_sync() {
    if (unsynced() && !std::exchange(syncing_, true)) context_.seam.loop.spawn(sync());
}

Task<Partition::Appended> Partition::append_in_turn(wire::ProducedBatch batch, Room needed) {
    auto view = batch.view();
    bool sequenced = view.has_producer();
    if (damaged_ || offline()) co_return Appended{.error = ErrorCode::kafka_storage_error};
    if (directory_ && directory_->room > needed) {
        if (sequenced) sequences_.refused(Sequences::Batch::of(view), context_.seam.loop.now());
        co_return Appended{.error = ErrorCode::kafka_storage_error};
    }
    if (!log_.exists()) {
        auto made = co_await make_log();
        if (!made) {
            if (sequenced) sequences_.refused(Sequences::Batch::of(view), context_.seam.loop.now());
            co_return Appended{.error = ErrorCode::kafka_storage_error};
        }
    }
    auto& budget = directory_->budget;
    Appended appended{.log_start = log_start()};
    if (sequenced) {
        auto judgement = sequences_.judge(Sequences::Batch::of(view));
        switch (judgement.verdict) {
            case Sequences::Verdict::next: break;
            case Sequences::Verdict::duplicate:
                appended.base_offset = judgement.known.base_offset();
                // Whatever the topic's time stamps are: so Kafka answers (tests/reference/recorded).
                appended.append_time = judgement.known.timestamp;
                appended.until =
                    planted(Bug::duplicate_acked_early) ? Offset{0} : judgement.known.last_offset + 1;
                co_return appended;
            case Sequences::Verdict::out_of_order:
                appended.error = ErrorCode::out_of_order_sequence_number;
                co_return appended;
            case Sequences::Verdict::stale_epoch:
                appended.error = ErrorCode::invalid_producer_epoch;
                co_return appended;
        }
    }
    auto wall = context_.stamp_time();
    auto& log = rules_.log;
    Result<> written;
    bool rolls =
        roll_due_ ||
        log_.must_roll(batch, {log.segment_bytes, log.most_age() - roll_jitter_, log.index_bytes_max}, wall);
    if (rolls) linger();
    if (rolls) written = co_await roll();
    if (written && !log_.epochs().empty() && log_.epochs().back().epoch < leader_epoch_)
        written = co_await note_epoch();
    auto over = [&] { return offline() || gone_ || retired_; };
    while (written && !budget.has_room(batch.size()) && !over()) {
        begin_sync();  // Nobody comes behind this one before there is room.
        co_await budget.changed().wait();
    }
    auto size = batch.size();
    if (written && !over()) {
        budget.written(size);
        auto before = log_.end();
        auto write = log_.begin_append(batch, leader_epoch_);
        bool apart = directory_->one_of_several && !planted(Bug::core_waits_for_disk);
        if (apart) written = co_await directory_->writes.run(&write);
        else write.execute();
        if (written) written = write.outcome();
        bool ends = over();  // What has come to the disk meanwhile is in no log then.
        if (written && !ends) written = log_.end_append(write, leader_epoch_, wall, log.index_interval_bytes);
        if (log_.end() == before) budget.synced(size);
        if (!written && !goes_on("append", written.error())) failed(written.error());
        // What had been written of it is cut off, which must be durable too: after a clean stop nothing may
        // stand behind the end.
        if (!written) cut_ = true;
    }
    if (retired_) co_return Appended{.error = refusal()};
    if (offline() || gone_) co_return Appended{.error = ErrorCode::kafka_storage_error};
    if (!written) {
        if (sequenced) sequences_.refused(Sequences::Batch::of(view), context_.seam.loop.now());
        co_return Appended{.error = ErrorCode::kafka_storage_error};
    }
    view = batch.view();
    context_.counters.appended(view.count(), batch.size());
    if (sequenced) sequences_.appended(Sequences::Batch::of(view), context_.seam.loop.now());
    appended.base_offset = view.base_offset();
    appended.until = view.next_offset();
    if (view.has(wire::attribute::log_append_time)) appended.append_time = view.max_timestamp();
    bool rests = log_.end().offset - durable_.offset < rules_.log.flush_messages;
    if (context_.page_cache_acks && rests) cached_ = log_.end();
    if (context_.page_cache_acks) waiters_.reached(high_watermark().offset);
    ++gathered_;
    co_return appended;
}

bool Partition::goes_on(std::string_view what, Error error) {
    log_error("{}: {} failed: {}", name_, what, to_text(error));
    ++context_.counters.failed_writes;
    if (error == Error::full) directory_->on_full();
    return error == Error::full || error == Error::exhausted;
}
Task<Result<>> Partition::make_log() {
    if (!directory_ && context_.place)
        if (auto place = co_await context_.place(id_)) directory_ = &context_.directories[*place];
    if (!directory_ || offline()) co_return std::unexpected(Error::failed);
    auto data = directory_->root;
    auto name = name_;
    auto made = co_await context_.seam.disk.run([&] { return fulmar::make_log(*data, name); });
    Result<> named = std::unexpected(Error::missing);
    if (made && planted(Bug::directory_not_synced)) named = {};
    else if (made) named = co_await directory_->names.run({});
    if (!made || !named) {
        auto error = made ? named.error() : made.error();
        if (!goes_on("making it", error)) failed(Error::failed);
        co_return std::unexpected(error);
    }
    log_.attach(made->directory, made->file);
    co_return {};
}
Task<Result<>> Partition::roll() {
    co_await keeping_.enter();
    auto directory = log_.directory();
    auto base = log_.end().offset;
    auto place = log_.place_of(log_.end());
    ProducerSnapshot snapshot{base, base, 0, sequences_.states()};
    auto recovers_in = checkpointed.segment;
    auto index = log_.begin_index();
    auto made = co_await context_.seam.disk.run([&]() -> Result<std::shared_ptr<File>> {
        if (index) index->execute();
        // Durable, since the snapshots of a segment that is full go one day.
        if (auto written = fulmar::write_snapshot(*directory, snapshot, true, recovers_in); !written)
            return std::unexpected(written.error());
        return make_segment(*directory, base);
    });
    Result<> rolled;
    if (made && index) rolled = log_.end_index(*index);
    if (made && rolled) {
        CHECK(place.position > 0 && log_.end().offset == base);
        log_.roll(*made);
        snapshot_ = log_.end();
        auto jitter = rules_.log.segment_jitter.count();
        roll_jitter_ =
            Millis(jitter > 0 ? std::int64_t(context_.seam.loop.random() % std::uint64_t(jitter)) : 0);
    } else if (!made) {
        rolled = std::unexpected(made.error());
    }
    keeping_.leave(context_.seam.loop);
    roll_due_ = !rolled;
    if (!rolled && !goes_on("a new segment", rolled.error())) failed(rolled.error());
    co_return rolled;
}
// In front of the first batch of a new epoch: which offset that begins at must be known as long as the log
// is.
Task<Result<>> Partition::note_epoch() {
    auto epochs = log_.epochs();
    epochs.push_back({leader_epoch_, log_.end().offset});
    auto directory = log_.directory();
    auto written = co_await context_.seam.disk.run([&] { return write_epochs(*directory, epochs); });
    if (!written && !goes_on("noting its epoch", written.error())) failed(written.error());
    co_return written;
}

// One sync is in flight; the next covers all that came meanwhile.
Task<> Partition::sync() {
    auto& budget = directory_->budget;
    for (bool first = true; unsynced() && (first || !gathers()) && !offline() && !gone_ && !retired_;
         first = false) {
        cut_ = false;
        gathered_ = 0;
        auto covers = log_.end();  // Taken before: a sync vouches for nothing that comes while it runs.
        auto files = log_.unsynced_files(durable_);
        auto begun = context_.seam.loop.stopwatch();
        auto synced = co_await context_.seam.disk.run([&]() -> Result<> {
            for (auto& file : files) {
                auto first = file->sync();
                if (!first && planted(Bug::sync_error_retried)) first = file->sync();
                if (!first) return first;
            }
            return {};
        });
        context_.counters.syncs.add(context_.seam.loop.stopwatch() - begun);
        if (!synced) {
            log_error("{}: sync failed: {}", name_, to_text(synced.error()));
            ++context_.counters.failed_syncs;
            failed(synced.error());
            break;
        }
        if (planted(Bug::sync_vouches_for_later)) covers = log_.end();
        budget.synced(covers.position - durable_.position);
        durable_ = covers;
        waiters_.reached(high_watermark().offset);
    }
    if (retired_ || gone_) give_up_unsynced();
    syncing_ = false;
    rested();
}

void Partition::retire() {
    retired_ = true;
    waiters_.wake_all();
    if (directory_) directory_->budget.changed().notify(context_.seam.loop);
}
Task<> Partition::come_to_rest() {
    while (!at_rest()) co_await context_.rested.wait();
}
// It will never be durable, and nobody waits for it.
void Partition::give_up_unsynced() {
    if (!std::exchange(gave_up_, true)) directory_->budget.synced(log_.end().position - durable_.position);
}
void Partition::failed(Error error) {
    if (error == Error::missing) {
        if (!std::exchange(gone_, true))
            log_error("{}: its files have been taken away: it takes no more until a start finds them", name_);
        damaged_ = true;
        directory_->budget.changed().notify(context_.seam.loop);
    } else {
        directory_->budget.fail();
    }
    waiters_.wake_all();
}

Task<Result<Slice>> Partition::read_cold(Offset from, LogPoint limit, std::size_t bytes_max) {
    Use use(*this);
    Result<Slice> slice;
    for (bool first = true;; first = false) {
        auto view = log_.view(from, limit, leader_epoch_, context_.stamp_time(), 2);
        auto read = co_await context_.seam.disk.run([&] { return view.read(from, bytes_max, true); });
        learn(view);
        bool wanted = first || (read ? read->range.length > 0 : read.error() != Error::damaged);
        if (wanted) slice = read;
        if (!wanted || !slice || !slice->without_records) break;
        // Retention may have come past what had no records; past all of it, nothing is there any more.
        from = std::max(view.end(), log_start());
        if (log_start() >= limit.offset) slice = Slice{};
        if (from >= limit.offset) break;
    }
    if (!slice && slice.error() == Error::damaged) {
        log_error("{}: what was written at offset {} is damaged", name_, std::to_underlying(from));
        ++context_.counters.damaged_reads;
    }
    co_return slice;
}
Task<Result<std::vector<std::byte>>> Partition::read_bytes(Offset from, LogPoint limit,
                                                           std::size_t bytes_max) {
    Use use(*this);
    auto slice = co_await read_cold(from, limit, bytes_max);
    if (!slice) co_return std::unexpected(slice.error());
    auto& range = slice->range;
    co_return co_await context_.seam.disk.run([&]() -> Result<std::vector<std::byte>> {
        std::vector<std::byte> bytes(range.length);
        if (bytes.empty()) return bytes;
        auto got = range.file->read(range.position, bytes);
        if (!got) return std::unexpected(got.error());
        if (*got < bytes.size()) return std::unexpected(Error::damaged);
        return bytes;
    });
}
void Partition::learn(const LogView& view) {
    for (auto& news : view.news()) {
        context_.counters.rebuilt_indexes += news.index.has_value();
        log_.learn(news);
    }
}
Task<Result<TimedOffset>> Partition::find_time(Timestamp at) {
    Use use(*this);
    if (!log_.exists())
        co_return damaged() ? Result<TimedOffset>(std::unexpected(Error::damaged)) : TimedOffset{};
    auto from = log_start();
    auto view = log_.view(from, visible_end(), leader_epoch_, context_.stamp_time());
    // It opens a batch, and reads it: whose disk hangs keeps nobody's batches waiting.
    co_await directory_->heavy_reads.enter();
    auto found = co_await context_.seam.disk.run([&] { return view.find_time(from, at); });
    directory_->heavy_reads.leave(context_.seam.loop);
    learn(view);
    // What is not found in front of the damage may stand behind it.
    bool nothing = found && found->offset < Offset{0};
    if (nothing && damaged()) co_return std::unexpected(Error::damaged);
    co_return found;
}
Task<Result<TimedOffset>> Partition::find_largest_time() {
    Use use(*this);
    if (damaged()) co_return std::unexpected(Error::damaged);
    auto from = log_start();
    auto view = log_.view(from, visible_end(), leader_epoch_, context_.stamp_time());
    auto largest = co_await context_.seam.disk.run([&] { return view.largest_time(from); });
    learn(view);
    if (!largest) co_return std::unexpected(largest.error());
    co_return co_await find_time(*largest);
}

Task<ErrorCode> Partition::acknowledged(Offset until, Millis patience) {
    if (planted(Bug::ack_before_sync)) co_return ErrorCode::none;
    auto& loop = context_.seam.loop;
    auto deadline = loop.now() + patience;
    while (high_watermark().offset < until) {
        if (offline() || gone_) co_return ErrorCode::kafka_storage_error;
        if (retired_) co_return refusal();
        if (loop.now() >= deadline) co_return ErrorCode::request_timed_out;
        Timer timer(loop);
        timer.set(deadline);
        Waiters::Place place(waiters_, until, timer);
        co_await timer;
    }
    co_return ErrorCode::none;
}

}  // namespace fulmar
