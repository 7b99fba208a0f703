// Sequences: what a partition knows of its idempotent producers (KIP-98), so that a batch sent again is
// not appended again, and one that would leave a gap is refused.
//
// Of each producer it keeps its epoch and its last five batches: a client has at most five requests in
// flight, so nothing older can come again. A value of its partition; it does no I/O and reads no clock.
// Everything in it is rebuilt from the log.
#pragma once

#include <array>
#include <list>
#include <unordered_map>

#include "base/ids.h"
#include "base/time.h"
#include "wire/records.h"

namespace fulmar {

class Sequences {
public:
    // max.in.flight.requests.per.connection of an idempotent producer, at most.
    static constexpr std::size_t batches_kept = 5;
    // A hostile client makes up producers for nothing; beyond this the one that was silent longest goes.
    static constexpr std::size_t producers_max = 100'000;

    struct Batch {
        ProducerId producer = no_producer;
        std::int16_t epoch = -1;
        std::int32_t first_sequence = -1, last_sequence = -1;
        Offset last_offset{-1};
        Timestamp timestamp{-1};
        Offset base_offset() const;  // Sequences wrap at 2^31; a batch has at most that many records.
        static Batch of(const wire::BatchView& batch);
    };

    enum class Verdict : std::uint8_t {
        next,          // Append it.
        duplicate,     // It is there already: `known` says where.
        out_of_order,  // Not the one that follows (error 45).
        stale_epoch,   // Another producer has this id now, in a later epoch (error 47).
    };
    struct Judgement {
        Verdict verdict = Verdict::next;
        Batch known;
    };
    // Of a producer that is not known any sequence is next: its state may have expired.
    Judgement judge(const Batch& batch) const;

    // `batch` was judged `next`, and could not be appended. What its producer has sent behind it must not be
    // taken in its place, which could happen while the producer is not known.
    void refused(const Batch& batch, Instant now);

    // `batch` is in the log. Followers and recovery say this without asking first. In the order of offsets.
    void appended(const Batch& batch, Instant now);

    // Forgets who wrote nothing since `before` (producer.id.expiration.ms).
    void expire(Instant before);
    std::size_t size() const { return producers_.size(); }
    void clear();

    // What a snapshot keeps, the longest silent first; and how it comes back, in that order.
    struct State {
        ProducerId id = no_producer;
        std::int16_t epoch = -1;
        std::int32_t expected = 0;   // Its next sequence.
        std::vector<Batch> batches;  // At most `batches_kept`, oldest first.
    };
    std::vector<State> states() const;
    void restore(const State& state, Instant now);

    // The sequence `records - 1` after `first`; it wraps from 2^31 - 1 to 0.
    static std::int32_t last_sequence(std::int32_t first, std::int32_t records);

private:
    struct Producer;
    Producer& touch(ProducerId id, Instant now);
    struct Producer {
        std::int16_t epoch = -1;
        std::int32_t expected = 0;  // Its next sequence.
        std::size_t count = 0;
        std::array<Batch, batches_kept> batches;  // The last `count` of them, oldest first.
        Instant touched{};
        std::list<ProducerId>::iterator place;
    };
    std::unordered_map<std::int64_t, Producer> producers_;
    std::list<ProducerId> by_silence_;  // The longest silent first.
};

}  // namespace fulmar
