// Partition: one partition that this broker leads: its log, what it knows of its producers, how far it is
// durable, and who waits for that. It lives on one core; other cores send messages to it.
//
// It checks and appends what producers send, and tells consumers what is there up to the high watermark. On
// one node that is the durable end, or the log's end where acknowledgements may rest on the page cache.
#pragma once

#include <deque>
#include <functional>

#include "base/planted.h"
#include "broker/counters.h"
#include "broker/directory_share.h"
#include "broker/pacer.h"
#include "broker/waiters.h"
#include "core/clock_watch.h"
#include "core/cluster/image.h"
#include "core/cluster/topic_config.h"
#include "io/turns.h"
#include "log/compaction_state.h"
#include "log/recovery.h"
#include "wire/kafka/errors.h"

namespace fulmar {

// What the partitions of a core share.
struct PartitionContext {
    Seam& seam;
    std::deque<DirectoryShare>& directories;
    bool page_cache_acks = false;
    // Where a new partition goes: the index of one of `directories`, or nothing when none takes it. It is
    // asked once, and not at all where there is only one.
    using Place = std::function<Task<std::optional<std::size_t>>(PartitionId)>;
    Place place{};
    // To open a batch takes milliseconds, to compress it anew up to seconds: large ones, and one of many
    // small ones, are worked on off the loop, so that others have their turns. One at a time, since the
    // disk's threads are few.
    Turns heavy_work{};
    Signal rested{};                    // A partition has come to rest.
    bool refusing = false;              // A stop waits no longer for what has not begun.
    std::size_t opened_here_bytes = 0;  // Of compressed batches, on the loop since the last one off it.
    // Wall time that does not jump, which data's age is counted up to; and what data is stamped with.
    ClockWatch clock{};
    Timestamp believed_time() const { return clock.believed(seam.loop.clocks()); }
    Timestamp stamp_time() const { return clock.latest(seam.loop.clocks()); }
    Counters counters{};
};

// What a topic's settings make of its partitions.
struct PartitionRules {
    wire::ProduceRules produce;
    cluster::LogRules log;
};

// Work in the background that reads and writes much: what paces it, and when it ends early.
struct PacedWork {
    Pacer &own, &shared;
    const bool& stopping;
    void took(std::uint64_t bytes) const {
        own.took(bytes);
        shared.took(bytes);
    }
};

class Partition {
public:
    Partition(PartitionContext& context, PartitionId id, std::string name, std::int32_t leader_epoch,
              PartitionRules rules);
    // What recovery found of it, and in which of the directories. REQUIRES: nothing was appended.
    void restore(Recovered found, std::size_t directory);
    void mark_damaged();  // It should have been there, and is not.
    void mark_away();     // It may stand in a directory that is away.
    // Its directory is away, or has failed: there is nothing to be had from it, and nothing to be done with
    // it.
    bool offline() const { return away_ || (directory_ && directory_->budget.failed()); }
    // Nothing: it has not begun.
    const DirectoryShare* directory() const { return directory_; }
    // From the log's end on there was more once. Nobody may take that for the partition's end: what is asked
    // for there is `kafka_storage_error`.
    bool damaged() const { return damaged_ && !planted(Bug::damage_taken_for_end); }
    void lead(std::int32_t leader_epoch, PartitionRules rules);

    const PartitionId& id() const { return id_; }
    std::int32_t leader_epoch() const { return leader_epoch_; }
    const cluster::LogRules& rules() const { return rules_.log; }
    // Of one whose files are gone it is what was known last.
    Offset log_start() const { return damaged_ && !log_.exists() ? checkpointed.log_start : log_.start(); }
    LogPoint high_watermark() const { return std::max(durable_, cached_); }
    LogPoint visible_end() const;  // Where consumers' reads end.
    LogPoint durable_end() const { return durable_; }
    LogPoint log_end() const { return log_.end(); }
    const PartitionLog& log() const { return log_; }
    Waiters& waiters() { return waiters_; }
    bool refusing() const { return context_.refusing || retired_; }
    // What is said then.
    kafka::ErrorCode refusal() const {
        return retired_ ? kafka::ErrorCode::unknown_topic_or_partition
                        : kafka::ErrorCode::not_leader_or_follower;
    }

