#include "log/batch_walk.h"

namespace fulmar {

using wire::BatchView, wire::batch_header_bytes;

Result<Bytes> BatchWalk::bytes(std::size_t wanted, std::size_t read_at_least) {
    auto end = chunk_position_ + chunk_.size();
    if (at_.position < chunk_position_ || at_.position + wanted > end) {
        auto most = std::max(wanted, read_at_least);
        chunk_.resize(std::size_t(std::min<std::uint64_t>(most, until_ - at_.position)));
        chunk_position_ = at_.position;
        auto got = file_->read(chunk_position_, chunk_);
        if (!got) return std::unexpected(got.error());
        chunk_.resize(*got);
    }
    return Bytes(chunk_).subspan(at_.position - chunk_position_);
}
Result<std::optional<BatchView>> BatchWalk::header() {
    if (at_.position >= until_) return std::optional<BatchView>();
    auto here = bytes(batch_header_bytes, chunk_bytes);
    if (!here) return std::unexpected(here.error());
    if (here->size() < batch_header_bytes) return std::unexpected(Error::damaged);
    BatchView view(*here);
    bool follows = view.magic() == wire::magic_2 && view.base_offset() == at_.offset &&
                   view.last_offset_delta() >= 0 && view.size() >= batch_header_bytes &&
                   view.size() <= until_ - at_.position;
    if (!follows) return std::unexpected(Error::damaged);
    return std::optional(view);
}
Result<BatchView> BatchWalk::batch() {
    auto view = header();
    if (!view) return std::unexpected(view.error());
    CHECK(view->has_value());
    auto all = bytes((*view)->size(), batch_chunk_bytes);
    if (!all) return std::unexpected(all.error());
    auto whole = BatchView::whole(*all);
    if (!whole || !whole->crc_matches()) return std::unexpected(Error::damaged);
    return *whole;
}
void BatchWalk::step(const BatchView& over) {
    previous_ = at_;
    at_ = {over.next_offset(), at_.position + over.size()};
}

}  // namespace fulmar
