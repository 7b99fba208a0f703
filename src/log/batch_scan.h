// Reads that believe nothing: batches with their checksums, front to back, and how to go on behind damage.
// Private to `log`; for jobs.
#pragma once

#include <vector>

#include "log/index.h"
#include "wire/records.h"

namespace fulmar {

// Reads a file front to back in large pieces, and shows the bytes from a position on.
class Window {
public:
    Window(File& file, std::uint64_t size) : file_(file), size_(size) {}
    // At least `wanted` bytes from `position`, or all that are left.
    Result<Bytes> at(std::uint64_t position, std::size_t wanted);

private:
    static constexpr std::size_t piece_bytes = 1 << 20;
    File& file_;
    std::uint64_t size_, start_ = 0;
    std::vector<std::byte> bytes_;
};

// The batch at `position` when it is whole, right and begins at `offset`.
Result<std::optional<wire::BatchView>> valid_batch(Window& window, std::uint64_t position, std::uint64_t size,
                                                   std::optional<Offset> offset, std::int32_t epoch_max);

// Whether any whole batch of this log follows: at an offset from `offset` on, with a right checksum.
Result<bool> valid_batch_follows(Window& window, std::uint64_t position, std::uint64_t size, Offset offset);

// The first boundary behind the damage at `from` that batches lead on from, all of them right, just to
// `until`, a boundary that is known otherwise: so nothing that a producer has written into a record is taken
// for a batch. `until` when there is none.
Result<LogPoint> boundary_behind(File& file, LogPoint from, LogPoint until, std::int32_t epoch_max);

}  // namespace fulmar