    // What the epoch that a client names makes of its request; `none` when it names none (-1).
    kafka::ErrorCode check_epoch(std::int32_t named) const;

    struct Appended {
        kafka::ErrorCode error{};
        wire::BatchFault fault{};  // What was wrong with the batch, with `records` of it.
        std::vector<std::int32_t> records{};
        Offset base_offset{-1}, log_start{-1};
        Timestamp append_time{-1};
        Offset until{};  // Acknowledged once the high watermark is there.
    };
    // In the order of the calls. The bytes are needed until it ends.
    Task<Appended> append(Bytes records, bool zstd_allowed);
    // A batch of the broker's own, for a log that a machine keeps (broker/machine_host.h): whatever the
    // topic's settings say, and also while clients' are refused since the disk is nearly full.
    Task<Appended> append_own(Bytes batch);
    // Whether that may be tried.
    bool takes_own() const {
        bool room = !directory_ || directory_->room != Room::none;
        return room && !damaged_ && !offline() && !refusing();
    }

    // What is there from `from` up to `limit`, as PartitionLog::read gives it: at once, or nothing when it
    // takes a job. Of what is deleted while that looks for records, nothing. REQUIRES: log_start <= from <=
    // limit <= log_end.
    std::optional<Result<Slice>> read(Offset from, LogPoint limit, std::size_t bytes_max) const {
        return log_.read(from, limit, bytes_max, true);
    }
    Task<Result<Slice>> read_cold(Offset from, LogPoint limit, std::size_t bytes_max);
    // The bytes of that; none when there are only batches without records.
    Task<Result<std::vector<std::byte>>> read_bytes(Offset from, LogPoint limit, std::size_t bytes_max);
    // The first record with that time stamp or a later one; offset -1 when there is none.
    Task<Result<TimedOffset>> find_time(Timestamp at);
    // The first of those with the largest time stamp.
    Task<Result<TimedOffset>> find_largest_time();

    // Deletes what lies in front of `to`, at once for readers; the files go in `remove_left`, once a
    // checkpoint knows the new start. REQUIRES: to <= durable_end.
    void delete_until(Offset to);
    // Deletes what the topic's rules do not keep any longer (log/retention.h): for its age only when the wall
    // clock is to be believed.
    Task<> retain(bool by_age);
    // Leaves the last record of each key, of what is full and has changed enough (log/compaction.h).
    bool wants_compaction() const;
    Task<> compact(PacedWork by, std::size_t map_bytes_max);
    // Reads all that is durable from the disk, and tells what is damaged; that is not served any more.
    Task<> scrub(PacedWork by);
    // Removes the files of what was deleted long enough ago, and writes a snapshot of the producers when much
    // was written since the last: what recovery reads again.
    bool wants_upkeep() const;
    Task<> keep_up();
    // Forgets producers that wrote nothing since.
    void expire_producers(Instant before) { sequences_.expire(before); }

    // What the next life may take for granted. To be written to the checkpoint, whole.
    RecoveryPoint recovery_point() const;
    bool has_point() const { return log_.exists() && (!damaged_ || gone_); }
    RecoveryPoint checkpointed{};  // What it was when last written.
    // What is left to write for a clean stop. REQUIRES: at_rest.
    Task<> close();

    // Until the high watermark is there: `none`; `request_timed_out` after `patience`; or what ended the
    // role.
    Task<kafka::ErrorCode> acknowledged(Offset until, Millis patience);

    // Its topic is deleted: what comes from now on, and what waits, is refused with
    // `unknown_topic_or_partition`.
    void retire();
    // After that: until nobody is at work here, so that its files are not touched any more.
    Task<> come_to_rest();

