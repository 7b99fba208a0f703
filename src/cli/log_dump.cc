// fulmar log dump: what is in a file of the log, or in all segments of a partition.
#include <fmt/format.h>

#include <filesystem>

#include "cli/log.h"
#include "io/real/open_directory.h"
#include "log/compaction_state.h"
#include "log/data_directory.h"
#include "log/epochs_file.h"
#include "log/producer_snapshot.h"
#include "log/sealed_file.h"
#include "log/segment_scan.h"
#include "wire/produced_batch.h"

namespace fulmar::cli {

namespace {

std::int64_t number(Offset offset) { return std::to_underlying(offset); }
std::int64_t number(Timestamp at) { return std::to_underlying(at); }
std::string time_text(Timestamp at) { return at < Timestamp{0} ? "none" : utc(number(at)); }
std::string codec_text(int codec) {
    constexpr const char* names[] = {"none", "gzip", "snappy", "lz4", "zstd"};
    return codec < int(std::size(names)) ? names[codec] : fmt::format("codec {}", codec);
}
std::string_view text_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

class Dump {
public:
    Dump(const LogDumpOptions& options, Directory& directory) : options_(options), directory_(directory) {}
    Outcome file(const std::string& name);
    Outcome all_segments();

private:
    Outcome segment(const std::string& name, const ScanRules& of);
    Outcome index(const std::string& name, const SegmentName& of);
    Outcome snapshot(const std::string& name, Offset at);
    Outcome epochs();
    Outcome compacted();
    Outcome checkpoint();
    void print_batch(const ScanPiece& piece);
    void print_damage(const ScanPiece& piece);
    void print_records(const wire::BatchView& batch);
    void print_record(const wire::BatchView& batch, const wire::RecordView& record);
    std::unexpected<std::string> broken(const std::string& name, Error error) const {
        return std::unexpected(fmt::format("{}: {}", name, to_text(error)));
    }
    bool wanted(Offset until) const { return !options_.from || until > Offset{*options_.from}; }

