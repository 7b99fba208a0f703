// Steps from batch to batch through a log file, reading headers, in few reads. Not for damaged files: it
// trusts lengths that recovery has checked. Private to `log`; one thread at a time.
#pragma once

#include "log/partition_log.h"

namespace fulmar {

class BatchWalk {
public:
    BatchWalk(File& file, LogPoint from, std::uint64_t until) : file_(&file), at_(from), until_(until) {}
    // The header of the batch at `at`; nothing at the end. The view lasts until the next call.
    Result<std::optional<wire::BatchView>> header();
    // The whole batch at `at`. REQUIRES: `header` gave one.
    Result<std::vector<std::byte>> batch();
    void step(const wire::BatchView& over);
    LogPoint at() const { return at_; }

private:
    static constexpr std::size_t chunk_bytes = 8192;
    File* file_;
    LogPoint at_;
    std::uint64_t until_;
    std::vector<std::byte> chunk_;
    std::uint64_t chunk_position_ = 0;
};

}  // namespace fulmar