    // No sync is under way and none is due, and nobody is at work here.
    bool at_rest() const {
        bool synced = (durable_ == log_.end() && !cut_) || retired_ || gone_ || offline();
        return !syncing_ && users_ == 0 && synced;
    }

private:
    struct Left {  // A segment that was deleted, and whose files are still there.
        Segment segment;
        Offset start;  // What a checkpoint must know before they go.
        Instant since{};
    };
    // Held by coroutines at work here: as long as there is one the partition stays.
    class Use {
    public:
        explicit Use(Partition& partition) : partition_(partition) { ++partition_.users_; }
        ~Use() {
            --partition_.users_;
            partition_.rested();
        }
        Use(const Use&) = delete;

    private:
        Partition& partition_;
    };
    void rested() {
        if (at_rest()) context_.rested.notify(context_.seam.loop);
    }
    Task<Appended> append_checked(Bytes records, wire::ProduceRules rules, Room needed);
    // `needed`: with less room than that nothing is written.
    Task<Appended> append_in_turn(wire::ProducedBatch batch, Room needed);
    using Checked = std::expected<wire::ProducedBatch, wire::Refusal>;
    Task<std::optional<Checked>> check(Bytes records, wire::ProduceRules rules);  // Nothing: refusing.
    Task<Result<>> make_log();
    Task<Result<>> roll();
    Task<> roll_idle(Millis age);
    // Waits until it may go on. Nobody is at work here meanwhile, so that a topic that is deleted does not
    // wait for it; then, and at a stop, it ends without a use.
    Task<> wait_for(PacedWork by, std::optional<Use>& use);
    void replaced_by(Segment made);
    Task<> mend_index(Offset segment);
    Task<Result<>> note_epoch();
    bool may_go(const Left& left) const;
    Task<> remove_left();
    Task<> write_snapshot();
    // How much was written since the last snapshot of the producers, in parts of what may be: a start reads
    // it again.
    std::uint64_t since_snapshot_percent() const {
        constexpr std::uint64_t most_entries = 256;
        return 100 * (log_.end().position - snapshot_.position) /
               (most_entries * std::max(rules_.log.index_interval_bytes, 1U));
    }
    void leave_turn();
    void begin_sync();
    Task<> sync();
    bool unsynced() const { return durable_ < log_.end() || cut_; }
    // Where each write takes a job, those that wait for their turn are soon there, and one sync is for all.
    bool gathers() const {
        constexpr int most = 16;
        bool soon = turns_.awaited() && !lingers_ && gathered_ < most;
        return directory_ && directory_->one_of_several && soon;
    }
    // Who has the turn takes long, and who was before it waits for nothing.
    void linger() {
        lingers_ = true;
        begin_sync();
    }
    // True when a directory that only has no room, or no handles, goes on.
    bool goes_on(std::string_view what, Error error);
    void give_up_unsynced();
    // Over for its directory, or, when its files are missing, for itself.
    void failed(Error error);
    void learn(const LogView& view);

    PartitionContext& context_;
    const PartitionId id_;
    const std::string name_;               // Of its directory,
    DirectoryShare* directory_ = nullptr;  // in this one for good, once that is said.
    bool away_ = false;
    std::int32_t leader_epoch_;
    PartitionRules rules_;

    PartitionLog log_;
    Sequences sequences_;
    LogPoint durable_;
    LogPoint cached_;       // In front of this acknowledgements may rest on the page cache, if any may.
    LogPoint snapshot_;     // Where the producers' newest snapshot stands.
    Millis roll_jitter_{};  // Of the active segment.
    std::vector<Left> left_;
    std::optional<CompactionState> compaction_;  // Once somebody has looked.
    bool damaged_ = false, syncing_ = false, retired_ = false;
    bool gone_ = false;  // Damaged for that somebody has taken its files away.
    bool roll_due_ =
        false;  // One failed half way: the new segment's file may be there, so nothing goes behind it.
    bool cut_ = false;  // Part of a batch was cut off, and no sync has covered that yet.
    bool gave_up_ = false;
    bool lingers_ = false;
    int gathered_ = 0;  // Appends since the last sync began.
    int users_ = 0;
    Turns turns_;    // Of appends.
    Turns keeping_;  // Of what looks after the log's files.
    Waiters waiters_;
};

}  // namespace fulmar
