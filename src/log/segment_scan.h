// Reads a segment from front to end with all checksums, and says what is a batch there and what is not: for
// whoever looks at a log that no broker serves. Private to `log` and the tools; for jobs.
//
// Where offsets are left out between batches, what had them is missing: a damaged range without bytes. Other
// damage goes to where right batches begin again.
#pragma once

#include "log/batch_scan.h"

namespace fulmar {

// A batch, or a damaged range between batches. Offsets [from, until), bytes [position, position + bytes).
struct ScanPiece {
    enum class Kind : std::uint8_t {
        batch,
        unreadable,  // No whole batch, or its checksum is not right; or missing.
        misplaced,   // A right one that says the wrong offset or epoch, which no checksum covers.
    };
    Kind kind = Kind::batch;
    std::uint64_t position = 0, bytes = 0;
    Offset from{}, until{};
    bool until_known = true;  // False: it is the rest of the file, and nobody knows what offsets were in it.
    std::int32_t leader_epoch = 0;  // Of what stands in front.
    std::int64_t offsets = 0;       // Of a misplaced batch: how many it has.
    // Of a batch; its bytes last until the next call.
    std::optional<wire::BatchView> batch{};
    std::uint64_t end() const { return position + bytes; }
    bool damaged() const { return kind != Kind::batch; }
    bool missing() const { return damaged() && bytes == 0; }
    // One misplaced batch that fits what it stands in: then it is known where it belongs.
    bool fits_here() const { return kind == Kind::misplaced && until_known && offsets == until - from; }
};

struct ScanRules {
    Offset base{};  // Of the segment.
    std::uint64_t size = 0;
    bool base_known = true;                    // False: it begins at any offset.
    std::optional<Offset> next_base{};         // Where it ends for good, and the next segment begins;
    std::optional<std::int32_t> next_epoch{};  // and the epoch of its first batch.
    std::optional<LogPoint> known{};           // A boundary that is known otherwise.
    std::int32_t leader_epoch_min = 0;         // Of what stands in front.
    std::int32_t leader_epoch_max = INT32_MAX;
    bool one_epoch = false;        // The log was written in one.
    const Index* index = nullptr;  // Shows boundaries behind damage.
};

class SegmentScan {
public:
    SegmentScan(std::shared_ptr<File> file, const ScanRules& rules)
        : file_(std::move(file)),
          rules_(rules),
          window_(*file_, rules.size),
          at_{rules.base, 0},
          epoch_(rules.leader_epoch_min) {}
    // Nothing at the end.
    Result<std::optional<ScanPiece>> next();
    // Behind what was read.
    LogPoint at() const { return at_; }
    std::int32_t epoch() const { return epoch_; }

private:
    // The batch at a position when it can stand there, behind what is at `at_`. `right`: it is one at all.
    struct Seen {
        std::optional<wire::BatchView> batch;
        bool right = false, fits = false;
    };
    Result<Seen> look(std::uint64_t position);
    Result<bool> next_contradicts(std::uint64_t position, const wire::BatchView& batch);
    Result<std::uint64_t> behind(std::uint64_t position, std::uint64_t size_if_right);
    Result<std::optional<std::uint64_t>> chain_behind(std::uint64_t position);
    std::optional<LogPoint> known_behind(std::uint64_t position) const;

    std::shared_ptr<File> file_;
    ScanRules rules_;
    Window window_;
    LogPoint at_;
    std::int32_t epoch_;
};

}  // namespace fulmar
