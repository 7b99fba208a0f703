#include "core/producer/sequences.h"

#include <algorithm>

#include "base/check.h"
#include "base/planted.h"

namespace fulmar {

static std::int32_t following(std::int32_t sequence) { return sequence == INT32_MAX ? 0 : sequence + 1; }

std::int32_t Sequences::last_sequence(std::int32_t first, std::int32_t records) {
    auto last = std::int64_t(first) + records - 1;
    return std::int32_t(last > INT32_MAX ? last - INT32_MAX - 1 : last);
}
Offset Sequences::Batch::base_offset() const {
    auto more = std::int64_t(last_sequence) - first_sequence;
    if (more < 0) more += std::int64_t(INT32_MAX) + 1;
    return last_offset + -more;
}

Sequences::Batch Sequences::Batch::of(const wire::BatchView& batch) {
    return {
        batch.producer_id(),   batch.producer_epoch(),
        batch.base_sequence(), Sequences::last_sequence(batch.base_sequence(), batch.last_offset_delta() + 1),
        batch.last_offset(),   batch.max_timestamp()};
}

Sequences::Judgement Sequences::judge(const Batch& batch) const {
    auto known = producers_.find(std::to_underlying(batch.producer));
    if (known == producers_.end()) return {};
    auto& producer = known->second;
    if (batch.epoch < producer.epoch) return {Verdict::stale_epoch, {}};
    if (batch.epoch > producer.epoch)
        return {batch.first_sequence == 0 ? Verdict::next : Verdict::out_of_order, {}};
    std::size_t first = planted(Bug::dedupe_window_of_four) && producer.count == batches_kept ? 1 : 0;
    for (std::size_t i = first; i < producer.count; ++i) {
        auto& kept = producer.batches[i];
        if (kept.first_sequence == batch.first_sequence && kept.last_sequence == batch.last_sequence)
            return {Verdict::duplicate, kept};
    }
    return {batch.first_sequence == producer.expected ? Verdict::next : Verdict::out_of_order, {}};
}

Sequences::Producer& Sequences::touch(ProducerId id, Instant now) {
    auto [known, fresh] = producers_.try_emplace(std::to_underlying(id));
    auto& producer = known->second;
    if (fresh) producer.place = by_silence_.insert(by_silence_.end(), id);
    else by_silence_.splice(by_silence_.end(), by_silence_, producer.place);
    producer.touched = now;
    if (producers_.size() > producers_max) {
        producers_.erase(std::to_underlying(by_silence_.front()));
        by_silence_.pop_front();
    }
    return producer;
}
void Sequences::refused(const Batch& batch, Instant now) {
    if (producers_.contains(std::to_underlying(batch.producer))) return;
    auto& producer = touch(batch.producer, now);
    producer.epoch = batch.epoch;
    producer.expected = batch.first_sequence;
}
void Sequences::appended(const Batch& batch, Instant now) {
    auto& producer = touch(batch.producer, now);
    if (producer.epoch != batch.epoch) producer.count = 0;
    producer.epoch = batch.epoch;
    producer.expected = following(batch.last_sequence);
    if (producer.count == batches_kept) {
        std::shift_left(producer.batches.begin(), producer.batches.end(), 1);
        --producer.count;
    }
    producer.batches[producer.count++] = batch;
}

void Sequences::expire(Instant before) {
    while (!by_silence_.empty()) {
        auto longest = producers_.find(std::to_underlying(by_silence_.front()));
        CHECK(longest != producers_.end());
        if (longest->second.touched >= before) break;
        producers_.erase(longest);
        by_silence_.pop_front();
    }
}
std::vector<Sequences::State> Sequences::states() const {
    std::vector<State> states;
    states.reserve(producers_.size());
    for (auto id : by_silence_) {
        auto& producer = producers_.at(std::to_underlying(id));
        states.push_back(
            {id,
             producer.epoch,
             producer.expected,
             {producer.batches.begin(), producer.batches.begin() + std::ptrdiff_t(producer.count)}});
    }
    return states;
}
void Sequences::restore(const State& state, Instant now) {
    auto& producer = touch(state.id, now);
    producer.epoch = state.epoch;
    producer.expected = state.expected;
    producer.count = std::min(state.batches.size(), batches_kept);
    std::copy_n(state.batches.begin(), producer.count, producer.batches.begin());
}
void Sequences::clear() {
    producers_.clear();
    by_silence_.clear();
}

}  // namespace fulmar
