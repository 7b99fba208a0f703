// MachineLog: a partition as the log of a machine (core/machine.h): it takes the machine's records, appends
// them in batches as fast as the disk syncs these, and reads all of them back. One batch is under way; what
// comes meanwhile is the next. It belongs to its host, on the partition's core.
#pragma once

#include <deque>
#include <expected>
#include <functional>
#include <string>

#include "broker/partition.h"
#include "core/stored_record.h"

namespace fulmar {

class MachineLog {
public:
    // `read_bytes`: how much of it is read at once; a batch that is larger comes whole.
    MachineLog(Seam& seam, std::shared_ptr<Partition> partition, std::function<Timestamp()> wall,
               std::size_t read_bytes)
        : seam_(seam), partition_(std::move(partition)), wall_(std::move(wall)), read_bytes_(read_bytes) {}

    // Whether a turn may add records: the partition takes them, and not too many wait already.
    bool can_append() const { return pending_bytes_ < pending_bytes_max && partition_->takes_own(); }
    // It takes none any more, as long as this life of the broker lasts.
    bool gone() const { return partition_->offline() || partition_->damaged(); }
    void append(StoredRecord record);
    // What was appended since the last time is of one decision: a later term finds all of it or none, as long
    // as it comes to no more than `decision_bytes_max`. What is larger forgets much at once (deleted topics,
    // groups, what has lapsed), and any part of that may be so.
    void end_decision();
    // Records of this term: those that were given, and those of them that are committed.
    std::uint64_t appended() const { return appended_; }
    std::uint64_t committed() const { return committed_; }
    bool pending() const { return !pending_.empty(); }

    // Appends a batch of whole decisions, and waits until that is committed. An error: the log did not take
    // it, and nobody knows what of it a later term will find. REQUIRES: something is pending.
    Task<kafka::ErrorCode> write();

    // What is in the log goes to `take`, record by record, which says what is wrong with one that it cannot
    // take. When it has returned, all of it is committed, and a term begins. The text says why not.
    using Take = std::function<std::expected<void, std::string>(Bytes key, std::optional<Bytes> value)>;
    Task<std::expected<void, std::string>> replay(Take take, const bool& stopping);

private:
    // Where it has come to.
    std::expected<Offset, std::string> take_all(Offset from, Bytes batches, const Take& take) const;

    static constexpr std::size_t pending_bytes_max = 16 << 20, batch_bytes = 512 << 10;
    static constexpr std::size_t decision_bytes_max = 256 << 20;
    // A commit waits as long as the disk does; this is only how often we look whether the role is over.
    static constexpr Millis commit_look{60'000};

    Seam& seam_;
    const std::shared_ptr<Partition> partition_;
    const std::function<Timestamp()> wall_;
    const std::size_t read_bytes_;
    struct Decided {
        std::size_t records = 0, bytes = 0;
    };
    std::size_t records_of_next_batch();

    std::deque<StoredRecord> pending_;
    std::deque<Decided> decisions_;  // What these belong to, in their order;
    Decided open_;                   // the last ones perhaps to one that has not ended yet.
    std::size_t pending_bytes_ = 0;
    std::uint64_t appended_ = 0, committed_ = 0;
};

}  // namespace fulmar
