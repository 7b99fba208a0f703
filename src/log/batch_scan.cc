#include "log/batch_scan.h"

#include <algorithm>
#include <set>

#include "base/planted.h"

namespace fulmar {

using wire::BatchView, wire::batch_header_bytes;

Result<Bytes> Window::at(std::uint64_t position, std::size_t wanted) {
    wanted = std::min<std::uint64_t>(wanted, size_ - position);
    bool held = position >= start_ && position + wanted <= start_ + bytes_.size();
    if (!held) {
        bytes_.resize(std::min<std::uint64_t>(std::max<std::size_t>(wanted, piece_bytes), size_ - position));
        start_ = position;
        auto got = file_.read(position, bytes_);
        if (!got) return std::unexpected(got.error());
        bytes_.resize(*got);
    }
    return Bytes(bytes_).subspan(position - start_);
}

Result<std::optional<BatchView>> valid_batch(Window& window, std::uint64_t position, std::uint64_t size,
                                             std::optional<Offset> offset, std::int32_t epoch_max) {
    auto none = std::optional<BatchView>();
    auto head = window.at(position, batch_header_bytes);
    if (!head) return std::unexpected(head.error());
    if (head->size() < batch_header_bytes) return none;
    BatchView header(*head);
    if (header.magic() != wire::magic_2 ||
        load_big<std::int32_t>(head->data() + 8) < std::int32_t(wire::batch_length_min))
        return none;
    if (header.size() > size - position) return none;
    bool epoch_fits = header.leader_epoch() >= 0 && header.leader_epoch() <= epoch_max;
    if (!epoch_fits && !planted(Bug::epoch_not_checked)) return none;
    if (header.last_offset_delta() < 0 || (offset && header.base_offset() != *offset)) return none;
    auto all = window.at(position, header.size());
    if (!all) return std::unexpected(all.error());
    auto batch = BatchView::whole(*all);
    if (!batch) return none;
    if (!batch->crc_matches() && !planted(Bug::torn_tail_accepted)) return none;
    return batch;
}

Result<bool> valid_batch_follows(Window& window, std::uint64_t position, std::uint64_t size, Offset offset) {
    constexpr std::size_t magic_at = 16;
    // Producers choose what lies here, and may have filled it with headers that claim large batches. Beyond
    // so many bytes looked at for nothing it is taken for granted: then the bytes are kept.
    auto left = 16 * (size - position) + (1 << 20);
    while (position + batch_header_bytes <= size) {
        auto bytes = window.at(position, 64 << 10);
        if (!bytes) return std::unexpected(bytes.error());
        auto here = bytes->size();
        if (here < batch_header_bytes) return false;
        std::size_t i = 0;
        for (; i + batch_header_bytes <= here; ++i) {
            if ((*bytes)[i + magic_at] != std::byte(wire::magic_2)) continue;
            auto base = Offset{load_big<std::int64_t>(bytes->data() + i)};
            if (base < offset || base - offset > INT32_MAX) continue;
            auto claimed = BatchView(bytes->subspan(i)).size();
            if (claimed > size - position - i) continue;
            auto batch = valid_batch(window, position + i, size, std::nullopt, INT32_MAX);
            if (!batch) return std::unexpected(batch.error());
            if (*batch || claimed > left) return true;
            left -= claimed;
            bytes = window.at(position, here);
            if (!bytes) return std::unexpected(bytes.error());
        }
        position += i;
    }
    return false;
}

Result<LogPoint> boundary_behind(File& file, LogPoint from, LogPoint until, std::int32_t epoch_max) {
    constexpr std::size_t magic_at = 16;
    // Right batches that do not lead to `until`: each is looked at once, however many lead there. Producers
    // may have written any number of them, so only so many are remembered.
    constexpr std::size_t remembered_max = 100'000;
    std::set<std::uint64_t> leads_nowhere;  // Positions, from that of the search on.
    Window window(file, until.position);
    auto left =
        16 * (until.position - from.position) + (1 << 20);  // As above: producers choose what lies here.
    for (auto position = from.position + 1; position + batch_header_bytes <= until.position; ++position) {
        leads_nowhere.erase(leads_nowhere.begin(), leads_nowhere.lower_bound(position));
        auto here = window.at(position, batch_header_bytes);
        if (!here) return std::unexpected(here.error());
        if ((*here)[magic_at] != std::byte(wire::magic_2)) continue;
        auto base = BatchView(*here).base_offset();
        if (base <= from.offset || base >= until.offset) continue;
        LogPoint walk{base, position};
        while (walk.position < until.position && walk.offset < until.offset &&
               !leads_nowhere.contains(walk.position)) {
            auto next = window.at(walk.position, batch_header_bytes);
            if (!next) return std::unexpected(next.error());
            if (next->size() < batch_header_bytes) break;
            auto claimed = BatchView(*next).size();
            if (claimed > until.position - walk.position) break;
            if (claimed > left) return until;
            left -= claimed;
            auto batch = valid_batch(window, walk.position, until.position, walk.offset, epoch_max);
            if (!batch) return std::unexpected(batch.error());
            if (!*batch) break;
            if (leads_nowhere.size() < remembered_max) leads_nowhere.insert(walk.position);
            walk = {(*batch)->next_offset(), walk.position + (*batch)->size()};
            if (walk == until) return LogPoint{base, position};
        }
    }
    return until;
}

}  // namespace fulmar
