// Partition: one partition that this broker leads: its log, what it knows of its producers, how far it is
// durable, and who waits for that. It lives on one core; other cores send messages to it.
//
// It checks and appends what producers send, and tells consumers what is there up to the high watermark. On
// one node that is the durable end, or the log's end where acknowledgements may rest on the page cache.
#pragma once

#include <functional>

#include "base/planted.h"
#include "broker/disk_budget.h"
#include "broker/waiters.h"
#include "core/cluster/image.h"
#include "io/turns.h"
#include "log/recovery.h"
#include "wire/kafka/errors.h"

namespace fulmar {

// What the partitions of a core share.
struct PartitionContext {
    Seam& seam;
    DiskBudget& budget;
    std::shared_ptr<Directory> data;
    bool page_cache_acks = false;
    // To open a batch takes milliseconds, to compress it anew up to seconds: large ones, and one of many
    // small ones, are worked on off the loop, so that others have their turns. One at a time, since the
    // disk's threads are few.
    Turns heavy_work{};
    bool refusing = false;              // A stop waits no longer for what has not begun.
    std::size_t opened_here_bytes = 0;  // Of compressed batches, on the loop since the last one off it.
};

class Partition {
public:
    Partition(PartitionContext& context, PartitionId id, std::string name, std::int32_t leader_epoch,
              wire::ProduceRules rules);
    // What recovery found of it. REQUIRES: nothing was appended.
    void restore(Recovered found);
    void mark_damaged();  // It should have been there, and is not.
    // From the log's end on there was more once. Nobody may take that for the partition's end: what is asked
    // for there is `kafka_storage_error`.
    bool damaged() const { return damaged_ && !planted(Bug::damage_taken_for_end); }
    void lead(std::int32_t leader_epoch, wire::ProduceRules rules);

    const PartitionId& id() const { return id_; }
    std::int32_t leader_epoch() const { return leader_epoch_; }
    Offset log_start() const { return log_.start().offset; }
    LogPoint high_watermark() const { return context_.page_cache_acks ? log_.end() : durable_; }
    LogPoint visible_end() const;  // Where consumers' reads end.
    LogPoint durable_end() const { return durable_; }
    LogPoint log_end() const { return log_.end(); }
    PartitionLog& log() { return log_; }
    Waiters& waiters() { return waiters_; }
    Sequences& sequences() { return sequences_; }
    Turns& heavy_work() { return context_.heavy_work; }
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

    // Until the high watermark is there: `none`; `request_timed_out` after `patience`; or what ended the
    // role.
    Task<kafka::ErrorCode> acknowledged(Offset until, Millis patience);

    // Its topic is deleted: what comes from now on, and what waits, is refused with
    // `unknown_topic_or_partition`.
    void retire();
    // After that: until none of its own work is under way, so that its files are not touched any more.
    Task<> come_to_rest();

    // No sync is under way and none is due.
    bool at_rest() const {
        return !syncing_ && (durable_ == log_.end() || retired_ || context_.budget.failed());
    }

private:
    Task<Appended> append_in_turn(wire::ProducedBatch batch);
    using Checked = std::expected<wire::ProducedBatch, wire::Refusal>;
    Task<std::optional<Checked>> check(Bytes records, wire::ProduceRules rules);  // Nothing: refusing.
    Task<Result<>> make_log();
    Task<> sync();
    void give_up_unsynced();
    void failed();

    PartitionContext& context_;
    const PartitionId id_;
    const std::string name_;  // Of its directory.
    std::int32_t leader_epoch_;
    wire::ProduceRules rules_;

    PartitionLog log_;
    Sequences sequences_;
    LogPoint durable_;
    bool damaged_ = false, syncing_ = false, retired_ = false;
    Signal synced_;
    Turns turns_;  // Of appends.
    Waiters waiters_;
};

}  // namespace fulmar
