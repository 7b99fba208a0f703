// Compaction as a partition sees it: whether it is time, what may be compacted, and what becomes of its log.
#include "base/log_sink.h"
#include "broker/partition.h"
#include "log/compaction.h"
#include "log/retention.h"

namespace fulmar {

namespace {

// Full segments at the front of a log, and what of them is not compacted yet.
struct Compactable {
    std::vector<Segment> segments;
    Offset end{};
    std::uint64_t clean_bytes = 0, dirty_bytes = 0;
    std::optional<Timestamp> dirty_since;  // When the first of that was appended, or later.
};

Result<Compactable> compactable(LogView& view, std::vector<Segment> segments, Offset end, Offset clean_until,
                                Timestamp appended_until) {
    Compactable found;
    found.segments = std::move(segments);
    found.end = end;
    for (std::size_t n = 0; n < found.segments.size(); ++n) {
        auto last = view.last_entry(n);
        if (!last) return std::unexpected(last.error());
        auto& segment = found.segments[n];
        if (last->appended_before > appended_until) {
            found.end = segment.base;
            found.segments.resize(n);
            break;
        }
        segment.last = *last;
        auto bytes = last->at.position;
        (last->at.offset <= clean_until ? found.clean_bytes : found.dirty_bytes) += bytes;
        if (last->at.offset > clean_until && !found.dirty_since) found.dirty_since = last->appended_before;
    }
    return found;
}

}  // namespace

bool Partition::wants_compaction() const {
    return rules_.log.compacts && log_.exists() && !damaged_ && !retired_ && !offline() &&
           directory_->room != Room::none;
}

// Only full segments are deleted or compacted: one that nobody writes to must be full one day. REQUIRES: the
// wall clock is to be believed.
Task<> Partition::roll_idle(Millis age) {
    auto now = context_.believed_time();
    if (ClockWatch::void_stamp(log_.newest().appended_before, now)) log_.appended_at(now);
    auto idle = [&] {
        return log_.newest().at.position > 0 && durable_ == log_.end() &&
               context_.believed_time() - retained_from(log_.newest()) > age;
    };
    if (!idle()) co_return;
    co_await turns_.enter();
    if (idle() && !retired_ && !offline()) (void)co_await roll();
    leave_turn();
}

Task<> Partition::wait_for(PacedWork by, std::optional<Use>& use) {
    use.reset();
    co_await by.own.turn();
    co_await by.shared.turn();
    if (!retired_ && !by.stopping) use.emplace(*this);
}

Task<> Partition::compact(PacedWork by, std::size_t map_bytes_max) {
    std::optional<Use> use(std::in_place, *this);
    if (rules_.log.max_compaction_lag < Millis::max()) co_await roll_idle(rules_.log.max_compaction_lag);
    auto& disk = context_.seam.disk;
    auto& rules = rules_.log;
    auto directory = log_.directory();
    // A recovery point must not stand in a segment that is not there any more.
    std::vector<Segment> segments;
    auto view = log_.view(log_.segments().front().base, durable_, leader_epoch_, context_.stamp_time());
    auto end = log_.segments().front().base;
    for (std::size_t n = 0; n + 1 < log_.segments().size(); ++n) {
        auto next = log_.segments()[n + 1].base;
        if (next > durable_.offset || next > checkpointed.segment) break;
        segments.push_back(log_.segments()[n]);
        end = next;
    }
    if (segments.empty()) co_return;
    auto now = context_.believed_time();
    auto state = compaction_;
    auto looked = co_await disk.run([&]() -> Result<Compactable> {
        if (!state) {
            auto read = read_compaction_state(*directory);
            if (!read) return std::unexpected(read.error());
            state = *read;
        }
        return compactable(view, segments, end, state->until, now + -rules.min_compaction_lag);
    });
    learn(view);
    if (!looked) {
        log_error("{}: compaction: {}", name_, to_text(looked.error()));
        co_return;
    }
    compaction_ = state;
    auto all = double(looked->clean_bytes + looked->dirty_bytes);
    bool dirty =
        looked->dirty_bytes > 0 && double(looked->dirty_bytes) > rules.min_cleanable_dirty_ratio * all;
    bool overdue = looked->dirty_since && now - *looked->dirty_since > rules.max_compaction_lag;
    bool tombstones = state->next_horizon && *state->next_horizon <= now;
    // A pass that did not come to its end, or had no memory for more: nobody knows of its tombstones.
    bool unfinished = std::ranges::any_of(looked->segments, [&](const Segment& segment) {
        return segment.name().compacted() && segment.name().end > state->until;
    });
    bool due = dirty || overdue || tombstones || unfinished;
    if (looked->segments.empty() || !due) co_return;

    CompactionRules how{.log_start = log_.start(),
                        .from = state->until,
                        .now = now,
                        .horizon = now + rules.delete_retention,
                        .map_bytes_max = map_bytes_max,
                        .secret = context_.seam.loop.random(),
                        .segment_bytes = rules.segment_bytes,
                        .index_bytes_max = rules.index_bytes_max,
                        .index_interval_bytes = std::max<std::uint64_t>(rules.index_interval_bytes, 1),
                        .leader_epoch_max = leader_epoch_};
    for (auto& producer : sequences_.states())
        if (!producer.batches.empty()) how.producers[producer.id] = producer.batches.back().last_offset;
    Compaction pass(directory, std::move(looked->segments), looked->end, std::move(how));
    bool done = false;
    Result<> went;
    while (went && !done && wants_compaction()) {
        constexpr std::uint64_t step_bytes = 1 << 20;
        co_await wait_for(by, use);
        if (retired_) co_return;  // Its files have gone.
        if (!use) break;
        auto step = co_await disk.run([&] { return pass.step(step_bytes); });
        if (!step) went = std::unexpected(step.error());
        if (!step) break;
        by.took(step->bytes);
        context_.counters.compacted_bytes += step->bytes;
        if (step->made) replaced_by(std::move(*step->made));
        done = step->done;
    }
    if (!done) {
        if (!use) use.emplace(*this);
        auto given_up = co_await disk.run([&] { return pass.give_up(); });
        if (went) went = given_up;
        // What was to be read may have been deleted for its age meanwhile.
        if (went || went.error() == Error::missing) co_return;
        if (!goes_on("compaction", went.error())) failed(went.error());
        co_return;
    }
    auto& outcome = pass.outcome();
    if (outcome.records_removed > 0)
        log_info("{}: compacted up to offset {}: {} records removed, {} of {} bytes left", name_,
                 std::to_underlying(pass.until()), outcome.records_removed, outcome.bytes_after,
                 outcome.bytes_before);
    context_.counters.compaction_removed_records += outcome.records_removed;
    context_.counters.compaction_freed_bytes +=
        outcome.bytes_before - std::min(outcome.bytes_before, outcome.bytes_after);
    CompactionState reached{pass.until(), pass.next_horizon()};
    if (reached == compaction_) co_return;
    auto written = co_await disk.run([&] { return write_compaction_state(*directory, reached); });
    if (written) compaction_ = reached;
    else if (!goes_on("compaction", written.error())) failed(written.error());
}

void Partition::replaced_by(Segment made) {
    for (auto& segment : log_.replace(std::move(made)))
        left_.push_back({std::move(segment), log_start(), context_.seam.loop.now()});
}

}  // namespace fulmar
