// fulmar-sim: runs the broker in the simulated world (world.h), each seed twice, and says what was promised
// and not kept. With the seed of a run comes the same run.
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "tests/sim/run.h"

using namespace fulmar;
using namespace fulmar::sim;

namespace {

struct Planted {
    std::string_view name;
    Bug bug;
    std::string_view oracle = {};  // How the first complaint begins, where no other may come before.
};
constexpr Planted bugs[] = {
    {"ack-before-sync", Bug::ack_before_sync},
    {"directory-not-synced", Bug::directory_not_synced},
    {"torn-tail-accepted", Bug::torn_tail_accepted},
    {"sync-error-retried", Bug::sync_error_retried},
    {"clean-marker-kept", Bug::clean_marker_kept},
    {"dedupe-window-of-four", Bug::dedupe_window_of_four},
    {"duplicate-acked-early", Bug::duplicate_acked_early},
    {"answers-swapped", Bug::answers_swapped},
    {"timer-outlives-owner", Bug::timer_outlives_owner, "early:"},
    {"read-past-durable-end", Bug::read_past_durable_end},
    {"sync-vouches-for-later", Bug::sync_vouches_for_later},
    {"damage-taken-for-end", Bug::damage_taken_for_end},
    {"epoch-not-checked", Bug::epoch_not_checked},
    {"time-search-begins-late", Bug::time_search_begins_late},
    {"index-never-written", Bug::index_never_written, "grown:"},
    {"index-trusted", Bug::index_trusted},
    {"retention-by-record-time", Bug::retention_by_record_time},
    {"retention-past-high-watermark", Bug::retention_past_high_watermark},
    {"tombstones-go-at-once", Bug::tombstones_go_at_once, "lost:"},
    {"tombstones-stay", Bug::tombstones_stay, "kept:"},
    {"last-producer-batch-dropped", Bug::last_producer_batch_dropped},
    {"compacted-not-synced", Bug::compacted_not_synced},
    {"checkpoint-leads", Bug::checkpoint_leads},
    {"deleted-topic-meets-successor", Bug::deleted_topic_meets_successor},
    {"lost-directory-begun-anew", Bug::lost_directory_begun_anew},
    {"older-copy-taken", Bug::older_copy_taken},
    {"core-waits-for-disk", Bug::core_waits_for_disk},
    {"failed-directory-goes-on", Bug::failed_directory_goes_on},
    {"idle-buffer-kept", Bug::idle_buffer_kept, "held:"},
    {"receive-buffer-freed", Bug::receive_buffer_freed, "closed:"},
    {"offsets-while-loading", Bug::offsets_while_loading},
    {"offsets-expire-in-use", Bug::offsets_expire_in_use, "forgotten:"},
    {"assignment-replaced", Bug::assignment_replaced, "two "},
    {"rebalance-without-deadline", Bug::rebalance_without_deadline, "unanswered:"},
    {"late-member-timer", Bug::late_member_timer, "put out:"},
    {"answer-before-commit", Bug::answer_before_commit},
    {"old-generation-commits", Bug::old_generation_commits, "taken from the past:"},
    {"taken-before-released", Bug::taken_before_released, "two owners:"},
    {"old-epoch-commits", Bug::old_epoch_commits, "taken from the past:"},
    {"revocation-without-deadline", Bug::revocation_without_deadline, "kept:"},
    {"epochs-not-logged", Bug::epochs_not_logged, "put out:"},
    {"lost-answer-fences", Bug::lost_answer_fences, "put out:"},
    {"migration-loses-member", Bug::migration_loses_member, "two owners:"},
    {"cut-batch-is-damage", Bug::cut_batch_is_damage, "away:"},
};

int usage() {
    fmt::print(
        "fulmar-sim: the whole broker in a simulated world, decided by a seed\n"
        "  --seed S            run that seed, twice, and say what happened\n"
        "  --seeds N [--from S]  run N seeds, each twice, from S on (default: from the clock)\n"
        "  --trace             print every event (with --seed)\n"
        "  --until-event N     stop there (with --seed)\n"
        "  --bug NAME          plant a bug; --bugs lists them\n"
        "  --kept FILE         the seeds that FILE lists, each twice\n"
        "  --planted [N]       every bug must be caught within N seeds (default 500)\n"
        "  --rates [N]         how many of N seeds catch each bug (default 500), or the one of --bug\n");
    return 2;
}

void print(const RunOptions& options, const RunResult& r) {
    fmt::print(
        "seed {}: {} events, {} ms, hash {:016x}; {} acknowledged, {} seen; {} generations of groups, {} "
        "offsets; {} kills, {} power cuts, {} stops, {} failures, {} disk errors, {} resets, {} clock "
        "jumps\n",
        options.seed, r.events, r.virtual_ms, r.hash, r.acknowledged, r.seen, r.generations, r.offsets,
        r.kills, r.power_cuts, r.stops, r.failures, r.disk_errors, r.resets, r.clock_jumps);
    for (std::size_t i = 0; i < std::min<std::size_t>(r.complaints.size(), 10); ++i)
        fmt::print("  {}\n", r.complaints[i]);
}

// Both runs of a seed; false when something was wrong, and said.
bool twice(const RunOptions& options, RunResult& first) {
    first = run(options);
    auto again = run(options);
    bool same = first.hash == again.hash && first.events == again.events;
    if (first.complaints.empty() && same) return true;
    print(options, first);
    if (!same)
        fmt::print("  not deterministic: the second run has hash {:016x}, {} events\n", again.hash,
                   again.events);
    fmt::print("repeat with: fulmar-sim --seed {}\n", options.seed);
    return false;
}

int run_many(std::uint64_t from, std::uint64_t count) {
    auto start = std::chrono::steady_clock::now();
    std::uint64_t bad = 0, events = 0, acknowledged = 0, seen = 0, faults = 0, generations = 0, offsets = 0,
                  least = UINT64_MAX, digest = 0;
    std::int64_t virtual_ms = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
        RunOptions options;
        options.seed = from + i;
        RunResult result;
        bad += !twice(options, result);
        events += result.events;
        acknowledged += result.acknowledged;
        seen += result.seen;
        generations += result.generations;
        offsets += result.offsets;
        faults += result.faults();
        least = std::min(least, result.faults());
        virtual_ms += result.virtual_ms;
        digest = digest * 31 + result.hash;
    }
    std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    fmt::print(
        "{} seeds from {}, twice each: {} bad; {} events, {} acknowledged, {} seen, {} generations of "
        "groups, "
        "{} offsets, {} faults (at least {} each), {:.0f} virtual s in {:.0f} s; digest {:016x}\n",
        count, from, bad, events, acknowledged, seen, generations, offsets, faults, least,
        2.0 * double(virtual_ms) / 1000, took.count(), digest);
    if (least < faults_least) {
        fmt::print("a seed had less than {} faults\n", faults_least);
        return 1;
    }
    return bad == 0 ? 0 : 1;
}

