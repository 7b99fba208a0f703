#include "log/scrub.h"

#include "log/batch_scan.h"

namespace fulmar {

// `at` is a boundary. No entry may lie in front of it that was not met, and one at its place must agree.
void Scrub::check_index(LogPoint at) {
    while (index_is_right_ && next_entry_ < view_.index.size()) {
        auto entry = view_.index.entry(next_entry_);
        if (entry && entry->at.position > at.position) return;
        index_is_right_ = entry && entry->at == at;
        ++next_entry_;
    }
}

Result<Scrub::Step> Scrub::step(std::uint64_t bytes_max) {
    if (full_ && at_.position == 0)
        if (auto dropped = view_.file->drop_cache(); !dropped) return std::unexpected(dropped.error());
    Step step;
    BatchWalk walk(*view_.file, at_, view_.end.position);
    while (step.bytes < bytes_max) {
        auto header = walk.header();
        if (!header && header.error() != Error::damaged) return std::unexpected(header.error());
        if (header && !*header) {
            check_index(walk.at());
            step.done = true;
            break;
        }
        auto batch = header ? walk.batch() : Result<wire::BatchView>(std::unexpected(Error::damaged));
        if (!batch && batch.error() != Error::damaged) return std::unexpected(batch.error());
        bool right = batch && batch->leader_epoch() >= 0 && batch->leader_epoch() <= view_.leader_epoch_max;
        auto from = walk.at();
        if (right) {
            check_index(from);
            step.bytes += batch->size();
            walk.step(*batch);
            continue;
        }
        auto behind = boundary_behind(*view_.file, from, view_.end, view_.leader_epoch_max);
        if (!behind) return std::unexpected(behind.error());
        damage_.push_back({from, *behind});
        step.bytes += behind->position - from.position;
        // What the index says of the damaged part is not looked at.
        auto past =
            view_.index.count_where([&](const IndexEntry& e) { return e.at.position < behind->position; });
        if (past) next_entry_ = std::max(next_entry_, *past);
        walk = BatchWalk(*view_.file, *behind, view_.end.position);
    }
    at_ = walk.at();
    if (step.done && full_)
        if (auto dropped = view_.file->drop_cache(); !dropped) return std::unexpected(dropped.error());
    return step;
}

}  // namespace fulmar
