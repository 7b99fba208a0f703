#include "broker/counters.h"

namespace fulmar {

void Counters::add(const Counters& other) {
    if (requests.empty()) requests.resize(other.requests.size());
    for (std::size_t i = 0; i < std::min(requests.size(), other.requests.size()); ++i) {
        auto& mine = requests[i];
        auto& theirs = other.requests[i];
        mine.api = theirs.api;
        for (std::size_t code = 0; code < mine.answers.size(); ++code)
            mine.answers[code] += theirs.answers[code];
        mine.unanswerable += theirs.unanswerable;
        mine.latency.add(theirs.latency);
    }
    syncs.add(other.syncs);
    constexpr std::uint64_t Counters::* plain[] = {
        &Counters::received_bytes,         &Counters::sent_bytes,
        &Counters::connections_accepted,   &Counters::connections_open,
        &Counters::failed_accepts,         &Counters::closed_idle,
        &Counters::closed_for_memory,      &Counters::closed_for_request,
        &Counters::request_buffer_bytes,   &Counters::appended_records,
        &Counters::appended_batches,       &Counters::appended_bytes,
        &Counters::fetched_bytes,          &Counters::deleted_segments,
        &Counters::deleted_bytes,          &Counters::compacted_bytes,
        &Counters::compaction_freed_bytes, &Counters::compaction_removed_records,
        &Counters::scrubbed_bytes,         &Counters::scrub_damage,
        &Counters::failed_writes,          &Counters::failed_syncs,
        &Counters::damaged_reads,          &Counters::rebuilt_indexes,
        &Counters::group_rebalances,       &Counters::closed_deaf,
        &Counters::unsent_bytes,
    };
    for (auto field : plain) this->*field += other.*field;
}

}  // namespace fulmar