// Seeds from a file: a number, then what it once found.
int run_kept(const std::string& path) {
    std::ifstream file(path);
    int bad = 0, count = 0;
    for (std::string line; std::getline(file, line);) {
        if (line.empty() || line[0] == '#') continue;
        RunOptions options;
        options.seed = std::strtoull(line.c_str(), nullptr, 10);
        RunResult result;
        bad += !twice(options, result);
        ++count;
    }
    fmt::print("{} kept seeds, twice each: {} bad\n", count, bad);
    return count > 0 && bad == 0 ? 0 : 1;
}

// The first complaint of a run with that bug. In a process of its own: it may be that the broker itself finds
// that something does not hold, and ends all.
std::optional<std::string> complaint(std::uint64_t seed, Bug bug) {
    // What the program keeps for good it has from its first run on.
    static bool first = true;
    if (std::exchange(first, false)) (void)run({.seed = seed});
    std::fflush(stdout);
    int ends[2];
    if (pipe(ends) != 0) std::abort();
    auto child = fork();
    if (child < 0) std::abort();
    if (child == 0) {
        auto complaints = run({.seed = seed, .bug = bug, .until_complaint = true}).complaints;
        std::string text = complaints.empty() ? "" : complaints[0];
        bool told = write(ends[1], text.data(), text.size()) == ssize_t(text.size());
        _exit(told ? 0 : 1);
    }
    close(ends[1]);
    std::string text;
    char some[4096];
    for (ssize_t n; (n = read(ends[0], some, sizeof some)) > 0;) text.append(some, std::size_t(n));
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    if (!WIFEXITED(status)) return "ended: what the broker relies on does not hold";
    if (WEXITSTATUS(status) != 0) std::abort();
    return text.empty() ? std::nullopt : std::optional(text);
}

