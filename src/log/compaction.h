// Compaction: of full segments at the front of a log only the last record of each key stays, at the offset
// that it has; the rest goes (cleanup.policy=compact). For jobs, in steps, so that whoever paces it may wait
// in between.
//
// A pass first reads what was not compacted yet and notes where each key stands last (log/key_map.h), as far
// as memory allows. Then it writes all segments in front of that anew, several small ones into one; each
// takes the place of its sources with its name (log/segment_name.h), and a crash leaves the old ones or the
// new one. Offsets stay dense (wire/compacted_batch.h).
//
// A record without a value says that its key is gone. It stays until a time that the first pass writes into
// its batch, so that whoever reads from the start meanwhile learns of it (delete.retention.ms, KIP-534). Of
// each producer the last batch stays, without records if need be: so what a partition knows of its producers
// can be read from its log. What is damaged, or cannot be opened, stays as it is; tombstones behind that stay
// too, since an older record of their key may lie in it. Transactions' batches stay as they are.
#pragma once

#include <map>

#include "log/batch_walk.h"
#include "log/key_map.h"
#include "log/log_view.h"
#include "wire/compacted_batch.h"

namespace fulmar {

struct CompactionRules {
    Offset log_start{};
    Offset from{};               // What stands in front was compacted already.
    Timestamp now{}, horizon{};  // Until when tombstones stay that are found first now.
    std::size_t map_bytes_max = 0;
    std::uint64_t secret = 0;  // For the map.
    std::uint64_t segment_bytes = 1 << 30, index_bytes_max = 10 << 20,
                  index_interval_bytes = Index::usual_interval_bytes;
    std::int32_t leader_epoch_max = INT32_MAX;
    std::map<ProducerId, Offset> producers{};  // Where the last batch of each ends.
};

class Compaction {
public:
    // `segments`: full ones, the first of the log and those behind it, up to `end`. Their `last` is known.
    Compaction(std::shared_ptr<Directory> directory, std::vector<Segment> segments, Offset end,
               CompactionRules rules);

    struct Step {
        std::uint64_t bytes = 0;      // Read and written.
        std::optional<Segment> made;  // On the disk, durably. Its sources are dead: tell the log.
        bool done = false;
    };
    // Goes on with about so much. After an error that is not `damaged` the pass is over; `give_up` then.
    Result<Step> step(std::uint64_t bytes_max);
    // Removes what is half made.
    Result<> give_up();

    // When it is done: all in front of this is compacted.
    Offset until() const { return until_; }
    // And when the first of the tombstones that stay may go.
    std::optional<Timestamp> next_horizon() const { return next_horizon_; }

    struct Outcome {
        std::uint64_t bytes_before = 0, bytes_after = 0, records_removed = 0;
    };
    const Outcome& outcome() const { return outcome_; }

private:
    struct Source {
        Segment segment;
        LogPoint end;  // Its position that in the file.
        bool damaged = false;
    };
    // What becomes of a group of sources.
    struct Made {
        std::size_t first = 0, last = 0;  // Sources [first, last).
        SegmentName name;
        std::shared_ptr<File> file;
        std::vector<std::byte> buffer;  // Not written yet.
        std::uint64_t written = 0;
        IndexEntry here;
        std::uint64_t last_entry_position = 0;
        std::vector<IndexEntry> entries;
        // What has been taken out in front, and needs a batch in its place.
        std::optional<Offset> gap;
        std::int32_t gap_epoch = 0;
        bool changed = false;
        bool index_begun = false;
        std::uint64_t records_removed = 0;
        std::optional<Timestamp> next_horizon;
    };

    Result<std::optional<wire::BatchView>> next_batch();
    Result<> map_more(Step& step, std::uint64_t bytes_max);
    Result<> copy_more(Step& step, std::uint64_t bytes_max);
    bool note_keys(const wire::BatchView& batch);
    Result<> begin_group(std::size_t first);
    Result<> copy(const wire::BatchView& batch);
    Result<> put(Bytes batch);
    Result<> fill_gap(Offset until);
    Result<> flush();
    Result<> finish_group(Step& step);
    Result<> drop_group();

    std::shared_ptr<Directory> directory_;
    std::vector<Source> sources_;
    const CompactionRules rules_;
    KeyMap keys_;
    Offset until_;
    bool mapping_ = true;
    std::size_t at_ = 0;  // The source that is read.
    std::optional<BatchWalk> walk_;
    std::optional<Made> made_;
    bool careful_ = false;  // Something in front could not be looked into.
    std::optional<Timestamp> next_horizon_;
    Outcome outcome_;
};

}  // namespace fulmar
