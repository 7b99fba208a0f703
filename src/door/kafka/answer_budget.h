// AnswerBudget: what a core's connections hold in memory of answers that have not left, and who waits for
// that to become less. Ranges of files cost nothing. One core's.
//
// Answers about settings (DescribeConfigs), by far the longest, have room for bytes_max; all others together
// have room for a quarter of that besides, so that they do not wait for those. Nobody knows how long an
// answer gets before it is made, so these are marks and no walls: what may be long begins while less than
// that is held. Small answers, and those to small requests and to produces, begin at once; but no connection
// begins anything while it holds more than a small answer. What is told of groups is copied out of their
// coordinators first, and waits for their logs: it counts from then on, but keeps only its like waiting. So
// beyond the marks there is what had begun before (about settings one answer, since they are made one by
// one), and on each connection what begins at once.
//
// While somebody waits, whoever has taken nothing of its answers for three seconds is closed, the largest
// first, until half of the room is free; when many wait, sooner: n of them for 3/n seconds, but for one at
// least. Who takes something, however little, keeps its room.
#pragma once

#include <algorithm>
#include <array>
#include <numeric>

#include "io/seam.h"

namespace fulmar::kafka {

class AnswerBudget {
public:
    enum Kind : std::uint8_t { settings, others };
    static constexpr std::array kinds{settings, others};
    using Held = std::array<std::uint64_t, kinds.size()>;  // Bytes, by kind.
    static std::uint64_t sum(const Held& held) { return std::accumulate(held.begin(), held.end(), 0ULL); }

    AnswerBudget(Loop& loop, std::uint64_t bytes_max) : loop_(loop), max_{bytes_max, bytes_max / 4} {}

    // What is no longer never waits.
    std::uint64_t small_bytes() const { return std::min<std::uint64_t>(64 << 10, max_[others]); }
    bool has_room(Kind kind) const { return held_[kind] < max_[kind]; }
    // Whether what is copied for an answer may be: beside what is held of its kind.
    bool has_room_to_make(Kind kind) const { return held_[kind] + making_ < max_[kind]; }
    std::uint64_t making() const { return making_; }
    void begin_to_make(std::uint64_t bytes) { making_ += bytes; }
    void made(Kind kind, std::uint64_t bytes) {
        CHECK(bytes <= making_);
        making_ -= bytes;
        if (waiting_[kind] > 0) look_again(kind);
    }
    std::uint64_t bytes_max(Kind kind) const { return max_[kind]; }
    const Held& held() const { return held_; }
    void add(Kind kind, std::uint64_t bytes) { held_[kind] += bytes; }
    void remove(const Held& gone) {
        for (auto kind : kinds) {
            CHECK(gone[kind] <= held_[kind]);
            held_[kind] -= gone[kind];
            if (waiting_[kind] > 0 && has_room(kind)) look_again(kind);
        }
    }

    // Until there may be room, in the order they came; or there is another reason to look (look_again): who
    // waits may have been closed meanwhile.
    auto changed(Kind kind) {
        ++waiting_[kind];
        return changed_[kind].wait();
    }
    int waiting(Kind kind) const { return waiting_[kind]; }
    // How long a reader may take nothing while so many wait. REQUIRES: some do.
    Millis reader_patience(Kind kind) const {
        return std::max(Millis(1'000), Millis(3'000) / waiting_[kind]);
    }
    void look_again(Kind kind) {
        waiting_[kind] = 0;
        changed_[kind].notify(loop_);
    }

private:
    Loop& loop_;
    const Held max_;
    Held held_{};
    std::uint64_t making_ = 0;  // Bytes, of groups.
    std::array<int, kinds.size()> waiting_{};
    std::array<Signal, kinds.size()> changed_;
};

}  // namespace fulmar::kafka