int run_planted(std::uint64_t seeds) {
    int missed = 0;
    for (auto& [name, bug, oracle] : bugs) {
        std::optional<std::string> caught;
        std::uint64_t seed = 0;
        // What another oracle says of it first does not count.
        bool rightly = false;
        for (; seed < seeds && !rightly; ++seed)
            if (auto said = complaint(seed, bug)) {
                rightly = said->starts_with(oracle);
                caught = std::move(said);
            }
        if (caught) fmt::print("planted: {:24} caught by seed {}: {}\n", name, seed - 1, *caught);
        else fmt::print("planted: {:24} NOT caught by {} seeds\n", name, seeds);
        std::fflush(stdout);
        if (caught && !rightly) fmt::print("planted: {:24} should say '{}'\n", name, oracle);
        missed += !rightly;
    }
    return missed == 0 ? 0 : 1;
}

// How far each bug is from being missed: what of N seeds catches it, and the first complaint's kind.
int run_rates(std::uint64_t seeds, Bug only) {
    constexpr std::uint64_t enough = 20;
    for (auto& [name, bug, oracle] : bugs) {
        if (only != Bug::none && bug != only) continue;
        std::uint64_t caught = 0, first = seeds, tried = 0;
        std::map<std::string, int> kinds;
        for (std::uint64_t seed = 0; seed < seeds && caught < enough; ++seed, ++tried) {
            auto found = complaint(seed, bug);
            if (!found) continue;
            if (caught++ == 0) first = seed;
            ++kinds[found->substr(0, found->find(':'))];
        }
        fmt::print("{:30} {:4} of {}, first by {:4}:", name, caught, tried, first);
        for (auto& [kind, times] : kinds) fmt::print(" {} x {}", kind, times);
        fmt::print("\n");
        std::fflush(stdout);
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    RunOptions options;
    std::optional<std::uint64_t> seed, seeds, from, rates;
    for (int i = 1; i < argc; ++i) {
        std::string_view word = argv[i];
        auto value = [&] { return i + 1 < argc ? std::string_view(argv[++i]) : std::string_view("0"); };
        auto number = [&] { return std::strtoull(value().data(), nullptr, 10); };
        if (word == "--seed") seed = number();
        else if (word == "--seeds") seeds = number();
        else if (word == "--from") from = number();
        else if (word == "--trace") options.trace = true;
        else if (word == "--until-event") options.until_event = number();
        else if (word == "--kept") return run_kept(std::string(value()));
        else if (word == "--planted") return run_planted(i + 1 < argc ? number() : 500);
        else if (word == "--rates") rates = i + 1 < argc ? number() : 500;
        else if (word == "--bugs") {
            for (auto& [name, bug, oracle] : bugs) fmt::print("{}\n", name);
            return 0;
        } else if (word == "--bug") {
            auto name = value();
            for (auto& [known, bug, oracle] : bugs)
                if (known == name) options.bug = bug;
            if (options.bug == Bug::none) return usage();
        } else {
            return usage();
        }
    }
    if (rates) return run_rates(*rates, options.bug);
    if (seed) {
        options.seed = *seed;
        if (options.trace || options.until_event > 0) {
            auto result = run(options);
            print(options, result);
            return result.complaints.empty() ? 0 : 1;
        }
        RunResult result;
        bool good = twice(options, result);
        if (good) print(options, result);
        return good ? 0 : 1;
    }
    if (seeds) {
        auto now = std::chrono::system_clock::now().time_since_epoch();
        return run_many(
            from.value_or(std::uint64_t(std::chrono::duration_cast<std::chrono::seconds>(now).count()) *
                          100'000),
            *seeds);
    }
    return usage();
}
