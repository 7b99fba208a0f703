#include "log/cold_read.h"

namespace fulmar {

bool is_cached(const FileRange& range) {
    return range.length == 0 ||
           (range.file->cached(range.position) && range.file->cached(range.position + range.length - 1));
}

Result<> read_ahead(const FileRange& range, Offset base) {
    std::vector<std::byte> bytes(range.length);
    auto got = range.file->read(range.position, bytes);
    if (!got) return std::unexpected(got.error());
    if (*got < bytes.size()) return std::unexpected(Error::damaged);
    for (Bytes left = bytes; left.size() >= wire::batch_header_bytes;) {
        auto size = wire::BatchView(left).size();
        if (size > left.size()) break;
        auto batch = wire::BatchView::whole(left);
        if (!batch || !batch->crc_matches() || batch->base_offset() != base)
            return std::unexpected(Error::damaged);
        base = batch->next_offset();
        left = left.subspan(batch->size());
    }
    return {};
}

}  // namespace fulmar
