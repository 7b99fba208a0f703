// The second half of repair.h: what was decided is written beside, committed, carried out and looked at.
#include <fmt/format.h>

#include <algorithm>

#include "log/epochs_file.h"
#include "log/producer_snapshot.h"
#include "log/repair.h"
#include "log/repair_plan.h"

namespace fulmar {

namespace {

using Part = PartitionRepair::Part;

// Writes what one partition needs beside what is there, and adds to the plan.
class Preparation {
public:
    Preparation(Directory& data, const PartitionRepair& repair, Clocks clocks, RepairPlan& plan)
        : data_(data), repair_(repair), audit_(repair.audit), clocks_(clocks), plan_(plan) {}
    Result<> run();
    const std::string& name() const { return name_; }
    const RecoveryPoint& point() const { return point_; }

private:
    struct Place {
        Offset segment{};
        std::uint64_t position = 0;
        bool operator==(const Place&) const = default;
    };
    // Where bytes of old segments have come to, or what has come in their place.
    struct Move {
        Part part;
        Place begin;
        std::uint64_t new_bytes = 0;
    };

    Result<> open();
    Result<> keep(const std::string& file);
    Result<> keep_damaged();
    Result<> write_segments();
    Result<> write_part(File& to, Place place, const Part& part, std::uint64_t& size);
    Result<> write_index(const SegmentName& segment_name, const std::string& file, std::uint64_t size,
                         Timestamp appended);
    Result<> write_indexes();
    Result<> write_snapshots();
    Result<> write_snapshot_at(ProducerSnapshot snapshot, Offset at, Place place);
    Result<> find_point();
    std::optional<Place> moved(Place old, Offset offset) const;
    bool is_new(Offset base) const {
        return std::ranges::find(repair_.segments, base, &PartitionRepair::NewSegment::base) !=
               repair_.segments.end();
    }

    Result<> write_beside(const std::string& name) {
        auto gone = directory_->remove(name + ".tmp");  // Of a repair that never took effect.
        if (!gone && gone.error() != Error::missing) return gone;
        plan_.steps.push_back({.replace = true, .directory = name_, .name = name});
        return {};
    }
    void remove(const std::string& name) {
        plan_.steps.push_back({.replace = false, .directory = name_, .name = name});
    }

