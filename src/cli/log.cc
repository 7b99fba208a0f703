#include "cli/log.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "base/suggest.h"
#include "cli/prompt.h"
#include "cli/serve.h"
#include "io/real/open_directory.h"
#include "io/real/stderr_log.h"
#include "log/generations.h"
#include "log/repair.h"

namespace fulmar::cli {

namespace {

// A partition as people call it. Of one that has lost its directory only the topic's id is known.
struct Chosen {
    PartitionId id;
    std::string topic, directory;
    std::string label() const { return fmt::format("{}-{}", topic, id.index); }
};

std::expected<DataDirectory, std::string> open_data(const std::string& path, const char* verb, bool finish) {
    auto root = real::open_directory(path, false);
    if (!root && root.error() == Error::missing)
        return std::unexpected(
            fmt::format("there is no directory {}; name the broker's data directory with --data", path));
    if (!root) return std::unexpected(explain_unopened(path, root.error()));
    auto owner = fmt::format("process {}, `fulmar log {}`", ::getpid(), verb);
    auto opened = DataDirectory::open_to_look(*root, path, owner, finish);
    if (!opened) return std::unexpected(opened.error().why);
    return std::move(*opened);
}

std::vector<Chosen> all_partitions(const DataDirectory& data) {
    std::vector<Chosen> all;
    for (auto& [id, name] : data.partitions()) {
        auto label = name.substr(0, name.rfind('.'));
        all.push_back({id, label.substr(0, label.rfind('-')), name});
    }
    for (auto& [id, point] : data.recovery_points())
        if (point.offset > Offset{0} && !data.partitions().contains(id))
            all.push_back({id, to_text(id.topic), ""});
    std::ranges::sort(all, {}, [](const Chosen& c) { return std::tuple(c.topic, c.id.index); });
    return all;
}
std::expected<std::vector<Chosen>, std::string> choose(const DataDirectory& data, const std::string& path,
                                                       const std::vector<std::string>& names) {
    auto all = all_partitions(data);
    if (names.empty()) return all;
    std::vector<std::string> known;
    for (auto& one : all) {
        if (std::ranges::find(known, one.topic) == known.end()) known.push_back(one.topic);
        known.push_back(one.label());
    }
    std::vector<bool> wanted(all.size());
    for (auto& name : names) {
        bool found = false;
        for (std::size_t n = 0; n < all.size(); ++n) {
            bool is = all[n].topic == name || all[n].label() == name;
            wanted[n] = wanted[n] || is;
            found |= is;
        }
        std::vector<std::string_view> views(known.begin(), known.end());
        if (!found)
            return std::unexpected(
                fmt::format("{} has nothing of {}{}", path, name, did_you_mean(name, views)));
    }
    std::vector<Chosen> chosen;
    for (std::size_t n = 0; n < all.size(); ++n)
        if (wanted[n]) chosen.push_back(all[n]);
    return chosen;
}

std::string size_text(double bytes) {
    constexpr const char* units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    std::size_t unit = 0;
    for (; bytes >= 1024 && unit + 1 < std::size(units); ++unit) bytes /= 1024;
    return unit == 0 ? fmt::format("{} bytes", std::uint64_t(bytes))
                     : fmt::format("{:.1f} {}", bytes, units[unit]);
}

// A line on the terminal that says how far it is, when it takes longer than a moment.
class Progress {
public:
    explicit Progress(std::uint64_t total) : total_(total), shown_(::isatty(STDERR_FILENO) == 1) {}
    ~Progress() {
        if (printed_) fmt::print(stderr, "\r\x1b[K");
    }
    void add(std::uint64_t bytes) {
        done_ += bytes;
        auto now = Clock::now();
        if (!shown_ || now - last_ < std::chrono::milliseconds(500)) return;
        last_ = now;
        printed_ = true;
        double seconds = std::chrono::duration<double>(now - begun_).count(), rate = double(done_) / seconds;
        auto left = total_ > done_ ? double(total_ - done_) / rate : 0;
        fmt::print(stderr, "\r\x1b[K{} of {}, {} a second, {:.0f} s left", size_text(double(done_)),
                   size_text(double(total_)), size_text(rate), left);
    }

private:
    using Clock = std::chrono::steady_clock;
    const std::uint64_t total_;
    const bool shown_;
    std::uint64_t done_ = 0;
    bool printed_ = false;
    Clock::time_point begun_ = Clock::now(), last_ = begun_;
};

Result<std::uint64_t> bytes_of_all(Directory& root, const std::vector<Chosen>& chosen) {
    std::uint64_t total = 0;
    for (auto& one : chosen) {
        if (one.directory.empty()) continue;
        auto directory = root.open_directory(one.directory);
        if (!directory) return std::unexpected(directory.error());
        auto files = name_partition_files(**directory);
        if (!files) return std::unexpected(files.error());
        for (auto base : files->segments) {
            auto file = (*directory)->open(log_file_name(base));
            auto size = file ? (*file)->size() : Result<std::uint64_t>(std::unexpected(file.error()));
            if (!size) return size;
            total += *size;
        }
    }
    return total;
}

using Audits = std::vector<std::pair<Chosen, PartitionAudit>>;
std::expected<Audits, std::string> audit_all(const DataDirectory& data, const std::vector<Chosen>& chosen) {
    auto total = bytes_of_all(*data.root(), chosen);
    if (!total) return std::unexpected(fmt::format("the log cannot be read: {}", to_text(total.error())));
    Progress progress(*total);
    AuditRules rules{.clean = data.was_clean(), .checkpoint_damaged = data.checkpoint_damaged()};
    rules.progress = [&](std::uint64_t bytes) { return progress.add(bytes), true; };
    Audits audits;
    for (auto& one : chosen) {
        auto audit = audit_partition(*data.root(), one.id, one.directory, data.recovery_point(one.id), rules);
        if (!audit)
            return std::unexpected(fmt::format("{} cannot be read: {}", one.label(), to_text(audit.error())));
        audits.emplace_back(one, std::move(*audit));
    }
    return audits;
}

std::string range_text(std::string_view what, std::uint64_t first, std::uint64_t last) {
    return first == last ? fmt::format(", {} {}", what, first)
                         : fmt::format(", {}s {} to {}", what, first, last);
}
void print_damage(const Chosen& of, const Damage& damage, bool json) {
    auto number = [](Offset offset) { return std::to_underlying(offset); };
    bool offsets = damage.from && damage.until && *damage.from < *damage.until;
    if (json) {
        auto line = fmt::format("{{\"topic\":{},\"partition\":{},\"file\":{},\"position\":{},\"bytes\":{}",
                                json_text(of.topic), of.id.index, json_text(damage.file), damage.position,
                                damage.bytes);
        if (offsets)
            line += fmt::format(",\"first_offset\":{},\"last_offset\":{}", number(*damage.from),
                                number(*damage.until) - 1);
        fmt::print("{},\"what\":{}}}\n", line, json_text(damage.what));
        return;
    }
    auto where = damage.file.empty() ? std::string() : ", " + damage.file;
    if (damage.bytes > 0) where += range_text("byte", damage.position, damage.position + damage.bytes - 1);
    if (offsets)
        where += range_text("offset", std::uint64_t(number(*damage.from)),
                            std::uint64_t(number(*damage.until) - 1));
    fmt::print("{}{}: {}\n", of.label(), where, damage.what);
}

struct Sums {
    std::uint64_t partitions = 0, damaged_partitions = 0, damage = 0, torn = 0;
    std::uint64_t bytes = 0, batches = 0, records = 0, holes = 0, offsets_left_out = 0;
};
Sums sums_of(const Audits& audits) {
    Sums sums;
    for (auto& [of, audit] : audits) {
        ++sums.partitions;
        sums.damaged_partitions += !audit.damage.empty();
        sums.damage += audit.damage.size();
        sums.torn += audit.torn_bytes;
        sums.bytes += audit.bytes;
        sums.batches += audit.batches;
        sums.records += audit.records;
        sums.holes += audit.holes;
        sums.offsets_left_out += audit.offsets_left_out;
    }
    return sums;
}
void print_sums(const Sums& sums, bool checkpoint_damaged, bool json) {
    if (json) {
        fmt::print(
            "{{\"partitions\":{},\"damaged_partitions\":{},\"damage\":{},\"checkpoint_damaged\":{},\"bytes\":"
            "{},"
            "\"batches\":{},\"records\":{},\"holes\":{},\"offsets_left_out\":{},\"torn_bytes\":{}}}\n",
            sums.partitions, sums.damaged_partitions, sums.damage, checkpoint_damaged, sums.bytes,
            sums.batches, sums.records, sums.holes, sums.offsets_left_out, sums.torn);
        return;
    }
    fmt::print("{}, {} in {} read, {}\n", counted(sums.partitions, "partition"),
               counted(sums.records, "record"),
               sums.batches == 1 ? "1 batch" : fmt::format("{} batches", sums.batches),
               size_text(double(sums.bytes)));
    if (sums.offsets_left_out > 0)
        fmt::print("{} without a record, as compaction and a repair leave them\n",
                   counted(sums.offsets_left_out, "offset"));
    if (sums.torn > 0)
        fmt::print("{} were not completed when the broker ended; its next start cuts them off\n",
                   counted(sums.torn, "byte"));
    if (sums.damage == 0 && !checkpoint_damaged) fmt::print("All is sound.\n");
    else
        fmt::print("{} {} damaged; `fulmar log repair` says what can be done\n",
                   counted(sums.damaged_partitions, "partition"),
                   sums.damaged_partitions == 1 ? "is" : "are");
}

Timestamp wall_now() {
    auto since = std::chrono::system_clock::now().time_since_epoch();
    return Timestamp{std::chrono::duration_cast<Millis>(since).count()};
}

void print_repair(const Chosen& of, const PartitionRepair& repair, bool json) {
    if (!json) {
        fmt::print("{}:\n", of.label());
        for (auto& does : repair.says) fmt::print("  {}\n", does);
        return;
    }
    std::string does;
    for (auto& one : repair.says) does += (does.empty() ? "" : ",") + json_text(one);
    fmt::print(
        "{{\"topic\":{},\"partition\":{},\"log_start_offset\":{},\"log_end_offset\":{},\"does\":[{}]}}\n",
        json_text(of.topic), of.id.index, std::to_underlying(repair.start), std::to_underlying(repair.end),
        does);
}

}  // namespace

std::expected<int, std::string> run(const LogVerifyOptions& options) {
    auto data = open_data(options.data, "verify", false);
    if (!data) return std::unexpected(data.error());
    auto chosen = choose(*data, options.data, options.partitions);
    if (!chosen) return std::unexpected(chosen.error());
    auto audits = audit_all(*data, *chosen);
    if (!audits) return std::unexpected(audits.error());
    if (data->checkpoint_damaged() && !options.json) fmt::print("checkpoint: is not what was written\n");
    for (auto& [of, audit] : *audits)
        for (auto& damage : audit.damage) print_damage(of, damage, options.json);
    if (!options.json)
        for (auto& name : data->strays())
            fmt::print("{}: not a name of Fulmar's; the next start moves it to quarantine/\n", name);
    auto sums = sums_of(*audits);
    print_sums(sums, data->checkpoint_damaged(), options.json);
    return sums.damage == 0 && !data->checkpoint_damaged() ? exit_done : exit_damaged;
}

Outcome run(const LogRepairOptions& options) {
    real::log_to_stderr(LogLevel::warning);
    auto data = open_data(options.data, "repair", !options.dry_run);
    if (!data) return std::unexpected(data.error());
    if (data->checkpoint_damaged() && !options.partitions.empty())
        return std::unexpected("the checkpoint is damaged, and is made anew from all partitions: name none");
    auto chosen = choose(*data, options.data, options.partitions);
    if (!chosen) return std::unexpected(chosen.error());
    auto audits = audit_all(*data, *chosen);
    if (!audits) return std::unexpected(audits.error());
    std::vector<PartitionRepair> repairs;
    for (auto& [of, audit] : *audits) {
        auto repair = repair_of(audit, data->was_clean());
        if (!repair) continue;
        print_repair(of, *repair, options.json);
        repairs.push_back(std::move(*repair));
    }
    if (data->checkpoint_damaged() && !options.json)
        fmt::print("checkpoint:\n  make it anew, and keep the old one in quarantine/\n");
    if (repairs.empty() && !data->checkpoint_damaged()) {
        if (!options.json) fmt::print("All is sound; there is nothing to repair.\n");
        return {};
    }
    if (options.dry_run) return {};
    std::fflush(stdout);
    if (!options.yes && !confirmed("Do this?"))
        return std::unexpected("nothing was changed; --yes goes on without a question");
    auto done = repair(*data, repairs, {.now = Instant{}, .wall = wall_now()});
    if (!done)
        return std::unexpected(fmt::format("the repair failed: {}; `fulmar log verify` says how things stand",
                                           to_text(done.error())));
    if (!options.json) fmt::print("{} repaired.\n", counted(repairs.size(), "partition"));
    return {};
}

Outcome run(const LogAcceptOptions& options) {
    real::log_to_stderr(LogLevel::warning);
    auto data = open_data(options.data, "accept", false);
    if (!data) return std::unexpected(data.error());
    bool home = data->meta().home_id == Uuid{};
    fmt::print(
        "The next start of the broker takes {} as it is, also when it is an older copy of itself.\n{} "
        "lost.\n",
        options.data,
        home ? "Topics, settings and messages of after the copy was made are then"
             : "What was written to it after the copy was made is then");
    std::fflush(stdout);
    if (!options.yes && !confirmed("Do this?"))
        return std::unexpected("nothing was changed; --yes goes on without a question");
    if (auto accepted = accept_older_copy(*data->root(), home); !accepted)
        return std::unexpected(
            fmt::format("{} cannot be written to: {}", options.data, to_text(accepted.error())));
    fmt::print("Accepted.\n");
    return {};
}

}  // namespace fulmar::cli
