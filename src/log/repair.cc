#include "log/repair.h"

#include <fmt/format.h>

#include <algorithm>

namespace fulmar {

namespace {

// Segments that hold nothing but holes; more offsets than these cover are given up at the front.
constexpr int front_holes_max = 64;

class Layout {
public:
    Layout(const PartitionAudit& audit, bool clean) : audit_(audit), clean_(clean) { repair_.audit = audit; }
    PartitionRepair run();

private:
    void fill_front();
    void lay_segment(std::size_t n);
    void tell();
    void hole(Offset from, Offset until, std::int32_t epoch);
    void begin(const SegmentName& name, Timestamp appended) {
        repair_.segments.push_back({.name = name, .base = name.base, .parts = {}, .appended = appended});
    }
    std::int32_t first_epoch() const {
        if (!audit_.epochs_seen.empty()) return audit_.epochs_seen.front().epoch;
        return audit_.epochs.empty() ? 0 : audit_.epochs.front().epoch;
    }
    // What is missing behind a segment comes into one of its own. In a compacted one it must stay that its
    // name speaks of, and nothing else may.
    static bool behind(const PartitionAudit::Segment& segment, const ScanPiece& piece) {
        return piece.missing() && piece.position == segment.size && piece.from > segment.base &&
               piece.from >= segment.name.end;
    }

