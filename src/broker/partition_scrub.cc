// The look at all that a partition has on the disk.
#include "base/log_sink.h"
#include "broker/partition.h"
#include "log/scrub.h"

namespace fulmar {

Task<> Partition::scrub(PacedWork by) {
    std::optional<Use> use(std::in_place, *this);
    auto& disk = context_.seam.disk;
    constexpr std::uint64_t step_bytes = 1 << 20;
    auto goes_on = [&] { return !by.stopping && !retired_ && log_.exists() && !offline(); };
    // What comes meanwhile has its time in the next round, whose pace it is in. By offset, since segments
    // come and go.
    auto until = durable_.offset;
    for (auto next = log_.exists() ? log_.segments().front().base : Offset{}; goes_on();) {
        auto& segments = log_.segments();
        auto at = std::ranges::lower_bound(segments, next, {}, &Segment::base);
        if (at == segments.end() || at->base >= until) break;
        bool full = at + 1 != segments.end();
        bool all_durable = full && (at + 1)->base <= durable_.offset;
        auto end = all_durable ? LogPoint{(at + 1)->base, (at + 1)->position} : durable_;
        auto segment = *at;
        auto index = full ? segment.index : Index(segment.name());  // That of the active one grows meanwhile.
        next = end.offset;
        Scrub scrub({.file = segment.file,
                     .index = index,
                     .end = {end.offset, end.position - segment.position},
                     .verified = {},
                     .leader_epoch_max = leader_epoch_},
                    all_durable);
        Result<> went;
        for (bool done = false; went && !done && goes_on();) {
            co_await wait_for(by, use);
            if (!use) co_return;
            auto step = co_await disk.run([&] { return scrub.step(step_bytes); });
            if (!step) went = std::unexpected(step.error());
            if (!step) break;
            done = step->done;
            by.took(step->bytes);
            context_.counters.scrubbed_bytes += step->bytes;
        }
        // It may have been deleted meanwhile.
        if (!went && went.error() != Error::missing)
            log_error("{}: segment {} cannot be read: {}", name_, std::to_underlying(segment.base),
                      to_text(went.error()));
        SegmentNews news{.segment = segment.name()};
        for (auto& [from, until] : scrub.damage()) {
            log_error("{}: damaged from offset {} to {}, bytes {} to {} of segment {}", name_,
                      std::to_underlying(from.offset), std::to_underlying(until.offset), from.position,
                      until.position, std::to_underlying(segment.base));
            ++context_.counters.scrub_damage;
            for (auto piece = from.position / Verified::piece_bytes;
                 piece * Verified::piece_bytes < until.position; ++piece)
                news.doubted.push_back(piece);
        }
        log_.learn(news);
        if (went && full && !scrub.index_is_right() && goes_on()) co_await mend_index(segment.base);
    }
}

Task<> Partition::mend_index(Offset segment) {
    auto view = log_.view(segment, durable_, leader_epoch_, context_.stamp_time(), 2);
    if (view.size() < 2 || view.base_of(0) != segment) co_return;
    auto mended = co_await context_.seam.disk.run([&] { return view.mend_index(0); });
    learn(view);
    if (!mended && !goes_on("mending an index", mended.error())) failed(mended.error());
}

}  // namespace fulmar