    Directory& data_;
    const PartitionRepair& repair_;
    const PartitionAudit& audit_;
    const Clocks clocks_;
    RepairPlan& plan_;
    std::string name_;
    std::shared_ptr<Directory> directory_;
    std::vector<Move> moves_;
    Place last_;  // The log's last byte afterwards.
    RecoveryPoint point_;
};

Result<> Preparation::open() {
    name_ = audit_.directory;
    if (!name_.empty()) {
        auto opened = data_.open_directory(name_);
        if (!opened) return std::unexpected(opened.error());
        directory_ = std::move(*opened);
        return {};
    }
    // Its topic's name is not known here, and only for people.
    name_ = partition_directory_name("lost", audit_.id);
    auto made = open_or_create_directory(data_, name_);
    if (!made) return std::unexpected(made.error());
    directory_ = std::move(*made);
    return data_.sync();
}

Result<> Preparation::keep(const std::string& file) {
    auto opened = directory_->open(file);
    if (!opened) return std::unexpected(opened.error());
    auto size = (*opened)->size();
    if (!size) return std::unexpected(size.error());
    return keep_in_quarantine(data_, name_ + "." + file, **opened, 0, *size);
}

Result<> Preparation::keep_damaged() {
    for (auto& segment : audit_.segments) {
        auto name = log_file_name(segment.name);
        for (auto& piece : segment.damaged) {
            if (piece.bytes == 0 || piece.fits_here()) continue;
            auto file = directory_->open(name);
            if (!file) return std::unexpected(file.error());
            auto as = fmt::format("{}.{}.damaged", name_, std::to_underlying(piece.from));
            if (auto kept = keep_in_quarantine(data_, as, **file, piece.position, piece.end()); !kept)
                return kept;
        }
        if (!segment.index_right)
            if (auto kept = keep(index_file_name(segment.name)); !kept) return kept;
    }
    for (auto& base : audit_.indexes_alone) {
        if (auto kept = keep(index_file_name(base)); !kept) return kept;
        if (!is_new(base.base)) remove(index_file_name(base));
    }
    return {};
}

Result<> Preparation::write_part(File& to, Place place, const Part& part, std::uint64_t& size) {
    auto write = [&](Bytes bytes) {
        auto written = to.write(place.position + size, std::span(&bytes, 1));
        size += bytes.size();
        return written;
    };
    if (part.kind == Part::Kind::hole) return write(hole_batch(part.from, part.until, part.leader_epoch));
    auto file = directory_->open(log_file_name(part.old_segment));
    if (!file) return std::unexpected(file.error());
    std::vector<std::byte> piece(std::min<std::uint64_t>(part.bytes, 1 << 20));
    for (std::uint64_t done = 0; done < part.bytes;) {
        auto want = std::min<std::uint64_t>(piece.size(), part.bytes - done);
        auto got = (*file)->read(part.position + done, std::span(piece).first(want));
        if (!got) return std::unexpected(got.error());
        if (*got < want) return std::unexpected(Error::damaged);
        if (done == 0 && part.kind == Part::Kind::placed)
            wire::store_place(piece, {part.from, part.leader_epoch});
        if (auto written = write(Bytes(piece).first(want)); !written) return written;
        done += want;
    }
    return {};
}

Result<> Preparation::write_segments() {
    for (auto& segment : repair_.segments) {
        auto name = log_file_name(segment.name);
        if (auto beside = write_beside(name); !beside) return beside;
        auto file = directory_->create(name + ".tmp");
        if (!file) return std::unexpected(file.error());
        Place place{segment.base, 0};
        for (auto& part : segment.parts) {
            std::uint64_t size = 0;
            if (auto written = write_part(**file, place, part, size); !written) return written;
            moves_.push_back({part, place, size});
            place.position += size;
        }
        if (auto synced = (*file)->sync(); !synced) return synced;
        if (place.segment >= last_.segment) last_ = place;
    }
    return {};
}

// What stood at an old place, with that offset.
std::optional<Preparation::Place> Preparation::moved(Place old, Offset offset) const {
    if (!is_new(old.segment) || old.position == 0) return old;
    std::optional<Place> found;
    std::optional<Place> behind_hole;
    std::uint64_t at = 0;  // In the old file, of the part that is looked at.
    for (auto& move : moves_) {
        bool copied = move.part.kind != Part::Kind::hole;
        if (copied && move.part.old_segment.base == old.segment) {
            if (old.position >= move.part.position && old.position <= move.part.position + move.part.bytes)
                found = Place{move.begin.segment, move.begin.position + (old.position - move.part.position)};
            at = move.part.position + move.part.bytes;
        } else if (!copied && move.part.until == offset && old.position >= at) {
            behind_hole = Place{move.begin.segment, move.begin.position + move.new_bytes};
        }
    }
    return behind_hole ? behind_hole : found;
}

Result<> Preparation::write_index(const SegmentName& segment_name, const std::string& file,
                                  std::uint64_t size, Timestamp appended) {
    auto base = segment_name.base;
    auto segment = directory_->open(file);
    if (!segment) return std::unexpected(segment.error());
    if (appended < Timestamp{0}) appended = clocks_.wall;
    std::vector<IndexEntry> entries;
    IndexEntry here{.at = {base, 0}};
    std::uint64_t last_position = 0;
    for (SegmentScan scan(*segment, {.base = base, .size = size});;) {
        auto piece = scan.next();
        if (!piece) return std::unexpected(piece.error());
        if (!*piece || (*piece)->damaged()) break;  // What a crash has left torn.
        if (here.at.position - last_position >= Index::usual_interval_bytes) {
            entries.push_back(here);
            last_position = here.at.position;
        }
        here = {.at = scan.at(),
                .largest_before = std::max(here.largest_before, (*piece)->batch->max_timestamp()),
                .appended_before = appended};
    }
    if (here.at.position > last_position) entries.push_back(here);
    auto name = index_file_name(segment_name);
    if (auto beside = write_beside(name); !beside) return beside;
    return Index::write_file(*directory_, name + ".tmp", base, entries);
}
Result<> Preparation::write_indexes() {
    for (auto& segment : repair_.segments) {
        auto file = log_file_name(segment.name) + ".tmp";
        auto opened = directory_->open(file);
        if (!opened) return std::unexpected(opened.error());
        auto size = (*opened)->size();
        if (!size) return std::unexpected(size.error());
        if (auto made = write_index(segment.name, file, *size, segment.appended); !made) return made;
    }
    for (auto& segment : audit_.segments) {
        if (is_new(segment.base) || segment.index_right) continue;
        auto made =
            write_index(segment.name, log_file_name(segment.name), segment.end.position, segment.appended);
        if (!made) return made;
    }
    return {};
}

Result<> Preparation::write_snapshot_at(ProducerSnapshot snapshot, Offset at, Place place) {
    snapshot.offset = at;
    snapshot.segment = place.segment;
    snapshot.position = place.position;
    auto name = snapshot_file_name(at);
    if (auto beside = write_beside(name); !beside) return beside;
    return write_snapshot_file(*directory_, name + ".tmp", snapshot);
}
Result<> Preparation::write_snapshots() {
    std::optional<ProducerSnapshot> newest_lost;
    for (auto& known : audit_.snapshots) {
        auto name = snapshot_file_name(known.at);
        auto snapshot = read_snapshot(*directory_, known.at);
        if (!snapshot) return std::unexpected(snapshot.error());
        auto place = moved({known.segment, known.position}, known.at);
        if (known.right && place && *snapshot) {
            if (*place == Place{known.segment, known.position}) continue;
            if (auto written = write_snapshot_at(**snapshot, known.at, *place); !written) return written;
            continue;
        }
        if (auto kept = keep(name); !kept) return kept;
        // What it knows of producers includes what is lost, and that keeps them from writing it twice.
        bool of_lost = audit_.end_lost && *snapshot && known.at > audit_.end;
        if (of_lost) newest_lost = std::move(**snapshot);
        if (!of_lost || known.at != repair_.end) remove(name);
    }
    if (!newest_lost) return {};
    return write_snapshot_at(std::move(*newest_lost), repair_.end, last_);
}

Result<> Preparation::find_point() {
    point_ = audit_.point;
    point_.log_start = std::max(audit_.start, repair_.start);
    Place place{audit_.point.segment, audit_.point.position};
    if (!repair_.point_moves) {
        auto found = moved(place, point_.offset);
        if (!found) return std::unexpected(Error::damaged);
        place = *found;
    } else {
        point_.offset = repair_.end;
        auto found = audit_.torn_bytes > 0 && !audit_.end_lost
                         ? moved({audit_.end_segment, audit_.end_position}, audit_.end)
                         : std::optional(last_);
        if (!found) return std::unexpected(Error::damaged);
        place = *found;
    }
    point_.segment = place.segment;
    point_.position = place.position;
    return {};
}

Result<> Preparation::run() {
    if (auto done = open(); !done) return done;
    if (auto done = keep_damaged(); !done) return done;
    if (!audit_.segments.empty()) {
        auto& last = audit_.segments.back();
        last_ = {last.base, last.size};
    }
    if (auto done = write_segments(); !done) return done;
    if (auto done = write_indexes(); !done) return done;
    if (auto done = write_snapshots(); !done) return done;
    if (!audit_.epochs_right) {
        if (auto kept = keep(epochs_file_name); !kept) return kept;
        if (auto beside = write_beside(epochs_file_name); !beside) return beside;
        auto name = std::string(epochs_file_name) + ".tmp";
        if (auto written = write_epochs(*directory_, audit_.epochs_seen, name); !written) return written;
    }
    if (audit_.compacted_too_far) {
        if (auto kept = keep(compacted_file_name); !kept) return kept;
        remove(compacted_file_name);
    }
    if (auto done = find_point(); !done) return done;
    return directory_->sync();
}

// As the broker opens it. What recovery has read of the producers is kept, so that the next start need not.
Result<> look_at(Directory& data, const std::string& name, const RecoveryPoint& point, bool clean,
                 Clocks clocks) {
    auto found = recover(data, name, point, {.clean = clean, .clocks = clocks});
    if (!found) return std::unexpected(found.error());
    if (found->damaged) return std::unexpected(Error::damaged);
    if (!found->log.exists()) return {};
    auto place = found->log.place_of(found->log.end());
    ProducerSnapshot snapshot{found->log.end().offset, place.segment, place.position,
                              found->sequences.states()};
    return write_snapshot(*found->log.directory(), snapshot, true, snapshot.segment);
}

}  // namespace

Result<> repair(const DataDirectory& data, const std::vector<PartitionRepair>& repairs, Clocks clocks) {
    auto& root = *data.root();
    RepairPlan plan{.steps = {}, .clean = data.was_clean(), .checkpoint = {}};
    auto points = data.recovery_points();
    std::vector<std::pair<std::string, RecoveryPoint>> repaired;
    for (auto& repair : repairs) {
        Preparation preparation(root, repair, clocks, plan);
        if (auto done = preparation.run(); !done) return done;
        points[repair.audit.id] = preparation.point();
        repaired.emplace_back(preparation.name(), preparation.point());
    }
    if (data.checkpoint_damaged()) {
        auto file = root.open("checkpoint");
        if (!file) return std::unexpected(file.error());
        auto size = (*file)->size();
        if (!size) return std::unexpected(size.error());
        if (auto kept = keep_in_quarantine(root, "checkpoint", **file, 0, *size); !kept) return kept;
    }
    plan.checkpoint = checkpoint_text(points, data.last_seen());
    if (auto committed = commit_repair(root, plan); !committed) return committed;
    if (auto finished = finish_repair(root); !finished) return finished;
    for (auto& [name, point] : repaired)
        if (auto right = look_at(root, name, point, data.was_clean(), clocks); !right) return right;
    return {};
}

}  // namespace fulmar
