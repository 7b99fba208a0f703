// Faults that the simulator plants, one at a time, to prove that it would find them. The archives only ask;
// the answer is linked in. In the product nothing is planted (planted.cc), and nothing can be: only the
// simulator's binary has the switch.
#pragma once

#include <cstdint>

namespace fulmar {

enum class Bug : std::uint8_t {
    none,
    ack_before_sync,           // The answer does not wait for fdatasync.
    directory_not_synced,      // No fsync of the directory after a file was made in it.
    torn_tail_accepted,        // Recovery does not look at checksums.
    sync_error_retried,        // A failed fdatasync is tried again, and believed.
    clean_marker_kept,         // The marker of a clean stop outlives the start.
    dedupe_window_of_four,     // A producer's fifth batch back is forgotten.
    duplicate_acked_early,     // A duplicate is acknowledged before its first is durable.
    answers_swapped,           // Two answers of a connection leave in the wrong order.
    timer_outlives_owner,      // The deadline of a wait that has ended ends the next request's wait.
    read_past_durable_end,     // Consumers see what is not durable.
    sync_vouches_for_later,    // A sync counts for what was written while it ran.
    damage_taken_for_end,      // A damaged partition ends where the damage begins.
    epoch_not_checked,         // Recovery does not look at what no checksum covers.
    time_search_begins_late,   // The search for a time stamp skips a piece.
    index_trusted,             // Nobody looks whether an index says what was written.
    retention_by_record_time,  // Old is what its producer has stamped so.
    retention_past_high_watermark,
    tombstones_go_at_once,          // Compaction keeps them no longer than any other record.
    tombstones_stay,                // Compaction never removes one.
    last_producer_batch_dropped,    // Compaction leaves nothing of a producer whose records were superseded.
    compacted_not_synced,           // The name of a compacted segment is not durable before its sources go.
    checkpoint_leads,               // A checkpoint says more is durable than is.
    index_never_written,            // It stays in memory, eight entries a batch, until the next start.
    deleted_topic_meets_successor,  // A topic's id, and so its directory, is its name's.
    lost_directory_begun_anew,      // What stands in a directory that is away is begun elsewhere, empty.
    older_copy_taken,               // A directory that is an older copy of itself is served.
    core_waits_for_disk,            // A core writes itself to a disk that may hang, and all wait for it.
    failed_directory_goes_on,       // A directory in which a sync has failed is written to.
    idle_buffer_kept,               // A connection keeps a large receive buffer while nothing comes.
    receive_buffer_freed,           // An idle connection's buffer goes while its socket waits to fill it.
    offsets_while_loading,          // A coordinator answers before it has read its log.
    offsets_expire_in_use,          // Also those of topics that a group's members consume.
    assignment_replaced,            // A generation's leader may assign again what members were told.
    rebalance_without_deadline,     // It waits for members that are there, and do not join.
    late_member_timer,              // The timer of a static member that was replaced rings for its successor.
    answer_before_commit,           // A machine's answers do not wait until its log has what they rest on.
    old_generation_commits,         // Offsets are taken from a member of an earlier generation.
    taken_before_released,          // A consumer gets partitions that another one has not given back yet.
    old_epoch_commits,              // Offsets are taken from a consumer of an earlier epoch.
    revocation_without_deadline,    // A consumer may take its time to give back partitions.
    epochs_not_logged,              // What a consumer has, and in which epoch, the log is not told.
    lost_answer_fences,             // A consumer that has not heard of its next epoch is not heard either.
    migration_loses_member,         // A group that goes over to the newer protocol leaves one behind.
    cut_batch_is_damage,            // A machine's log that goes on behind what was read at once is damaged.
};

// Where one stands.
bool planted(Bug bug);

}  // namespace fulmar
