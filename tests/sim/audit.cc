#include "tests/sim/audit.h"

#include <fmt/format.h>

#include "wire/kafka/list_offsets.h"

namespace fulmar::sim {

using namespace kafka;

// The first record with that time or a later one, from all there are.
static Task<Result<>> look_for_times(Workload& work, Client& client, const Place& place,
                                     const std::vector<Ledger::Record>& records) {
    if (records.empty()) co_return {};
    auto& chance = work.world.workload;
    auto largest = std::ranges::max_element(records, {}, &Ledger::Record::stamp)->stamp;
    for (int n = 0; n < 8; ++n) {
        auto at = records[std::size_t(chance.below(records.size()))].stamp + Millis(chance.between(-1, 1));
        if (n == 0) at = largest + Millis(1);
        auto asked = n == 1 ? Timestamp(ListOffsetsRequest::max_timestamp) : at;
        if (n == 1) at = largest;
        auto right = std::ranges::find_if(records, [&](auto& record) { return record.stamp >= at; });
        auto expected = right == records.end() ? Offset{-1} : right->offset;
        auto told = co_await co_await ask_offset(client, place, asked);
        if (told.error != ErrorCode::none || told.offset != expected)
            work.ledger.complain(fmt::format("another time: {}-{} says {} and offset {} for {}, not {}",
                                             place.topic, place.partition, kafka::to_text(told.error),
                                             std::to_underlying(told.offset), std::to_underlying(asked),
                                             std::to_underlying(expected)));
    }
    co_return {};
}

// All there is of a partition up to its end, or up to the error that it gives.
static Task<Result<ErrorCode>> read_partition(Seam& seam, Workload& work, const Place& place,
                                              std::vector<Ledger::Record>& records, bool times, Offset& end) {
    Client client(seam, work.server);
    co_await co_await client.connect();
    auto start = co_await co_await ask_offset(client, place, ListOffsetsRequest::earliest);
    if (start.error != ErrorCode::none) co_return start.error;
    for (auto next = start.offset;;) {
        auto see = [&](const Ledger::Record& record) { records.push_back(record); };
        auto fetched = co_await co_await fetch(client, work, place, next, 11, see);
        if (fetched.error == ErrorCode::offset_out_of_range && work.ledger.may_be_deleted(place, next)) {
            start = co_await co_await ask_offset(client, place, ListOffsetsRequest::earliest);
            if (start.error != ErrorCode::none) co_return start.error;
            next = std::max(next, start.offset);
            continue;
        }
        if (fetched.error != ErrorCode::none) co_return fetched.error;
        end = fetched.high_watermark;
        if (next >= end) break;
        next = fetched.next;
    }
    if (times && !work.ledger.retention_us && !work.ledger.is_compacted(place))
        co_await co_await look_for_times(work, client, place, records);
    co_return ErrorCode::none;
}
static Task<ErrorCode> read_until_told(Seam& seam, Workload& work, const Place& place,
                                       std::vector<Ledger::Record>& records, bool times, Offset& end) {
    for (;;) {
        records.clear();
        auto read = co_await read_partition(seam, work, place, records, times, end);
        if (read) co_return *read;
        co_await pause(seam, work, 10);
    }
}
Task<> read_all(Seam& seam, Workload& work, bool& done) {
    for (auto& place : work.ledger.places()) {
        std::vector<Ledger::Record> records;
        Offset end{};
        auto error = co_await read_until_told(seam, work, place, records, true, end);
        work.ledger.ends_at(place, end);
        // It may never have come to be.
        if (error != ErrorCode::none && error != ErrorCode::unknown_topic_or_partition)
            work.ledger.complain(fmt::format("unreadable: {}-{} gives {} at the end", place.topic,
                                             place.partition, kafka::to_text(error)));
        for (auto& record : records) work.ledger.final_record(place, record);
    }
    done = true;
}

// Whoever asks for what has been lost hears so, and for what has not been gets it.
static Task<Result<>> read_hurt(Seam& seam, Workload& work, const Place& place, const Harm& harm) {
    Client client(seam, work.server);
    co_await co_await client.connect();
    auto& ledger = work.ledger;
    auto end = ledger.final_end(place);
    auto complain = [&](std::string_view what, ErrorCode error, Offset at) {
        ledger.complain(fmt::format("{}: {}-{} gives {} at {}", what, place.topic, place.partition,
                                    kafka::to_text(error), std::to_underlying(at)));
    };
    auto start = co_await co_await ask_offset(client, place, ListOffsetsRequest::earliest);
    for (auto next = start.error == ErrorCode::none ? start.offset : Offset{0}; next < end;) {
        std::vector<Ledger::Record> records;
        auto see = [&](const Ledger::Record& record) { records.push_back(record); };
        auto fetched = co_await co_await fetch(client, work, place, next, 11, see);
        for (auto& record : records) ledger.judge_served(place, record);
        if (fetched.error == ErrorCode::none && fetched.next > next) {
            auto dense = records.size() == std::size_t(fetched.next - next) || ledger.is_compacted(place);
            if (!dense) complain("skipped in silence", fetched.error, next);
            next = fetched.next;
            continue;
        }
        if (fetched.error != ErrorCode::kafka_storage_error) complain("damage hidden", fetched.error, next);
        else if (!harm.excuses(next) && ledger.was_there(place, next))
            complain("unreadable, and was not damaged", fetched.error, next);
        next = next + 1;
    }
    for (auto at : {ListOffsetsRequest::latest, ListOffsetsRequest::max_timestamp}) {
        auto told = co_await co_await ask_offset(client, place, at);
        bool lost = harm.end_lost && told.error == ErrorCode::kafka_storage_error;
        bool right =
            told.error == ErrorCode::none && (at != ListOffsetsRequest::latest || told.offset == end);
        bool hit = at == ListOffsetsRequest::max_timestamp && told.error == ErrorCode::kafka_storage_error;
        if (!lost && !right && !hit) complain("damage hidden: its end", told.error, told.offset);
    }
    co_return {};
}
// What a producer sends again is known as long as it is in the log, although what its broker had noted of it
// may be lost: it is read from there.
static Task<Result<>> send_all_again(Seam& seam, Workload& work, const Place& place) {
    Client client(seam, work.server);
    co_await co_await client.connect();
    for (auto& [producer, last] : work.last_acknowledged[place]) {
        auto before = co_await co_await ask_offset(client, place, ListOffsetsRequest::earliest);
        if (before.error != ErrorCode::none || before.offset > last.base) continue;
        auto told = co_await co_await send_again(client, place, last.batch);
        bool known = told.error == ErrorCode::none && told.offset == last.base;
        auto start = known ? told : co_await co_await ask_offset(client, place, ListOffsetsRequest::earliest);
        if (!known && start.offset <= last.base)
            work.ledger.complain(
                fmt::format("forgotten: producer {} sends what {}-{} has at {} again, and gets {} at {}",
                            producer, place.topic, place.partition, std::to_underlying(last.base),
                            kafka::to_text(told.error), std::to_underlying(told.offset)));
    }
    co_return {};
}
Task<> read_damaged(Seam& seam, Workload& work, Harms harms, bool& done) {
    for (auto& place : work.ledger.places()) {
        if (auto harm = harms.find(place); harm != harms.end()) {
            while (!co_await read_hurt(seam, work, place, harm->second)) co_await pause(seam, work, 10);
            continue;
        }
        std::vector<Ledger::Record> records;
        Offset end{};
        auto error = co_await read_until_told(seam, work, place, records, true, end);
        if (error != ErrorCode::none && error != ErrorCode::unknown_topic_or_partition)
            work.ledger.complain(fmt::format("unreadable: {}-{} gives {}, and was not damaged", place.topic,
                                             place.partition, kafka::to_text(error)));
        for (auto& record : records) work.ledger.judge_served(place, record);
        if (end != work.ledger.final_end(place))
            work.ledger.complain(
                fmt::format("lost: {}-{} ends at {}", place.topic, place.partition, std::to_underlying(end)));
        if (error == ErrorCode::none)
            while (!co_await send_all_again(seam, work, place)) co_await pause(seam, work, 10);
    }
    done = true;
}

static Task<Result<>> expect_away(Seam& seam, Workload& work, const Place& place) {
    Client client(seam, work.server);
    co_await co_await client.connect();
    auto complain = [&](std::string_view what, ErrorCode error) {
        if (error != ErrorCode::kafka_storage_error)
            work.ledger.complain(fmt::format("away, and served: {} of {}-{} gives {}", what, place.topic,
                                             place.partition, kafka::to_text(error)));
    };
    for (auto at : {ListOffsetsRequest::latest, ListOffsetsRequest::earliest})
        complain("an offset", (co_await co_await ask_offset(client, place, at)).error);
    auto see = [](const Ledger::Record&) {};
    complain("a fetch", (co_await co_await fetch(client, work, place, Offset{0}, 11, see)).error);
    co_return {};
}
Task<> read_without(Seam& seam, Workload& work, std::set<Place> there, std::set<Place> away, bool& done) {
    for (auto& place : away)
        while (!co_await expect_away(seam, work, place)) co_await pause(seam, work, 10);
    for (auto& place : there) {
        std::vector<Ledger::Record> records;
        Offset end{};
        auto error = co_await read_until_told(seam, work, place, records, false, end);
        if (error != ErrorCode::none || end != work.ledger.final_end(place))
            work.ledger.complain(fmt::format("unreadable beside a lost disk: {}-{} gives {} and ends at {}",
                                             place.topic, place.partition, kafka::to_text(error),
                                             std::to_underlying(end)));
        for (auto& record : records) work.ledger.judge_served(place, record);
    }
    done = true;
}

}  // namespace fulmar::sim
