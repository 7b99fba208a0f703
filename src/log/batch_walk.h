// Steps from batch to batch through a segment, reading headers, in few reads. A header that does not
// continue what is in front of it is damage; checksums are looked at only where a whole batch is read.
// Private to `log`; one thread at a time.
#pragma once

#include <vector>

#include "log/index.h"
#include "wire/records.h"

namespace fulmar {

class BatchWalk {
public:
    // `from`: a boundary, its position one in the file. It ends at the position `until`, a boundary too.
    BatchWalk(File& file, LogPoint from, std::uint64_t until)
        : file_(&file), at_(from), previous_(from), until_(until) {}
    // The header of the batch at `at`; nothing at the end. The view lasts until the next call.
    Result<std::optional<wire::BatchView>> header();
    // The whole batch at `at`, with its checksum found right. REQUIRES: `header` gave one. The view lasts
    // until the next call.
    Result<wire::BatchView> batch();
    void step(const wire::BatchView& over);
    LogPoint at() const { return at_; }
    // Of the batch in front, whose header led here; at the beginning, here.
    LogPoint previous() const { return previous_; }

private:
    // The bytes at `at`, `wanted` of them or what there is.
    Result<Bytes> bytes(std::size_t wanted, std::size_t read_at_least);

    static constexpr std::size_t chunk_bytes = 8192, batch_chunk_bytes = 256 * 1024;
    File* file_;
    LogPoint at_, previous_;
    std::uint64_t until_;
    std::vector<std::byte> chunk_;
    std::uint64_t chunk_position_ = 0;
};

}  // namespace fulmar