    const PartitionAudit& audit_;
    const bool clean_;
    PartitionRepair repair_;
};

// Goes on in a new segment where one would span too many offsets.
void Layout::hole(Offset from, Offset until, std::int32_t epoch) {
    while (from < until) {
        auto& into = repair_.segments.back();
        auto room = into.name.compacted() ? std::min<std::int64_t>(into.name.end - from, INT32_MAX)
                                          : INT32_MAX - (from - into.base);
        if (room <= 0) {
            begin(from, into.appended);
            continue;
        }
        auto to = from + std::min<std::int64_t>(room, until - from);
        repair_.segments.back().parts.push_back(
            {.kind = PartitionRepair::Part::Kind::hole, .from = from, .until = to, .leader_epoch = epoch});
        from = to;
    }
}

void Layout::fill_front() {
    repair_.start = audit_.start;
    bool none = audit_.segments.empty();
    if (none && !audit_.end_lost) return;
    auto first = none ? repair_.end : audit_.segments.front().base;
    if (first <= repair_.start) return;
    repair_.start = std::max(repair_.start, first + -std::int64_t(INT32_MAX) * front_holes_max);
    begin(repair_.start, Timestamp{-1});
    hole(repair_.start, first, first_epoch());
}

void Layout::lay_segment(std::size_t n) {
    using Kind = PartitionRepair::Part::Kind;
    auto& segment = audit_.segments[n];
    bool anew = std::ranges::any_of(segment.damaged, [&](auto& piece) { return !behind(segment, piece); });
    if (anew) begin(segment.name, segment.appended);
    std::uint64_t done = anew ? 0 : segment.size;
    auto copy = [&](std::uint64_t until) {
        if (until > done)
            repair_.segments.back().parts.push_back(
                {.kind = Kind::copy, .old_segment = segment.name, .position = done, .bytes = until - done});
        done = until;
    };
    for (auto& piece : segment.damaged) {
        copy(piece.position);
        bool none_in_front = piece.position == 0 && n == 0;
        auto epoch = none_in_front ? first_epoch() : piece.leader_epoch;
        auto until = piece.until_known ? piece.until : audit_.end_lost ? repair_.end : piece.from;
        if (behind(segment, piece) && piece.from < until) begin(piece.from, segment.appended);
        if (piece.fits_here())
            repair_.segments.back().parts.push_back({.kind = Kind::placed,
                                                     .old_segment = segment.name,
                                                     .position = piece.position,
                                                     .bytes = piece.bytes,
                                                     .from = piece.from,
                                                     .until = piece.until,
                                                     .leader_epoch = epoch});
        else hole(piece.from, until, epoch);
        done = piece.end();
    }
    copy(segment.size);
}

void Layout::tell() {
    auto& says = repair_.says;
    auto number = [](Offset offset) { return std::to_underlying(offset); };
    if (audit_.directory.empty()) says.push_back("make its directory again");
    for (auto& segment : repair_.segments)
        for (auto& part : segment.parts) {
            if (part.kind == PartitionRepair::Part::Kind::placed)
                says.push_back(fmt::format("give the batch at byte {} of {} its offset {} and epoch {} back",
                                           part.position, log_file_name(part.old_segment), number(part.from),
                                           part.leader_epoch));
            if (part.kind == PartitionRepair::Part::Kind::hole)
                says.push_back(fmt::format("leave a hole at offsets {} to {}", number(part.from),
                                           number(part.until) - 1));
        }
    for (auto& segment : audit_.segments) {
        for (auto& piece : segment.damaged)
            if (piece.bytes > 0 && !piece.fits_here())
                says.push_back(fmt::format("move {} bytes from byte {} of {} to quarantine/", piece.bytes,
                                           piece.position, log_file_name(segment.name)));
        if (!segment.index_right) says.push_back(fmt::format("make {} anew", index_file_name(segment.name)));
    }
    for (auto base : audit_.indexes_alone)
        says.push_back(fmt::format("move {} to quarantine/", index_file_name(base)));
    for (auto& snapshot : audit_.snapshots)
        if (!snapshot.right)
            says.push_back(fmt::format("move {:020}.producers to quarantine/", number(snapshot.at)));
    if (!audit_.epochs_right) says.push_back("make the file epochs anew");
    if (audit_.active_missing && !audit_.end_lost)
        says.push_back("begin the segment that it goes on in anew");
    if (audit_.compacted_too_far) says.push_back("move the file compacted to quarantine/");
    if (repair_.point_moves)
        says.push_back(fmt::format("let the log go on at offset {}", number(repair_.end)));
    if (repair_.start > audit_.start)
        says.push_back(fmt::format("let the log begin at offset {}", number(repair_.start)));
}

PartitionRepair Layout::run() {
    repair_.end = audit_.end;
    if (audit_.end_lost) {
        bool exact = clean_ && !audit_.believed;
        repair_.end = audit_.given + (exact ? 0 : unknown_offsets);
    }
    bool ends_elsewhere = clean_ && audit_.end != audit_.point.offset;
    repair_.point_moves = audit_.end_lost || (!audit_.segments.empty() &&
                                              (audit_.believed || !audit_.point_right || ends_elsewhere));
    fill_front();
    for (std::size_t n = 0; n < audit_.segments.size(); ++n) lay_segment(n);
    if (audit_.active_missing) {
        auto& last = audit_.segments.back();
        repair_.point_moves = true;
        if (repair_.segments.empty() || repair_.segments.back().base < last.name.end)
            begin(last.name.end, last.appended);
    }
    tell();
    return std::move(repair_);
}

}  // namespace

std::optional<PartitionRepair> repair_of(const PartitionAudit& audit, bool clean) {
    if (audit.damage.empty() && !audit.believed) return std::nullopt;
    auto repair = Layout(audit, clean).run();
    if (repair.says.empty()) return std::nullopt;
    return repair;
}

std::vector<std::byte> hole_batch(Offset from, Offset until, std::int32_t leader_epoch) {
    CHECK(from < until && until - from <= INT32_MAX);
    auto batch = wire::BatchBuilder().finish();
    auto header = std::span<std::byte, wire::batch_header_bytes>(batch);
    store_big(&batch[23], std::int32_t(until - from - 1));
    for (auto stamp : {27, 35}) store_big(&batch[std::size_t(stamp)], std::int64_t(-1));
    wire::store_place(header, {from, leader_epoch});
    wire::store_crc(header, {});
    return batch;
}

}  // namespace fulmar
