#include "log/batch_walk.h"

namespace fulmar {

using wire::BatchView, wire::batch_header_bytes;

Result<std::optional<BatchView>> BatchWalk::header() {
    if (at_.position >= until_) return std::optional<BatchView>();
    auto end = chunk_position_ + chunk_.size();
    if (at_.position < chunk_position_ || at_.position + batch_header_bytes > end) {
        chunk_.resize(chunk_bytes);
        chunk_position_ = at_.position;
        auto got = file_->read(chunk_position_, chunk_);
        if (!got) return std::unexpected(got.error());
        chunk_.resize(*got);
        if (*got < batch_header_bytes) return std::unexpected(Error::damaged);
    }
    auto here = Bytes(chunk_).subspan(at_.position - chunk_position_);
    BatchView view(here);
    if (view.magic() != wire::magic_2 || view.base_offset() != at_.offset ||
        at_.position + view.size() > until_)
        return std::unexpected(Error::damaged);
    return std::optional(view);
}
Result<std::vector<std::byte>> BatchWalk::batch() {
    auto view = header();
    if (!view) return std::unexpected(view.error());
    CHECK(view->has_value());
    std::vector<std::byte> bytes((*view)->size());
    auto got = file_->read(at_.position, bytes);
    if (!got) return std::unexpected(got.error());
    auto whole = BatchView::whole(bytes);
    if (*got < bytes.size() || !whole || !whole->crc_matches()) return std::unexpected(Error::damaged);
    return bytes;
}
void BatchWalk::step(const BatchView& over) { at_ = {over.next_offset(), at_.position + over.size()}; }

}  // namespace fulmar