    const LogDumpOptions& options_;
    Directory& directory_;
};

void Dump::print_batch(const ScanPiece& piece) {
    auto& batch = *piece.batch;
    std::string flags;
    for (auto& [bit, name] : {std::pair(wire::attribute::log_append_time, "append-time"),
                              std::pair(wire::attribute::transactional, "transactional"),
                              std::pair(wire::attribute::control, "control"),
                              std::pair(wire::attribute::delete_horizon, "delete-horizon")})
        if (batch.has(bit)) flags += std::string(flags.empty() ? "" : ",") + name;
    // Until when its tombstones stay; it stands where else the first record's time does.
    std::optional<Timestamp> horizon;
    if (batch.has(wire::attribute::delete_horizon)) horizon = batch.base_timestamp();
    if (options_.json) {
        fmt::print(
            "{{\"first_offset\":{},\"last_offset\":{},\"position\":{},\"bytes\":{},\"records\":{},\"codec\":"
            "\"{}\","
            "\"leader_epoch\":{},\"producer_id\":{},\"producer_epoch\":{},\"base_sequence\":{},"
            "\"base_timestamp_ms\":{},\"max_timestamp_ms\":{},"
            "\"delete_horizon_ms\":{},\"flags\":\"{}\",\"crc_ok\":true}}\n",
            number(piece.from), number(piece.until) - 1, piece.position, piece.bytes, batch.count(),
            codec_text(batch.codec_number()), batch.leader_epoch(), std::to_underlying(batch.producer_id()),
            batch.producer_epoch(), batch.base_sequence(), number(batch.base_timestamp()),
            number(batch.max_timestamp()), horizon ? std::to_string(number(*horizon)) : "null", flags);
    } else {
        auto producer = batch.has_producer()
                            ? fmt::format("{} epoch {} sequence {}", std::to_underlying(batch.producer_id()),
                                          batch.producer_epoch(), batch.base_sequence())
                            : "none";
        auto last = time_text(batch.max_timestamp());
        auto times = horizon ? "up to " + last : time_text(batch.base_timestamp()) + " to " + last;
        fmt::print(
            "offsets {}-{}  position {}  {} bytes  {}  codec {}  epoch {}  producer {}  time {}{}{}  crc "
            "ok\n",
            number(piece.from), number(piece.until) - 1, piece.position, piece.bytes,
            counted(std::uint64_t(std::max(batch.count(), 0)), "record"), codec_text(batch.codec_number()),
            batch.leader_epoch(), producer, times, flags.empty() ? "" : "  " + flags,
            horizon ? "  tombstones until " + time_text(*horizon) : "");
    }
    if (options_.records) print_records(batch);
}
void Dump::print_damage(const ScanPiece& piece) {
    auto what = piece.kind == ScanPiece::Kind::misplaced ? "a right batch with a wrong offset or epoch"
                : piece.missing()                        ? "missing"
                                                         : "not what was written";
    if (options_.json)
        fmt::print(
            "{{\"first_offset\":{},\"last_offset\":{},\"position\":{},\"bytes\":{},\"crc_ok\":{},\"what\":\"{"
            "}\"}}\n",
            number(piece.from), piece.until_known ? std::to_string(number(piece.until) - 1) : "null",
            piece.position, piece.bytes, piece.kind == ScanPiece::Kind::misplaced, what);
    else
        fmt::print("offsets {}-{}  position {}  {} bytes  DAMAGED: {}\n", number(piece.from),
                   piece.until_known ? std::to_string(number(piece.until) - 1) : "?", piece.position,
                   piece.bytes, what);
}

void Dump::print_records(const wire::BatchView& batch) {
    std::vector<std::byte> opened;
    auto records = batch.records();
    if (batch.codec_number() != 0) {
        constexpr std::size_t opened_bytes_max = 1 << 30;  // More than a produced batch may open to.
        auto plain = wire::decompress(wire::Codec(batch.codec_number()), records, opened_bytes_max);
        if (!plain) {
            fmt::print(stderr, "the records at offset {} cannot be opened\n", number(batch.base_offset()));
            return;
        }
        opened = std::move(*plain);
        records = opened;
    }
    wire::RecordReader reader(records);
    while (auto record = reader.next())
        if (wanted(batch.base_offset() + record->offset_delta + 1)) print_record(batch, *record);
    if (reader.damaged())
        fmt::print(stderr, "a record at offset {} or behind makes no sense\n", number(batch.base_offset()));
}
void Dump::print_record(const wire::BatchView& batch, const wire::RecordView& record) {
    auto offset = number(batch.base_offset()) + record.offset_delta;
    auto at = batch.has(wire::attribute::log_append_time)
                  ? batch.max_timestamp()
                  : batch.base_timestamp() + Millis(record.timestamp_delta);
    if (options_.json) {
        auto member = [](std::string_view name, const std::optional<Bytes>& bytes) {
            return bytes ? json_member(name, text_of(*bytes)) : fmt::format("\"{}\":null", name);
        };
        auto line = fmt::format("{{\"offset\":{},\"timestamp_ms\":{},{},{},\"headers\":[", offset, number(at),
                                member("key", record.key), member("value", record.value));
        bool first = true;
        for (auto& header : wire::headers_of(record))
            line += fmt::format("{}{{{},{}}}", std::exchange(first, false) ? "" : ",",
                                json_member("name", header.key), member("value", header.value));
        fmt::print("{}]}}\n", line);
        return;
    }
    auto shown = [](const std::optional<Bytes>& bytes) {
        if (!bytes) return std::string("null");
        auto text = text_of(*bytes);
        return is_utf8(text) ? json_text(text) : "base64 " + base64(*bytes);
    };
    fmt::print("  {}  {}  key {}  value {}", offset, time_text(at), shown(record.key), shown(record.value));
    for (auto& header : wire::headers_of(record))
        fmt::print("  {}={}", is_utf8(header.key) ? std::string(header.key) : base64(bytes_of(header.key)),
                   shown(header.value));
    fmt::print("\n");
}

Outcome Dump::segment(const std::string& name, const ScanRules& of) {
    auto file = directory_.open(name);
    if (!file) return broken(name, file.error());
    auto size = (*file)->size();
    if (!size) return broken(name, size.error());
    auto rules = of;
    rules.size = *size;
    for (SegmentScan scan(*file, rules);;) {
        auto piece = scan.next();
        if (!piece) return broken(name, piece.error());
        if (!*piece) break;
        if ((*piece)->damaged()) print_damage(**piece);
        else if (wanted((*piece)->until)) print_batch(**piece);
    }
    if (!of.next_base)
        fmt::print(
            stderr,
            "{} is the last segment: while a broker runs it may still grow, and its end be half written\n",
            name);
    return {};
}

Outcome Dump::index(const std::string& name, const SegmentName& of) {
    auto index = Index::open(directory_, of);
    if (!index) return broken(name, index.error());
    for (std::uint32_t n = 0; n < index->size(); ++n) {
        auto entry = index->entry(n);
        if (!entry && entry.error() != Error::damaged) return broken(name, entry.error());
        if (!entry) {
            fmt::print(
                fmt::runtime(options_.json ? "{{\"entry\":{},\"crc_ok\":false}}\n" : "entry {}  DAMAGED\n"),
                n);
            continue;
        }
        if (!wanted(entry->at.offset + 1)) continue;
        if (options_.json)
            fmt::print(
                "{{\"entry\":{},\"offset\":{},\"position\":{},\"largest_timestamp_ms\":{},\"appended_ms\":{},"
                "\"crc_ok\":true}}\n",
                n, number(entry->at.offset), entry->at.position, number(entry->largest_before),
                number(entry->appended_before));
        else
            fmt::print("offset {}  position {}  largest time in front {}  appended {}\n",
                       number(entry->at.offset), entry->at.position, time_text(entry->largest_before),
                       time_text(entry->appended_before));
    }
    return {};
}

Outcome Dump::snapshot(const std::string& name, Offset at) {
    auto snapshot = read_snapshot(directory_, at);
    if (!snapshot) return broken(name, snapshot.error());
    if (!*snapshot) return broken(name, Error::damaged);
    if (!options_.json)
        fmt::print("stands at offset {}, byte {} of segment {}; {}\n", number((*snapshot)->offset),
                   (*snapshot)->position, number((*snapshot)->segment),
                   counted((*snapshot)->producers.size(), "producer"));
    for (auto& producer : (*snapshot)->producers) {
        auto last = producer.batches.empty() ? Sequences::Batch{} : producer.batches.back();
        if (options_.json)
            fmt::print(
                "{{\"producer_id\":{},\"producer_epoch\":{},\"next_sequence\":{},\"batches\":{},"
                "\"last_offset\":{},\"last_timestamp_ms\":{}}}\n",
                std::to_underlying(producer.id), producer.epoch, producer.expected, producer.batches.size(),
                number(last.last_offset), number(last.timestamp));
        else
            fmt::print("producer {}  epoch {}  next sequence {}  last offset {}  last time {}\n",
                       std::to_underlying(producer.id), producer.epoch, producer.expected,
                       number(last.last_offset), time_text(last.timestamp));
    }
    return {};
}

Outcome Dump::epochs() {
    auto epochs = read_epochs(directory_);
    if (!epochs) return broken(epochs_file_name, epochs.error());
    if (epochs->empty()) return broken(epochs_file_name, Error::damaged);
    for (auto& [epoch, start] : *epochs)
        fmt::print(fmt::runtime(options_.json ? "{{\"epoch\":{},\"start_offset\":{}}}\n"
                                              : "epoch {}  from offset {}\n"),
                   epoch, number(start));
    return {};
}

Outcome Dump::compacted() {
    auto text = read_sealed(directory_, compacted_file_name);
    if (!text) return broken(compacted_file_name, text.error());
    auto state = read_compaction_state(directory_);
    if (!state) return broken(compacted_file_name, state.error());
    auto& horizon = state->next_horizon;
    if (options_.json)
        fmt::print("{{\"compacted_until\":{},\"next_horizon_ms\":{}}}\n", number(state->until),
                   horizon ? std::to_string(number(*horizon)) : "null");
    else
        fmt::print("compacted up to offset {}  the first tombstone may go {}\n", number(state->until),
                   horizon ? time_text(*horizon) : "never: there is none");
    return {};
}

Outcome Dump::checkpoint() {
    auto text = read_sealed(directory_, "checkpoint");
    if (!text) return broken("checkpoint", text.error());
    auto checkpoint = read_checkpoint(*text);
    if (!options_.json && checkpoint.wall) fmt::print("written {}\n", utc(number(*checkpoint.wall)));
    for (auto& [id, point] : checkpoint.points) {
        if (options_.json)
            fmt::print(
                "{{\"topic_id\":\"{}\",\"partition\":{},\"recovery_point\":{},\"segment\":{},\"position\":{},"
                "\"log_start_offset\":{},\"appended_ms\":{}}}\n",
                to_text(id.topic), id.index, number(point.offset), number(point.segment), point.position,
                number(point.log_start), number(point.appended));
        else
            fmt::print(
                "topic id {}  partition {}  durable to offset {}, byte {} of segment {}  begins at {}  "
                "appended {}\n",
                to_text(id.topic), id.index, number(point.offset), point.position, number(point.segment),
                number(point.log_start), time_text(point.appended));
    }
    return {};
}

Outcome Dump::file(const std::string& name) {
    if (name == "checkpoint") return checkpoint();
    if (name == epochs_file_name) return epochs();
    if (name == compacted_file_name) return compacted();
    auto files = name_partition_files(directory_);
    if (!files) return broken(name, files.error());
    for (std::size_t n = 0; n < files->segments.size(); ++n)
        if (log_file_name(files->segments[n]) == name)
            return segment(name, {.base = files->segments[n].base, .next_base = files->end_of(n)});
    if (auto of = segment_of_file(name, ".index")) return index(name, *of);
    for (auto at : files->snapshots)
        if (snapshot_file_name(at) == name) return snapshot(name, at);
    // What lies in quarantine/ has names of its own, and often begins in the middle of a segment.
    if (auto file = directory_.open(name); !file) return broken(name, file.error());
    if (name.find(".cut.") != name.npos || name.find(".damaged.") != name.npos ||
        name.find(".log") != name.npos)
        return segment(name, {.base_known = false, .next_base = Offset{INT64_MAX}});
    return std::unexpected(fmt::format(
        "{} is no file of a log: those are *.log, *.index, *.producers, epochs, compacted and checkpoint",
        name));
}

Outcome Dump::all_segments() {
    auto files = name_partition_files(directory_);
    if (!files) return broken(options_.path, files.error());
    if (files->segments.empty())
        return std::unexpected(
            fmt::format("{} has no segments; name a partition's directory, or a file in it", options_.path));
    for (std::size_t n = 0; n < files->segments.size(); ++n) {
        auto next = files->end_of(n);
        if (next && !wanted(*next)) continue;
        auto name = log_file_name(files->segments[n]);
        if (!options_.json) fmt::print("{}\n", name);
        if (auto done = segment(name, {.base = files->segments[n].base, .next_base = next}); !done)
            return done;
    }
    return {};
}

}  // namespace

Outcome run(const LogDumpOptions& options) {
    namespace fs = std::filesystem;
    std::error_code none;
    fs::path path = options.path;
    if (!path.has_filename()) path = path.parent_path();
    bool whole = fs::is_directory(path, none);
    if (!whole && !fs::exists(path, none))
        return std::unexpected(fmt::format("there is no file {}", options.path));
    auto parent = whole ? path : path.has_parent_path() ? path.parent_path() : fs::path(".");
    auto directory = real::open_directory(parent.string(), false);
    if (!directory)
        return std::unexpected(
            fmt::format("{} cannot be opened: {}", parent.string(), to_text(directory.error())));
    Dump dump(options, **directory);
    return whole ? dump.all_segments() : dump.file(path.filename().string());
}

}  // namespace fulmar::cli
