#include "log/recovery.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log_sink.h"
#include "base/planted.h"

namespace fulmar {

using wire::BatchView, wire::batch_header_bytes;

namespace {

// Reads the file front to back in large pieces, and shows the bytes from a position on.
class Window {
public:
    Window(File& file, std::uint64_t size) : file_(file), size_(size) {}
    // At least `wanted` bytes from `position`, or all that are left.
    Result<Bytes> at(std::uint64_t position, std::size_t wanted) {
        wanted = std::min<std::uint64_t>(wanted, size_ - position);
        bool held = position >= start_ && position + wanted <= start_ + bytes_.size();
        if (!held) {
            bytes_.resize(
                std::min<std::uint64_t>(std::max<std::size_t>(wanted, piece_bytes), size_ - position));
            start_ = position;
            auto got = file_.read(position, bytes_);
            if (!got) return std::unexpected(got.error());
            bytes_.resize(*got);
        }
        return Bytes(bytes_).subspan(position - start_);
    }

private:
    static constexpr std::size_t piece_bytes = 1 << 20;
    File& file_;
    std::uint64_t size_, start_ = 0;
    std::vector<std::byte> bytes_;
};

// The batch at `position` when it is whole, right and begins at `offset`.
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

// Whether any whole batch of this log follows: at an offset from `offset` on, with a right checksum.
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

Result<> keep_in_quarantine(Directory& data, const std::string& name, File& from, std::uint64_t position,
                            std::uint64_t size) {
    auto quarantine = open_or_create_directory(data, "quarantine");
    if (!quarantine) return std::unexpected(quarantine.error());
    Result<std::shared_ptr<File>> kept = std::unexpected(Error::exists);
    for (int n = 0; !kept && kept.error() == Error::exists; ++n)
        kept = (*quarantine)->create(fmt::format("{}.{}.cut{}", name, position, n));
    if (!kept) return std::unexpected(kept.error());
    std::vector<std::byte> piece(1 << 20);
    for (std::uint64_t done = 0; position + done < size;) {
        auto got = from.read(position + done, piece);
        if (!got) return std::unexpected(got.error());
        if (*got == 0) break;
        Bytes part = Bytes(piece).first(*got);
        if (auto written = (*kept)->write(done, std::span(&part, 1)); !written) return written;
        done += *got;
    }
    if (auto synced = (*kept)->sync(); !synced) return synced;
    if (auto synced = (*quarantine)->sync(); !synced) return synced;
    return data.sync();
}

}  // namespace

Result<Recovered> recover(Directory& data, const std::string& name, RecoveryPoint point, Instant now) {
    auto directory = data.open_directory(name);
    if (!directory) return std::unexpected(directory.error());
    auto file = (*directory)->open(log_file_name(Offset{0}));
    Recovered found;
    if (!file && file.error() == Error::missing) {
        // A crash between the directory and its file; below a recovery point it is damage.
        if (point.offset > Offset{0}) found.damaged_at = LogPoint{};
        return found;
    }
    if (!file) return std::unexpected(file.error());
    if (!point.clean) {
        // The last life may have ended on a sync that failed; what was read ahead of that is not to be
        // believed.
        if (auto synced = (*file)->sync(); !synced) return std::unexpected(synced.error());
        if (auto dropped = (*file)->drop_cache(); !dropped) return std::unexpected(dropped.error());
    }
    auto size = (*file)->size();
    if (!size) return std::unexpected(size.error());

    Window window(**file, *size);
    std::vector<PartitionLog::IndexEntry> index{{}};
    LogPoint end;
    Timestamp largest{-1};
    while (end.position < *size) {
        auto batch = valid_batch(window, end.position, *size, end.offset, point.leader_epoch);
        if (!batch) return std::unexpected(batch.error());
        if (!*batch) break;
        auto& view = **batch;
        if (end.position - index.back().at.position >= PartitionLog::index_interval_bytes)
            index.push_back({end, largest});
        largest = std::max(largest, view.max_timestamp());
        if (view.has_producer()) found.sequences.appended(Sequences::Batch::of(view), now);
        end = {view.next_offset(), end.position + view.size()};
    }

    bool torn = end.position < *size;
    if (end.offset < point.offset || (torn && point.clean)) {
        found.damaged_at = end;
        log_error("{}: damaged at offset {} (byte {} of {}): served up to there, nothing is appended", name,
                  std::to_underlying(end.offset), end.position, *size);
    } else if (torn) {
        auto follows = valid_batch_follows(window, end.position, *size, end.offset);
        if (!follows) return std::unexpected(follows.error());
        found.bytes_cut = *size - end.position;
        found.loss_possible = *follows;
        if (*follows) {
            if (auto kept = keep_in_quarantine(data, name, **file, end.position, *size); !kept)
                return std::unexpected(kept.error());
            log_warning("{}: {} bytes cut at offset {} although a valid batch follows; kept in quarantine/",
                        name, found.bytes_cut, std::to_underlying(end.offset));
        } else {
            log_info("{}: torn tail of {} bytes cut at offset {}", name, found.bytes_cut,
                     std::to_underlying(end.offset));
        }
        if (auto cut = (*file)->truncate(end.position); !cut) return std::unexpected(cut.error());
    }
    // Also what the file's maker may have been killed before it came to: its name, and its directory's.
    if (auto synced = (*file)->sync(); !synced) return std::unexpected(synced.error());
    if (!planted(Bug::directory_not_synced)) {
        if (auto synced = (*directory)->sync(); !synced) return std::unexpected(synced.error());
        if (auto synced = data.sync(); !synced) return std::unexpected(synced.error());
    }
    found.log = PartitionLog(*file, std::move(index), end, largest);
    return found;
}

}  // namespace fulmar
