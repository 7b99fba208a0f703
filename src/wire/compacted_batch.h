// What compaction makes of a record batch: some of its records, at the offsets that they had.
//
// A batch keeps its offsets, its producer and its sequences whatever becomes of its records (KIP-98). Where
// whole batches go, one without records takes their place: so each batch begins where the one in front ends,
// also in a log that was compacted, and what is missing is known to be damage. Clients read over it, as they
// do over the empty batches that Kafka's own cleaner leaves.
//
// A batch with tombstones (records without a value) says until when they stay: then its base time stamp is
// that time, and its attributes say so (KIP-534). Pure; any thread.
#pragma once

#include <optional>
#include <vector>

#include "wire/records.h"

namespace fulmar::wire {

// A batch whose records can be looked at.
class OpenBatch {
public:
    // Nothing when it cannot be opened into `opened_bytes_max`, or its records make no sense. `batch` is
    // whole, and lives as long as this.
    static std::optional<OpenBatch> open(const BatchView& batch, std::size_t opened_bytes_max);

    OpenBatch(OpenBatch&&) = default;  // Records view what was opened, which a move leaves where it is.
    OpenBatch& operator=(OpenBatch&&) = default;

    const BatchView& batch() const { return batch_; }
    const std::vector<RecordView>& records() const { return records_; }
    Offset offset_of(const RecordView& record) const { return batch_.base_offset() + record.offset_delta; }
    // When its tombstones may go; nothing while nobody has said.
    std::optional<Timestamp> delete_horizon() const;

    // The batch with those records alone that `keep` says yes to, in the same codec. `horizon`: until when
    // its tombstones stay from now on. REQUIRES: as many as there are records.
    std::vector<std::byte> with(const std::vector<bool>& keep, std::optional<Timestamp> horizon) const;

private:
    explicit OpenBatch(const BatchView& batch) : batch_(batch) {}
    BatchView batch_;
    std::vector<std::byte> opened_;
    std::vector<RecordView> records_;
};

// One without records in the place of [base, until). REQUIRES: base < until, at most 2^31 apart.
std::vector<std::byte> empty_batch(Offset base, Offset until, std::int32_t leader_epoch);

}  // namespace fulmar::wire
