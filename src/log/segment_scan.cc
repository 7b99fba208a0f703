#include "log/segment_scan.h"

namespace fulmar {

using wire::BatchView, wire::batch_header_bytes;

Result<SegmentScan::Seen> SegmentScan::look(std::uint64_t position) {
    auto head = window_.at(position, batch_header_bytes);
    if (!head) return std::unexpected(head.error());
    if (head->size() < batch_header_bytes) return Seen{};
    auto claimed = BatchView(*head).size();
    bool fits_file = claimed >= batch_header_bytes && claimed <= rules_.size - position;
    if (!fits_file) return Seen{};
    // With the next one's header, so that a look at that does not take this one's bytes away.
    if (auto both = window_.at(position, claimed + batch_header_bytes); !both)
        return std::unexpected(both.error());
    auto batch = valid_batch(window_, position, rules_.size, std::nullopt, INT32_MAX);
    if (!batch) return std::unexpected(batch.error());
    if (!*batch) return Seen{};
    auto base = (*batch)->base_offset(), next = (*batch)->next_offset();
    auto epoch = (*batch)->leader_epoch();
    auto end = rules_.next_base.value_or(Offset{INT64_MAX});
    bool before_known =
        !rules_.known || position + claimed > rules_.known->position || next <= rules_.known->offset;
    Seen seen{*batch, true,
              base >= at_.offset && next > base && next <= end &&
                  (!rules_.base_known || base - rules_.base <= UINT32_MAX) && before_known &&
                  epoch >= epoch_ && epoch <= rules_.leader_epoch_max};
    if (!seen.fits) return seen;
    auto contradicts = next_contradicts(position, *seen.batch);
    if (!contradicts) return std::unexpected(contradicts.error());
    seen.fits = !*contradicts;
    auto again = window_.at(position, claimed);
    if (!again) return std::unexpected(again.error());
    seen.batch = BatchView::whole(*again);
    return seen;
}

// Of two batches that contradict each other one lies. It is this one when the next fits without it, and it
// does not itself follow what is in front.
Result<bool> SegmentScan::next_contradicts(std::uint64_t position, const BatchView& batch) {
    auto base = batch.base_offset(), next = batch.next_offset();
    auto epoch = batch.leader_epoch();
    bool suspect = base > at_.offset || epoch > epoch_;
    if (!suspect) return false;
    auto follows = position + batch.size();
    if (follows == rules_.size) {
        if (!rules_.next_base) return rules_.one_epoch && at_.position > 0 && epoch > epoch_;
        return rules_.next_epoch && *rules_.next_epoch < epoch && *rules_.next_epoch >= epoch_;
    }
    if (follows + batch_header_bytes > rules_.size) return false;
    auto header = window_.at(follows, batch_header_bytes);
    if (!header) return std::unexpected(header.error());
    if (header->size() < batch_header_bytes) return false;
    BatchView after(*header);
    bool fits = after.base_offset() >= at_.offset && after.leader_epoch() >= epoch_;
    if (!fits || (after.base_offset() >= next && after.leader_epoch() >= epoch)) return false;
    auto whole = valid_batch(window_, follows, rules_.size, std::nullopt, INT32_MAX);
    if (!whole) return std::unexpected(whole.error());
    return whole->has_value();
}

std::optional<LogPoint> SegmentScan::known_behind(std::uint64_t position) const {
    std::optional<LogPoint> nearest;
    if (rules_.known && rules_.known->position > position) nearest = rules_.known;
    else if (rules_.next_base) nearest = LogPoint{*rules_.next_base, rules_.size};
    if (!rules_.index) return nearest;
    auto past = rules_.index->count_where([&](const IndexEntry& e) { return e.at.position <= position; });
    for (auto n = past.value_or(rules_.index->size()); n < rules_.index->size(); ++n) {
        auto entry = rules_.index->entry(n);
        if (!entry) continue;
        bool before = entry->at.position <= rules_.size && entry->at.offset > at_.offset &&
                      (!nearest || entry->at.position < nearest->position);
        if (before) nearest = entry->at;
        break;
    }
    return nearest;
}

// The first position behind the damage from which right batches lead to the file's end.
Result<std::optional<std::uint64_t>> SegmentScan::chain_behind(std::uint64_t position) {
    constexpr std::size_t magic_at = 16;
    auto left = 16 * (rules_.size - position) + (1 << 20);  // Producers choose what lies here.
    for (auto from = position + 1; from + batch_header_bytes <= rules_.size; ++from) {
        auto here = window_.at(from, batch_header_bytes);
        if (!here) return std::unexpected(here.error());
        if ((*here)[magic_at] != std::byte(wire::magic_2)) continue;
        auto offset = at_.offset + 1;
        auto walk = from;
        while (walk < rules_.size) {
            auto head = window_.at(walk, batch_header_bytes);
            if (!head) return std::unexpected(head.error());
            if (head->size() < batch_header_bytes || BatchView(*head).base_offset() < offset) break;
            auto claimed = BatchView(*head).size();
            if (claimed > rules_.size - walk || claimed > left) break;
            left -= claimed;
            auto batch = valid_batch(window_, walk, rules_.size, std::nullopt, rules_.leader_epoch_max);
            if (!batch) return std::unexpected(batch.error());
            if (!*batch) break;
            offset = (*batch)->next_offset();
            walk += (*batch)->size();
        }
        if (walk == rules_.size) return std::optional(from);
    }
    return std::optional<std::uint64_t>();
}

// Where to look next behind damage at `position`.
Result<std::uint64_t> SegmentScan::behind(std::uint64_t position, std::uint64_t size_if_right) {
    if (size_if_right > 0) return position + size_if_right;
    auto head = window_.at(position, batch_header_bytes);
    if (!head) return std::unexpected(head.error());
    // Often a batch's own header is unharmed, and leads on.
    if (head->size() == batch_header_bytes) {
        BatchView header(*head);
        auto claimed = header.size();
        auto next_offset = header.next_offset();
        bool likely = header.magic() == wire::magic_2 && header.base_offset() == at_.offset &&
                      claimed >= batch_header_bytes && claimed <= rules_.size - position;
        if (likely && position + claimed == rules_.size && rules_.next_base == next_offset)
            return rules_.size;
        if (likely && position + claimed < rules_.size) {
            auto seen = look(position + claimed);
            if (!seen) return std::unexpected(seen.error());
            if (seen->fits && seen->batch->base_offset() >= next_offset) return position + claimed;
        }
    }
    if (auto known = known_behind(position)) {
        auto found = boundary_behind(*file_, {at_.offset, position}, *known, rules_.leader_epoch_max);
        if (!found) return std::unexpected(found.error());
        return found->position;
    }
    auto chain = chain_behind(position);
    if (!chain) return std::unexpected(chain.error());
    return chain->value_or(rules_.size);
}

Result<std::optional<ScanPiece>> SegmentScan::next() {
    if (at_.position >= rules_.size) return std::optional<ScanPiece>();
    auto seen = look(at_.position);
    if (!seen) return std::unexpected(seen.error());
    if (seen->fits) {
        auto& batch = *seen->batch;
        bool begins = at_.position == 0 && !rules_.base_known;
        if (batch.base_offset() > at_.offset && !begins) {
            ScanPiece gap{.kind = ScanPiece::Kind::unreadable,
                          .position = at_.position,
                          .from = at_.offset,
                          .until = batch.base_offset(),
                          .leader_epoch = epoch_};
            at_.offset = gap.until;
            return std::optional(gap);
        }
        ScanPiece piece{.position = at_.position,
                        .bytes = batch.size(),
                        .from = batch.base_offset(),
                        .until = batch.next_offset(),
                        .batch = batch};
        epoch_ = batch.leader_epoch();
        at_ = {piece.until, piece.end()};
        return std::optional(piece);
    }
    ScanPiece piece{.kind = seen->right ? ScanPiece::Kind::misplaced : ScanPiece::Kind::unreadable,
                    .position = at_.position,
                    .from = at_.offset,
                    .leader_epoch = epoch_};
    if (seen->right) piece.offsets = seen->batch->next_offset() - seen->batch->base_offset();
    auto here = at_.position;
    for (int batches = 0;; ++batches) {
        if (batches > 0) piece.kind = ScanPiece::Kind::unreadable;
        auto on = behind(here, seen->right ? seen->batch->size() : 0);
        if (!on) return std::unexpected(on.error());
        here = *on;
        if (here >= rules_.size) break;
        seen = look(here);
        if (!seen) return std::unexpected(seen.error());
        if (seen->fits) break;
    }
    piece.bytes = here - at_.position;
    bool to_the_end = here >= rules_.size;
    bool known_end = rules_.known && rules_.known->position == here;
    if (!to_the_end) piece.until = seen->batch->base_offset();
    else if (known_end) piece.until = rules_.known->offset;
    else piece.until = rules_.next_base.value_or(at_.offset);
    piece.until_known = !to_the_end || known_end || rules_.next_base.has_value();
    at_ = {piece.until, here};
    return std::optional(piece);
}

}  // namespace fulmar
