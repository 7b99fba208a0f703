// A partition whose records have keys, to be compacted, and what must be left of it then.
#pragma once

#include "log/compaction.h"
#include "log/compaction_state.h"
#include "log/partition_files.h"
#include "tests/log/log_world.h"
#include "tests/sim/chance.h"

namespace fulmar::test {

inline constexpr Timestamp compacted_at{1'000'000};

struct Write {
    std::string key;
    std::optional<std::string> value;
    bool operator==(const Write&) const = default;
};
using Records = std::map<Offset, Write>;

// A partition whose records have keys, beside what was written to it.
class Keyed {
public:
    explicit Keyed(Directory& data) : partition(data) {}
    explicit Keyed(PartitionLog found) : partition(std::move(found)) {}

    void append(const std::vector<Write>& writes, wire::BatchProducer producer = {},
                wire::Codec codec = wire::Codec::none) {
        wire::BatchBuilder builder;
        auto offset = log().end().offset;
        for (auto& write : writes) {
            builder.add(Timestamp{1000}, bytes_of(write.key),
                        write.value ? std::optional(bytes_of(*write.value)) : std::nullopt);
            written[offset] = write;
            offset = offset + 1;
        }
        wire::ProducedBatch batch;
        batch.rewritten = builder.finish(codec, producer);
        std::copy_n(batch.rewritten.begin(), wire::batch_header_bytes, batch.header.begin());
        batch.records = Bytes(batch.rewritten).subspan(wire::batch_header_bytes);
        EXPECT_TRUE(log().append(batch, 5, usual_wall, 200));
    }
    void roll() { partition.roll(); }
    PartitionLog& log() { return partition.log; }

    // The full segments, with what time says of each.
    std::vector<Segment> full() {
        auto view = log().view(log().segments().front().base, log().end(), 5, usual_wall);
        std::vector<Segment> segments;
        for (std::size_t n = 0; n + 1 < log().segments().size(); ++n) {
            segments.push_back(log().segments()[n]);
            segments.back().last = view.last_entry(n).value();
        }
        return segments;
    }
    CompactionRules rules(Timestamp at = compacted_at) {
        CompactionRules rules;
        rules.from = state.until;
        rules.log_start = log().start();
        rules.now = at, rules.horizon = at + std::chrono::seconds(1);
        rules.map_bytes_max = 1 << 20;
        rules.index_interval_bytes = 200;
        return rules;
    }
    // A whole pass.
    Result<> compact(CompactionRules how, std::uint64_t step_bytes = 1 << 20) {
        Compaction pass(log().directory(), full(), log().segments().back().base, std::move(how));
        for (bool done = false; !done;) {
            auto step = pass.step(step_bytes);
            if (!step) {
                (void)pass.give_up();
                return std::unexpected(step.error());
            }
            if (step->made)
                for (auto& segment : log().replace(std::move(*step->made)))
                    replaced.push_back(segment.name());
            done = step->done;
        }
        EXPECT_GT(pass.until(), state.until);
        state = {pass.until(), pass.next_horizon()};
        return write_compaction_state(*log().directory(), state);
    }

    Partition partition;
    Records written;
    CompactionState state;
    std::vector<SegmentName> replaced;
};

// Front to back, as consumers do: every batch where the one in front ends.
inline Records all_of(PartitionLog& log) {
    Records all;
    for (auto at = log.start(); at < log.end().offset;) {
        auto slice = read(log, at, log.end(), 1 << 20, true);
        if (!slice) {
            ADD_FAILURE() << "at " << std::to_underlying(at) << ": " << to_text(slice.error());
            return all;
        }
        auto text = text_of(slice->range);
        auto left = bytes_of(text);
        EXPECT_EQ(slice->base, wire::BatchView(left).base_offset());
        at = slice->base;
        while (auto batch = wire::BatchView::whole(left)) {
            EXPECT_TRUE(batch->crc_matches());
            EXPECT_EQ(batch->base_offset(), at);
            auto open = wire::OpenBatch::open(*batch, 1 << 20);
            EXPECT_TRUE(open);
            for (auto& record : open->records())
                all[open->offset_of(record)] = {
                    std::string(fulmar::text_of(*record.key)),
                    record.value ? std::optional(std::string(fulmar::text_of(*record.value))) : std::nullopt};
            at = batch->next_offset();
            left = left.subspan(batch->size());
        }
    }
    return all;
}
// What must be left of it when all in front of `until` is compacted.
inline Records compacted(const Records& written, Offset until, bool tombstones) {
    std::map<std::string, Offset> last;
    for (auto& [offset, write] : written)
        if (offset < until) last[write.key] = offset;
    Records left;
    for (auto& [offset, write] : written) {
        bool kept = offset >= until || (last[write.key] == offset && (write.value || tombstones));
        if (kept) left[offset] = write;
    }
    return left;
}
inline std::vector<Write> some_writes(sim::Chance& rng, int keys, int count) {
    std::vector<Write> writes;
    for (int n = 0; n < count; ++n) {
        auto key = std::to_string(rng.below(std::uint64_t(keys)));
        auto value =
            rng.below(5) == 0 ? std::nullopt : std::optional("v" + std::to_string(rng.below(1'000'000)));
        writes.push_back({key, value});
    }
    return writes;
}

}  // namespace fulmar::test
